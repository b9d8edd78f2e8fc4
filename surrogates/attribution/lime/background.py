"""Neighbours that mix an explained row with reference rows, composed where the model computes."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.lime.neighbourhood import Sampled
from surrogates.blackbox.inside import Inside, look_inside
from surrogates.blackbox.maskers import Games, Mixtures, make_mixtures, rows_per_call
from surrogates.blackbox.masking import masked_games
from surrogates.blackbox.model import Model
from surrogates.blackbox.reference import ReferenceRows
from surrogates.blackbox.samplers import ScrambledPoints

__all__ = ["Background", "BackgroundDraw", "make_background"]


@dataclass(frozen=True, eq=False)
class _Cut:
    """Neighbours of whichever row: the columns that each keeps, and who fills in for the others.

    Parameters
    ----------
    games : Games
        One game, whose coalitions are the columns kept.
    replaced : ndarray of shape (n_columns, n)
    """

    games: Games
    replaced: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Background:
    """How neighbours are mixed: alike for every row, so that a model elsewhere is told once.

    Parameters
    ----------
    inside : Inside
        The model, and what turns explained rows into rows that it takes.
    reference : ReferenceRows
        As that model takes them.
    points : ScrambledPoints
        A last coordinate picks reference rows.
    kept : float
        Chance of each column to be kept.
    """

    inside: Inside
    reference: ReferenceRows
    points: ScrambledPoints
    kept: float
    _cuts: dict[tuple[int, int], _Cut] = field(default_factory=dict, repr=False)

    def mixtures(self, rows: Any) -> Mixtures:
        """Return what mixes some explained rows with the reference rows."""
        inside, n_rows = self.inside, rows_per_call(len(self.inside.players.of_column))
        return make_mixtures(
            inside.table(rows), self.reference.rows, inside.players, n_rows, inside.model
        )

    def cut(self, first: int, n_scrambles: int) -> _Cut:
        """Draw with some scrambles of the points."""
        if (first, n_scrambles) not in self._cuts:
            self._cuts[first, n_scrambles] = self._draw(first, n_scrambles)
        return self._cuts[first, n_scrambles]

    def _draw(self, first: int, n_scrambles: int) -> _Cut:
        n_columns = self.points.n_columns - 1
        *u, of_donor = (
            self.points.column(column, first, n_scrambles) for column in range(n_columns + 1)
        )
        replaced = np.stack(u) >= self.kept
        edges = np.cumsum(self.reference.weights)
        edges[-1] = np.inf
        masks = np.ascontiguousarray(~replaced.T).view(np.uint8)
        donors = np.searchsorted(edges, of_donor, side="right")
        games = masked_games(len(self.reference), masks, donors)
        return _Cut(games, replaced.astype(np.int32))


def make_background(
    model: Model, reference: ReferenceRows, points: ScrambledPoints, width: float
) -> Background:
    """Return neighbours whose density is that of the kernel.

    Parameters
    ----------
    model : Model
    reference : ReferenceRows
    points : ScrambledPoints
    width : float
        Of the kernel: it weights a neighbour by exp(-0.5 / width^2) for each column replaced.
    """
    inside = look_inside(model, reference.rows)
    there = replace(reference, rows=inside.table(reference.rows))
    return Background(inside, there, points, 1.0 / (1.0 + float(np.exp(-0.5 / width**2))))


@dataclass(frozen=True)
class BackgroundDraw:
    """The explained row, with some columns replaced by those of one reference row at a time.

    Parameters
    ----------
    background : Background
    mixtures : Mixtures
        Of a block of explained rows.
    position : int
        That of the explained row.
    """

    background: Background
    mixtures: Mixtures
    position: int

    def sample(self, first: int, n_scrambles: int) -> Sampled:
        """Draw neighbours with some scrambles of the points, and ask the model about them."""
        background, mixtures = self.background, self.mixtures
        cut = background.cut(first, n_scrambles)
        games = replace(cut.games, row=self.position)
        answers = []
        for start in range(0, games.n_pairs, mixtures.n_rows):
            n_rows = min(games.n_pairs - start, mixtures.n_rows)
            mixtures.write(slice(0, n_rows), games, start)
            answers.append(mixtures.ask(background.inside.model, n_rows))
        responses = np.ascontiguousarray(np.concatenate(answers).T)
        return Sampled(cut.replaced, None, responses, background.points.n_points, n_scrambles)
