"""Checks of constructor parameters, worded as scikit-learn words them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ANY_CALLABLE",
    "BOOLEAN",
    "NONE",
    "Constraint",
    "Instance",
    "Interval",
    "Options",
    "check_params",
    "check_weights",
]


class Constraint(Protocol):
    """What a parameter may be: a test, and words for the error message."""

    def accepts(self, value: Any) -> bool:
        """Tell whether `value` satisfies the constraint."""

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Interval:
    """Numbers between two bounds.

    Parameters
    ----------
    kind : {"int", "float"}
        "float" accepts integers too; booleans are never numbers.
    low, high : float or None
        None is unbounded.
    closed : {"left", "right", "both", "neither"}
        Which bounds belong to the interval; an unbounded side never does.

    Examples
    --------
    >>> str(Interval("float", 0, 1, closed="right"))
    'a float in the range (0, 1]'
    >>> Interval("int", 1, None).accepts(True)
    False
    """

    kind: str
    low: float | None
    high: float | None
    closed: str = "left"

    def accepts(self, value: Any) -> bool:
        """Tell whether `value` is a number of the kind inside the bounds."""
        numbers = Integral if self.kind == "int" else Real
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers):
            return False
        return bool(self._above(value) and self._below(value))

    def _above(self, value: Any) -> Any:
        if self.low is None:
            return value > -np.inf
        return value >= self.low if self.closed in ("left", "both") else value > self.low

    def _below(self, value: Any) -> Any:
        if self.high is None:
            return value < np.inf
        return value <= self.high if self.closed in ("right", "both") else value < self.high

    def __str__(self) -> str:
        left = "[" if self.low is not None and self.closed in ("left", "both") else "("
        right = "]" if self.high is not None and self.closed in ("right", "both") else ")"
        low = "-inf" if self.low is None else _plain(self.low)
        high = "inf" if self.high is None else _plain(self.high)
        article = "an int" if self.kind == "int" else "a float"
        return f"{article} in the range {left}{low}, {high}{right}"


def _plain(bound: float) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


class Options:
    """One of some strings."""

    def __init__(self, *options: str) -> None:
        self.options = options

    def accepts(self, value: Any) -> bool:
        """Tell whether `value` is one of the strings."""
        return isinstance(value, str) and value in self.options

    def __str__(self) -> str:
        return "a str among {" + ", ".join(repr(option) for option in self.options) + "}"


class Instance:
    """A value of one of some types, in the words given."""

    def __init__(self, types: type | tuple[type, ...], words: str) -> None:
        self.types, self.words = types, words

    def accepts(self, value: Any) -> bool:
        """Tell whether `value` has one of the types."""
        return isinstance(value, self.types)

    def __str__(self) -> str:
        return self.words


class _Predicate:
    def __init__(self, test: Callable[[Any], bool], words: str) -> None:
        self.test, self.words = test, words

    def accepts(self, value: Any) -> bool:
        return self.test(value)

    def __str__(self) -> str:
        return self.words


NONE: Constraint = _Predicate(lambda value: value is None, "None")
ANY_CALLABLE: Constraint = _Predicate(callable, "a callable")
BOOLEAN: Constraint = Instance((bool, np.bool_), "a bool")


def check_params(
    owner: str, params: Mapping[str, Any], constraints: Mapping[str, Sequence[Constraint]]
) -> None:
    """Raise ValueError for the first parameter that satisfies none of its constraints.

    Parameters
    ----------
    owner : str
        Name of the estimator, for the message.
    params : mapping
        Values by name of parameter.
    constraints : mapping
        For each name, the alternatives of which one must accept the value.

    Raises
    ------
    ValueError
        Worded like scikit-learn's own.

    Examples
    --------
    >>> check_params("LIME", {"tol": 0}, {"tol": [Interval("float", 0, None, "neither"), NONE]})
    Traceback (most recent call last):
    ...
    ValueError: The 'tol' parameter of LIME must be a float in the range (0, inf) or None. Got 0...
    """
    for name, alternatives in constraints.items():
        value = params[name]
        if not any(constraint.accepts(value) for constraint in alternatives):
            words = _join([str(constraint) for constraint in alternatives])
            raise ValueError(
                f"The {name!r} parameter of {owner} must be {words}. Got {value!r} instead."
            )


def _join(words: Collection[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def check_weights(sample_weight: Any, n_rows: int, rows: str = "rows of X") -> NDArray[np.float64]:
    """Return weights of rows as numbers.

    Raises
    ------
    ValueError
        There is not one for each row, or they are no weights.
    """
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must have one number for each of the {n_rows} {rows}. "
            f"Got an array of shape {weights.shape}."
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError("sample_weight must be finite, not negative and not zero everywhere.")
    return weights
