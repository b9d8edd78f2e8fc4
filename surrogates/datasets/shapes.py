"""Curves over one numeric column, and tables of such columns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from surrogates._params import NONE, Constraint, Instance, Interval
from surrogates.datasets.closed_form import SumOfProducts, Values, as_bunch

__all__ = ["COUNT", "NOISE", "RANDOM_STATE", "Shape", "generate", "random_shapes"]

COUNT: list[Constraint] = [Interval("int", 1, None)]
NOISE: list[Constraint] = [Interval("float", 0, None)]
RANDOM_STATE: list[Constraint] = [
    Interval("int", 0, None),
    Instance(np.random.RandomState, "an instance of 'numpy.random.RandomState'"),
    NONE,
]


def _sine(x: Values) -> Values:
    return np.sin(np.pi * x)


def _step(x: Values) -> Values:
    return np.heaviside(x, 1.0)


_CURVES: dict[str, Callable[[Values], Values]] = {
    "sine": _sine,
    "square": np.square,
    "exponential": np.exp,
    "absolute": np.abs,
    "step": _step,
    "linear": np.positive,
}


@dataclass(frozen=True)
class Shape:
    """A named curve times a number.

    Parameters
    ----------
    curve : {"sine", "square", "exponential", "absolute", "step", "linear"}
        sin(pi x), x^2, exp(x), |x|, 1 where x >= 0, x.
    scale : float
        What the curve is multiplied by.
    """

    curve: str
    scale: float

    def __call__(self, values: NDArray[Any]) -> Values:
        """Evaluate the curve."""
        return self.scale * _CURVES[self.curve](np.asarray(values, dtype=np.float64))


def random_shapes(n_features: int, rng: np.random.RandomState) -> dict[str, Shape]:
    """Give the columns x0, x1, ... the curves in turn, with random scales."""
    scales = rng.uniform(0.5, 2.0, n_features) * rng.choice([-1.0, 1.0], n_features)
    curves = list(_CURVES)
    return {f"x{j}": Shape(curves[j % len(curves)], float(scale)) for j, scale in enumerate(scales)}


def generate(
    function: SumOfProducts, n_samples: int, noise: float, rng: np.random.RandomState
) -> Bunch:
    """Draw the columns of `function` uniformly from [-1, 1), and its target with noise."""
    names = list(function.functions)
    data = pd.DataFrame(rng.uniform(-1.0, 1.0, (n_samples, len(names))), columns=names)
    target = function(data) + noise * rng.standard_normal(n_samples)
    return as_bunch(function, data, pd.Series(target, name="target"))
