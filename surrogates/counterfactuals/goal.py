"""What is wanted of the model: another class, a class, a probability, an interval."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.model import Model, make_model

__all__ = ["Goal", "read_goal", "read_outputs"]

_LEAST, _SMALLEST = 1e-12, 1e-300


@dataclass(frozen=True, eq=False)
class Goal:
    """When an answer of the model is what was wanted, and how far from it others are.

    Parameters
    ----------
    labels : tuple
        Labels of the outputs; empty for a single number.
    is_probability : bool
        Whether the outputs are shares that sum to one.
    desired : int
        Output wanted, -1 for any but the one predicted for the row.
    low, high : float
        Interval wanted of a single number, both ends included.
    min_probability : float
        Least value of the output wanted.
    """

    labels: tuple[Any, ...] = ()
    is_probability: bool = False
    desired: int = -1
    low: float = -np.inf
    high: float = np.inf
    min_probability: float = -np.inf

    @property
    def is_class(self) -> bool:
        """Whether a class is wanted, and not a number."""
        return bool(self.labels)

    def predicted(self, responses: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the output with the largest response, (n,)."""
        return responses.argmax(axis=1) if self.is_class else np.zeros(len(responses), np.int64)

    def reached(
        self,
        responses: NDArray[np.float64],
        predicted: NDArray[np.int64],
        start: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Tell which answers are what was wanted.

        Parameters
        ----------
        responses : ndarray of shape (n, n_outputs)
        predicted : ndarray of shape (n,)
            What the model itself predicts.
        start : ndarray of shape (n,)
            What it predicts for the explained row.
        """
        if not self.is_class:
            number = responses[:, 0]
            return (number >= self.low) & (number <= self.high)
        right = predicted != start if self.desired < 0 else predicted == self.desired
        chosen = responses[np.arange(len(responses)), predicted]
        return right & (chosen >= self.min_probability)

    def margins(
        self, responses: NDArray[np.float64], start: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return by how much the answers pass what is wanted, (n,); negative where they miss it."""
        if not self.is_class:
            number = responses[:, 0]
            return np.minimum(number - self.low, self.high - number)
        return self.margins_of_scores(self._scores(responses), start)

    def margins_of_scores(
        self, scores: NDArray[np.float64], start: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return margins from responses, or from the logits of each class against all others."""
        at, others = np.arange(len(scores)), scores.copy()
        if self.desired < 0:
            others[at, start] = -np.inf
            best, against = others.max(axis=1), scores[at, start]
        else:
            others[:, self.desired] = -np.inf
            best, against = scores[:, self.desired], others.max(axis=1)
        margins: NDArray[np.float64] = best - against
        if np.isfinite(self.min_probability):
            margins = np.minimum(margins, best - self._floor())
        return margins

    def _floor(self) -> float:
        """Return the least score of the class wanted."""
        least = self.min_probability
        if not self.is_probability:
            return least
        share = np.clip(least, _LEAST, 1.0 - _LEAST)
        return float(np.log(share / (1.0 - share)))

    def _scores(self, responses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return logits of probabilities, in which effects add up better.

        The share of all other classes is their sum, which is exact also where it is tiny.
        """
        if not self.is_probability:
            return responses
        others = responses @ (1.0 - np.eye(responses.shape[1]))
        logs: NDArray[np.float64] = np.log(np.maximum(responses, _SMALLEST))
        return logs - np.log(np.maximum(others, _SMALLEST))

    def as_record(self) -> dict[str, Any]:
        """Return the goal in values that a file can keep."""
        if not self.is_class:
            return {"desired_range": [self.low, self.high]}
        wanted = "opposite" if self.desired < 0 else str(self.labels[self.desired])
        least = self.min_probability
        return {
            "desired_class": wanted,
            "min_probability": least if np.isfinite(least) else None,
        }


def read_outputs(
    predictor: Any, response_method: Any, reference: Any
) -> tuple[Model, NDArray[np.float64], bool]:
    """Return a model of all outputs, its responses to the reference rows, and if it has classes.

    Parameters
    ----------
    predictor : object
    response_method : str or callable
    reference : ndarray or DataFrame of shape (n_references, n_columns)

    Returns
    -------
    model : Model
    responses : ndarray of shape (n_references, n_outputs)
    has_classes : bool

    Raises
    ------
    ValueError
        Several numbers are predicted at once.
    """
    model, responses = make_model(predictor, response_method, None, reference)
    labels = model.labels
    classes = getattr(predictor, "classes_", None)
    has_classes = len(labels) > 1 or model.indicator_of is not None or classes is not None
    several = classes is None and model.method == "predict" and model.indicator_of is None
    if len(labels) > 1 and (several or _is_multioutput(classes)):
        raise ValueError(
            "Counterfactuals needs a model of one target: "
            f"{type(predictor).__name__} predicts several. Pass a callable that picks one."
        )
    if len(model.columns) == len(labels):
        return model, responses, has_classes
    # the signs are for a binary margin; two columns are left as they are
    full = replace(model, columns=(0, 1), signs=(-1.0, 1.0))
    return full, full(reference), True


def _is_multioutput(classes: Any) -> bool:
    return classes is not None and any(np.ndim(label) for label in classes)


def read_goal(
    model: Model, responses: NDArray[np.float64], given: Mapping[str, Any], has_classes: bool
) -> Goal:
    """Read the parameters that say what is wanted.

    Parameters
    ----------
    model : Model
        All outputs.
    responses : ndarray of shape (n_references, n_outputs)
    given : mapping
        Parameters of `Counterfactuals` by name.
    has_classes : bool

    Raises
    ------
    ValueError
        A class that the model does not know, an interval for a classifier, and the like.
    """
    least = given["min_probability"]
    if not has_classes:
        if not _is_default(given["desired_class"]) or least is not None:
            raise ValueError(
                "The 'desired_class' and 'min_probability' parameters of Counterfactuals are for "
                "models that predict classes; this one predicts a number: use 'desired_range'."
            )
        return _interval(given["desired_range"])
    if given["desired_range"] is not None:
        raise ValueError(
            "The 'desired_range' parameter of Counterfactuals is for models that predict a "
            "number; this one predicts classes: use 'desired_class' and 'min_probability'."
        )
    shares = bool((responses >= 0).all() and (np.abs(responses.sum(axis=1) - 1.0) < 1e-6).all())
    return Goal(
        labels=model.labels,
        is_probability=shares and model.indicator_of is None,
        desired=_position(model.labels, given["desired_class"]),
        min_probability=-np.inf if least is None else float(least),
    )


def _is_default(label: Any) -> bool:
    return isinstance(label, str) and label == "opposite"


def _position(labels: tuple[Any, ...], wanted: Any) -> int:
    for exact in (True, False):
        for position, label in enumerate(labels):
            if label == wanted or (not exact and str(label) == str(wanted)):
                return position
    if _is_default(wanted):
        return -1
    raise ValueError(
        "The 'desired_class' parameter of Counterfactuals must be 'opposite' or one of "
        f"{[str(label) for label in labels]}. Got {wanted!r} instead."
    )


def _interval(given: Any) -> Goal:
    if given is None:
        return Goal()
    try:
        low, high = given
        first = -np.inf if low is None else float(low)
        last = np.inf if high is None else float(high)
    except (TypeError, ValueError):
        first, last = np.inf, -np.inf
    if not first <= last:
        raise ValueError(
            "The 'desired_range' parameter of Counterfactuals must be a pair (low, high) of "
            f"numbers, None for no bound. Got {given!r} instead."
        )
    return Goal(low=first, high=last)
