"""Ask a model about rows with one player taken away at a time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.occlusion.neighbors import Resemblance
from surrogates.blackbox.inside import Inside
from surrogates.blackbox.links import apply_link, link_slope
from surrogates.blackbox.maskers import rows_per_call
from surrogates.blackbox.masking import masked_responses
from surrogates.blackbox.reference import ReferenceRows

__all__ = ["Differences", "explain_block"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Differences:
    """What a worker needs to explain rows.

    Parameters
    ----------
    inside : Inside
        The model, and what turns explained rows into rows that it takes.
    reference : ReferenceRows
        As that model takes them.
    link : str
    near : Resemblance or None
        Where only reference rows that resemble the row fill in.
    n_neighbors : int
    """

    inside: Inside
    reference: ReferenceRows
    link: str
    near: Resemblance | None
    n_neighbors: int

    @property
    def rows_per_block(self) -> int:
        """Explained rows that make a unit of work."""
        players = self.inside.players
        n_mixtures = len(players) * len(self.reference)
        return max(1, 4 * rows_per_call(len(players.of_column)) // n_mixtures)

    def explain(self, rows: Any) -> tuple[Floats, Floats, Floats]:
        """Return differences and their standard errors, (n_rows, n_players, n_outputs), and f."""
        inside = self.inside
        n_players, n_references = len(inside.players), len(self.reference)
        table = inside.table(rows)
        masks = np.repeat(1 - np.eye(n_players, dtype=np.uint8), n_references, axis=0)
        dealt = np.tile(np.arange(n_references), n_players)
        answers = masked_responses(
            inside.model, table, self.reference.rows, inside.players, masks, dealt
        ).reshape(rows.shape[0], n_players, n_references, -1)
        weights = self._weights(rows)
        without = np.einsum("rpb,rpbo->rpo", weights, answers)
        predictions = apply_link(self.link, inside.model(table))
        slope = link_slope(self.link, without)
        errors = np.abs(slope) * np.sqrt(self._variances(answers, without))
        return predictions[:, None] - apply_link(self.link, without), errors, predictions

    def _weights(self, rows: Any) -> Floats:
        if self.near is not None:
            return self.near.weights(rows, self.reference.weights, self.n_neighbors)
        shape = (rows.shape[0], len(self.inside.players), len(self.reference))
        return np.broadcast_to(self.reference.weights, shape)

    def _variances(self, answers: Floats, without: Floats) -> Floats:
        """Return variances over the draw of reference rows, with finite-population correction."""
        weights, left = self.reference.weights, self.reference.share_left
        concentration = float((weights**2).sum())
        if left <= 0.0 or concentration >= 1.0:
            return np.zeros_like(without)
        squares = np.einsum("b,rpbo->rpo", weights, answers**2)
        spread = np.maximum(squares - without**2, 0.0) / (1.0 - concentration)
        return np.asarray(left * concentration * spread)


def explain_block(differences: Differences, rows: Any) -> tuple[Floats, Floats, Floats]:
    """Explain a block of rows, on whichever worker."""
    return differences.explain(rows)
