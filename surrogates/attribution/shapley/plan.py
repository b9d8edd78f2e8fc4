"""The plan: all that a worker needs to explain rows by coalitions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.book import DesignBook
from surrogates.attribution.shapley.scouting import scout_book
from surrogates.blackbox.links import Link
from surrogates.blackbox.model import Model
from surrogates.blackbox.players import Players
from surrogates.blackbox.reference import ReferenceRows

__all__ = ["SamplingPlan"]


@dataclass(frozen=True)
class SamplingPlan:
    """All that a worker needs to explain rows by coalitions.

    Parameters
    ----------
    model : Model
    reference : ReferenceRows
    responses : ndarray of shape (n_references, n_outputs)
        The model's responses to the reference rows.
    players : Players
    book : DesignBook
    crossed : bool
        Whether every reference row has its own design.
    link : str or callable
    tol : float or None
        Stop a row when its largest standard error, relative to the range of its attributions, is
        below.
    accuracy : float or None
        Stop a row when the norm of its standard errors, relative to the norm of its attributions,
        is below.
    interactions : bool
        Whether pairwise interactions are wanted too.
    """

    model: Model
    reference: ReferenceRows
    responses: NDArray[np.float64]
    players: Players
    book: DesignBook
    crossed: bool
    link: Link
    tol: float | None = None
    accuracy: float | None = None
    interactions: bool = False

    @cached_property
    def scouts(self) -> DesignBook | None:
        """The designs by which the relevances of single games are found, where they are."""
        return scout_book(self.book, len(self.reference)) if self.crossed else None

    def is_accurate(self, values: NDArray[np.float64], std_errors: NDArray[np.float64]) -> bool:
        """Tell whether the attributions of a row, (n_players, n_outputs), are accurate enough."""
        if self.tol is not None:
            return bool((std_errors.max(axis=0) <= self.tol * np.ptp(values, axis=0)).all())
        if self.accuracy is not None:
            error, size = np.linalg.norm(std_errors, axis=0), np.linalg.norm(values, axis=0)
            return bool((error <= self.accuracy * size).all())
        return False
