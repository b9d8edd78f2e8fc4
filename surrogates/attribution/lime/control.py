"""A control variate: an additive model of the bins, whose own limit is known exactly.

What the surrogate then has to learn from few neighbours is only what the additive model leaves.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.neighbours import moments
from surrogates._solvers import ridge_solutions
from surrogates.attribution.lime.limits import BinWeights, bin_weights, contrasts
from surrogates.attribution.lime.representation import Representation
from surrogates.blackbox.tree_ensemble import writable

__all__ = ["Control", "ControlAtRow", "fit_control"]

_FEWEST_PER_TERM, _MOST_PER_TERM = 4, 40
_RIDGE = 1e-9


@dataclass(frozen=True, eq=False)
class ControlAtRow:
    """The control variate as one row sees it.

    Parameters
    ----------
    answers : ndarray of shape (n_outputs, n)
        To the neighbours.
    coefficients : ndarray of shape (n_columns, n_outputs)
        Its limit.
    intercept : ndarray of shape (n_outputs,)
    freedom : float
        Share of the degrees of freedom that it leaves.
    """

    answers: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]
    freedom: float


@dataclass(frozen=True, eq=False)
class Control:
    """An additive model of the bins of the shared neighbours.

    Parameters
    ----------
    answers : ndarray of shape (n_outputs, n)
    weights : list of BinWeights
    means, contrasts : list of ndarray of shape (n_bins + 1, n_outputs)
    freedom : float
    """

    answers: NDArray[np.float64]
    weights: list[BinWeights]
    means: list[NDArray[np.float64]]
    contrasts: list[NDArray[np.float64]]
    freedom: float

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: writable(value) for name, value in state.items()})

    def at(self, bins: NDArray[np.int32]) -> ControlAtRow:
        """Return what is known for a row with the given bins."""
        slots = [int(own.slots(bins[[j]])[0]) for j, own in enumerate(self.weights)]
        inside = np.array([own.inside[s] for own, s in zip(self.weights, slots, strict=True)])
        found = np.array([own[s] for own, s in zip(self.contrasts, slots, strict=True)])
        expected = np.sum([own[s] for own, s in zip(self.means, slots, strict=True)], axis=0)
        return ControlAtRow(self.answers, found, expected - inside @ found, self.freedom)


def fit_control(
    representation: Representation,
    bins: NDArray[np.int32],
    responses: NDArray[np.float64],
    n_fitted: int,
    width: float,
) -> Control | None:
    """Fit an additive model of the bins; None where it would be too large, or gain nothing.

    Parameters
    ----------
    representation : Representation
    bins : ndarray of shape (n_columns, n)
    responses : ndarray of shape (n_outputs, n)
    n_fitted : int
        The neighbours that it is fitted on.
    width : float
        Of the kernel.
    """
    weights = [bin_weights(column, width) for column in representation.columns]
    n_terms = sum(int(np.count_nonzero(own.shares)) - 1 for own in weights)
    per_term = n_fitted / max(n_terms, 1)
    if not representation.discretizes or not _FEWEST_PER_TERM <= per_term <= _MOST_PER_TERM:
        return None
    terms = [
        (j, b) for j, own in enumerate(weights) for b in np.flatnonzero(own.shares)[1:].tolist()
    ]
    table = np.array([bins[j] == b for j, b in terms], dtype=np.float64)
    gram, cross = np.zeros((n_terms + 1, n_terms + 1)), np.zeros((n_terms + 1, len(responses)))
    moments(table, np.ones(table.shape[1]), responses, n_fitted, gram, cross)
    centre = gram[:-1, -1] / n_fitted
    centred = np.triu(gram[:-1, :-1]) + np.triu(gram[:-1, :-1], 1).T
    centred -= n_fitted * np.outer(centre, centre)
    right = (cross[:-1] - np.outer(centre, cross[-1])).T
    effects = ridge_solutions(centred, np.ascontiguousarray(right), ridge=_RIDGE)
    parts = [np.zeros((len(own.shares), len(responses))) for own in weights]
    for (j, b), effect in zip(terms, effects.T, strict=True):
        parts[j][b] = effect
    tables = [contrasts(*pair) for pair in zip(weights, parts, strict=True)]
    answers = np.sum([part[own].T for part, own in zip(parts, bins, strict=True)], axis=0)
    return Control(
        answers=np.ascontiguousarray(answers),
        weights=weights,
        means=[mean for mean, _ in tables],
        contrasts=[contrast for _, contrast in tables],
        freedom=1.0 - n_terms / n_fitted,
    )
