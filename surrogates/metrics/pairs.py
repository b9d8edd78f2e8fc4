"""Pairs of a row and a neighbour of the same decision, with what is said of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Interval, check_params
from surrogates.blackbox.table import take_rows
from surrogates.metrics.decisions import make_decisions
from surrogates.metrics.neighbors import Coordinates, draw_neighbors, joined_tables, nearest_rows
from surrogates.metrics.question import Question, ask, draw_seed, model_asked, own_background
from surrogates.metrics.values import attributed_values, over_outputs

__all__ = ["Pairs", "find_pairs"]

_POSITIVE = [Interval("float", 0, None, "neither")]
_RULES = {"radius": _POSITIVE, "n_samples": [Interval("int", 1, None)], "eps": _POSITIVE}


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows beside neighbours.

    Parameters
    ----------
    n_rows : int
    owner : ndarray of shape (n_pairs,)
        The row of each pair.
    steps, sizes : ndarray of shape (n_pairs, n_columns)
        Difference of the two in every column, and magnitude of the row, in standard deviations.
    values, others : ndarray of shape (n_pairs, n_players, n_outputs)
        Attributions of the row and of the neighbour.
    answers : ndarray of shape (n_pairs,)
        Norm of the difference of the responses.
    """

    n_rows: int
    owner: NDArray[np.int64]
    steps: NDArray[np.float64]
    sizes: NDArray[np.float64]
    values: NDArray[np.float64]
    others: NDArray[np.float64]
    answers: NDArray[np.float64]

    @property
    def change(self) -> NDArray[np.float64]:
        """Norm of the difference of the attributions, (n_pairs, n_outputs)."""
        return np.linalg.norm(self.values - self.others, axis=1)

    @property
    def share_changed(self) -> NDArray[np.float64]:
        """`change` over the norm of the row's attributions; NaN where that is zero."""
        size = np.linalg.norm(self.values, axis=1)
        return np.where(size > 0, self.change / np.where(size > 0, size, 1.0), np.nan)

    def relative_change(self, eps: float, *, elementwise: bool) -> NDArray[np.float64]:
        """Relative change of the attributions, (n_pairs, n_outputs)."""
        if not elementwise:
            return self.share_changed
        divisor = np.maximum(np.abs(self.values), eps)
        return np.linalg.norm((self.values - self.others) / divisor, axis=1)

    def relative_move(self, eps: float, *, elementwise: bool) -> NDArray[np.float64]:
        """Relative change of the row, (n_pairs, 1), at least `eps`."""
        if elementwise:
            moved = np.linalg.norm(self.steps / np.maximum(self.sizes, eps), axis=1)
        else:
            size = np.maximum(np.linalg.norm(self.sizes, axis=1), eps)
            moved = np.linalg.norm(self.steps, axis=1) / size
        return np.maximum(moved, eps)[:, None]

    def largest(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest score of each row, (n_rows,); scores are (n_pairs, n_outputs)."""
        found = np.full((self.n_rows, scores.shape[1]), np.nan)
        np.fmax.at(found, self.owner, scores)
        return over_outputs(found)

    def mean(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean score of each row, (n_rows,); scores are (n_pairs, n_outputs)."""
        total = np.zeros((self.n_rows, scores.shape[1]))
        count = np.zeros_like(total)
        np.add.at(total, self.owner, np.nan_to_num(scores))
        np.add.at(count, self.owner, np.isfinite(scores).astype(np.float64))
        return over_outputs(np.where(count > 0, total / np.maximum(count, 1.0), np.nan))


def find_pairs(
    estimator: Any,
    X: Any,
    attributions: Any,
    explainer: Any,
    asked: Mapping[str, Any],
    settings: Mapping[str, Any],
    random_state: Any,
) -> Pairs:
    """Find the neighbours of every row that have its decision, and what is said of them.

    Parameters
    ----------
    estimator, X, attributions, explainer : various
        As for ``max_sensitivity``.
    asked : mapping
        Further parameters of ``ask``.
    settings : mapping
        "radius", "n_samples", perhaps "eps".
    random_state : int, RandomState instance or None
    """
    check_params("a stability metric", settings, {name: _RULES[name] for name in settings})
    if explainer is None and hasattr(attributions, "explain"):
        explainer = attributions
    if explainer is not None and asked["background"] is None:
        rows, weights = own_background(explainer)
        asked = {**asked, "background": rows, "sample_weight": weights}
    if hasattr(attributions, "explain"):
        estimator = model_asked(attributions, estimator)
        attributions = attributions.explain(X)
    question = ask(estimator, X, attributions, **asked)
    if explainer is None:
        return _among_rows(question, settings["n_samples"])
    return _drawn(question, explainer, settings, draw_seed(random_state))


def _decisions(question: Question, responses: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return decisions as numbers; all the same for models that decide nothing."""
    try:
        return make_decisions(question.model, None)(responses)
    except ValueError:
        return np.zeros(len(responses), dtype=np.int64)


def _among_rows(question: Question, count: int) -> Pairs:
    n_background = len(question.weights)
    points = Coordinates.of(joined_tables(question.background, question.rows), n_background)
    responses = question.model(question.rows)
    rows = n_background + np.arange(len(responses))
    pairs = nearest_rows(points, rows, _decisions(question, responses), count)
    own, other = pairs.T
    return _pairs(question, points, own, rows[other], question.values[other], responses[other])


def _drawn(question: Question, explainer: Any, settings: Mapping[str, Any], seed: int) -> Pairs:
    n_samples = settings["n_samples"]
    table, neighbors = draw_neighbors(
        question.background, question.rows, settings["radius"], n_samples, seed
    )
    n_background, n_rows = len(question.weights), len(question.values)
    points = Coordinates.of(table, n_background)
    own = np.repeat(np.arange(n_rows), n_samples)
    places = n_background + n_rows + np.arange(len(own))
    responses, here = question.model(neighbors), question.model(question.rows)
    same = _decisions(question, responses) == _decisions(question, here)[own]
    kept = np.flatnonzero(same & points.steps(n_background + own, places).any(axis=1))
    _, n_players, n_outputs = question.values.shape
    others = np.empty((0, n_players, n_outputs))
    if len(kept):
        others = attributed_values(
            _explained(explainer, take_rows(neighbors, kept)),
            (len(kept), n_players, n_outputs),
            output_names=question.model.output_names,
        )
    return _pairs(question, points, own[kept], places[kept], others, responses[kept])


def _explained(explainer: Any, rows: Any) -> Any:
    if hasattr(explainer, "explain"):
        return explainer.explain(rows)
    if callable(explainer):
        return explainer(rows)
    raise TypeError(
        "The 'explainer' parameter must be a fitted explainer or a callable f(X) -> attributions. "
        f"Got {type(explainer).__name__}."
    )


def _pairs(
    question: Question,
    points: Coordinates,
    own: NDArray[np.int64],
    places: NDArray[np.int64],
    others: NDArray[np.float64],
    responses: NDArray[np.float64],
) -> Pairs:
    rows = len(question.weights) + own
    here = question.model(question.rows)[own]
    return Pairs(
        n_rows=len(question.values),
        owner=own,
        steps=points.steps(rows, places),
        sizes=points.sizes(rows),
        values=question.values[own],
        others=others,
        answers=np.linalg.norm(responses - here, axis=1),
    )
