"""What an absent feature becomes: mixtures of explained rows and reference rows.

A mixture takes the columns of the present players from an explained row and all others from a
reference row. Mixtures are written into one block that is used again for every model call.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates._kernels.compose import mix_positions, mix_rows
from surrogates.blackbox.model import Model
from surrogates.blackbox.players import Players
from surrogates.blackbox.table import (
    build_frame,
    is_frame,
    joined_columns,
    numeric_block,
    wrap_block,
)
from surrogates.blackbox.wrappers import unwrap

__all__ = [
    "ComposesMixtures",
    "Games",
    "Mixtures",
    "WrittenMixtures",
    "computes_elsewhere",
    "make_mixtures",
    "rows_per_call",
    "written_mixtures",
]

_MOST_BYTES = 8 * 2**20
_MOST_ROWS = 8192
_ALIGNED = np.empty((0, 0), dtype=np.int64)


def rows_per_call(n_columns: int) -> int:
    """Return how many mixtures fit in one model call."""
    return max(256, min(_MOST_ROWS, _MOST_BYTES // (8 * n_columns)))


@dataclass(frozen=True)
class Games:
    """Which mixtures are asked about: games of one row with the same number of players.

    For each game in turn, the mixtures with the row's values on each coalition, then those with
    row and reference exchanged.

    Parameters
    ----------
    row : int
        Position of the explained row.
    references : ndarray of shape (n_games,) or longer
        Position of the first reference row of each game.
    players : ndarray of shape (n_games, n_players)
        The players of each game.
    coalitions : ndarray of shape (n_designs, n_pairs_of_design, n_players)
    design_of : ndarray of shape (n_games,)
    dealt : ndarray of shape (n_pairs_of_design,)
        Which reference row, counted from the game's first, fills in for absent players.
    first_pair, n_pairs : int
        The pairs of the designs that are asked about.
    """

    row: int
    references: NDArray[np.int64]
    players: NDArray[np.int64]
    coalitions: NDArray[np.uint8]
    design_of: NDArray[np.int64]
    dealt: NDArray[np.int64]
    first_pair: int
    n_pairs: int

    def are_whole(self, n_players: int) -> bool:
        """Tell whether place j of every game is player j of the table."""
        everyone = np.arange(n_players)
        return self.players.shape[1] == n_players and bool((self.players == everyone).all())

    def owner(self, n_players: int) -> NDArray[np.int64]:
        """Return for each game and player of the table its place in the game, or -1."""
        owner = np.full((len(self.players), n_players), -1)
        places = np.arange(self.players.shape[1])
        np.put_along_axis(owner, self.players, places[None], axis=1)
        return owner


class Mixtures(Protocol):
    """Writes mixtures of the rows of one table with those of a reference table."""

    n_rows: int
    """Rows that the block holds."""

    n_players: int
    """Players of the table."""

    def differing(self, row: int) -> NDArray[np.bool_]:
        """Tell where a row differs from each reference row: (n_references, n_players)."""

    def write(self, at: slice, games: Games, start: int) -> None:
        """Write the mixtures of games, from number `start` on, into rows of the block."""

    def ask(self, model: Model, n_rows: int) -> NDArray[np.float64]:
        """Return the responses of a model to the first rows of the block."""


class WrittenMixtures(Mixtures, Protocol):
    """Mixtures written into a table."""

    def table(self, n_rows: int) -> Any:
        """Return the first rows of the block in the container of the reference table."""


class ComposesMixtures(Protocol):
    """An estimator that composes mixtures itself, where it computes."""

    @property
    def computes_elsewhere(self) -> bool:
        """Whether that is another device than this processor."""

    def compose_mixtures(
        self, method: str, rows: Any, reference: Any, players: Players, host: Mixtures
    ) -> Mixtures | None:
        """Return mixtures that only this estimator can be asked about, by the name of a method.

        Parameters
        ----------
        method : str
        rows, reference : ndarray or DataFrame
        players : Players
        host : Mixtures
            The same mixtures, as they would be written for any other model.

        Returns
        -------
        mixtures : Mixtures or None
            None where the estimator cannot compose these tables.
        """


def computes_elsewhere(model: Model) -> bool:
    """Tell whether a model composes mixtures, and computes, on another device."""
    return bool(getattr(unwrap(model.predictor, model.method), "computes_elsewhere", False))


def make_mixtures(
    rows: Any, reference: Any, players: Players, n_rows: int, model: Model | None = None
) -> Mixtures:
    """Return what writes mixtures of `rows` and `reference`, in blocks of at most `n_rows`.

    Where the model is known and composes mixtures itself, that is left to it, and it chooses the
    size of the blocks.
    """
    host = written_mixtures(rows, reference, players, n_rows)
    if model is None or not isinstance(model.method, str) or model.as_array:
        return host
    compose = getattr(unwrap(model.predictor, model.method), "compose_mixtures", None)
    if compose is None:
        return host
    composed: Mixtures | None = compose(model.method, rows, reference, players, host)
    return host if composed is None else composed


def written_mixtures(rows: Any, reference: Any, players: Players, n_rows: int) -> WrittenMixtures:
    """Return what writes mixtures into a table on this machine, for any model."""
    first, second = numeric_block(reference), numeric_block(rows)
    if first is not None and second is not None:
        return _ArrayMixtures(second, first, reference, players, n_rows)
    return _FrameMixtures(rows, reference, players, n_rows)


class _ArrayMixtures:
    """Mixtures of tables whose columns share one numpy dtype: one block of rows."""

    def __init__(
        self, rows: NDArray[Any], reference: NDArray[Any], like: Any, players: Players, n_rows: int
    ) -> None:
        dtype = np.result_type(rows, reference)
        # memory-mapped tables are read-only, another type to a kernel: it would be compiled anew
        self._rows = np.require(rows, dtype, ["C", "W"])
        self._reference = np.require(reference, dtype, ["C", "W"])
        self._like = like
        self._players = players
        self._block = np.empty((n_rows, rows.shape[1]), dtype=dtype)
        self.n_rows, self.n_players = n_rows, len(players)

    def differing(self, row: int) -> NDArray[np.bool_]:
        x, reference = self._rows[row], self._reference
        unequal = reference != x
        if reference.dtype.kind == "f":
            unequal &= ~(np.isnan(reference) & np.isnan(x))
        return self._players.gather(unequal)

    def write(self, at: slice, games: Games, start: int) -> None:
        aligned = self._players.are_columns and games.are_whole(self.n_players)
        mix_rows(
            _bits(self._block[at]),
            start,
            _bits(self._rows[games.row]),
            _bits(self._reference),
            games.references,
            games.dealt,
            games.design_of,
            games.coalitions,
            games.first_pair,
            games.n_pairs,
            _ALIGNED
            if aligned
            else games.owner(len(self._players)).take(self._players.of_column, axis=1),
        )

    def table(self, n_rows: int) -> Any:
        return wrap_block(self._like, self._block[:n_rows])

    def ask(self, model: Model, n_rows: int) -> NDArray[np.float64]:
        return model(self.table(n_rows))


def _bits(values: NDArray[Any]) -> NDArray[np.unsignedinteger]:
    return values.view(f"u{values.dtype.itemsize}")


class _FrameMixtures:
    """Mixtures of mixed tables: columns are taken one by one from the rows of both tables."""

    def __init__(self, rows: Any, reference: Any, players: Players, n_rows: int) -> None:
        self._columns = joined_columns(reference, rows)
        self._n_references = reference.shape[0]
        self._like = reference
        self._players = players
        self._positions = np.empty((len(players), n_rows), dtype=np.int64)
        self.n_rows, self.n_players = n_rows, len(players)

    @cached_property
    def _codes(self) -> NDArray[np.int64]:
        return np.column_stack([_codes(column) for column in self._columns])

    def differing(self, row: int) -> NDArray[np.bool_]:
        of_row = self._codes[self._n_references + row]
        return self._players.gather(self._codes[: self._n_references] != of_row)

    def write(self, at: slice, games: Games, start: int) -> None:
        mix_positions(
            self._positions,
            at.start,
            at.stop - at.start,
            start,
            self._n_references + games.row,
            games.references,
            games.dealt,
            games.design_of,
            games.coalitions,
            games.first_pair,
            games.n_pairs,
            games.owner(len(self._players)),
        )

    def table(self, n_rows: int) -> Any:
        taken = [
            _take(column, self._positions[player, :n_rows])
            for column, player in zip(self._columns, self._players.of_column, strict=True)
        ]
        if is_frame(self._like):
            return build_frame(self._like, taken)
        block = np.empty((n_rows, len(taken)), dtype=taken[0].dtype)
        for position, column in enumerate(taken):
            block[:, position] = column
        return block

    def ask(self, model: Model, n_rows: int) -> NDArray[np.float64]:
        return model(self.table(n_rows))


def _take(column: Any, positions: NDArray[np.int64]) -> Any:
    return column.gather(positions) if hasattr(column, "gather") else column.take(positions)


def _codes(column: Any) -> NDArray[np.int64]:
    """Return a number for each distinct value of a column; missing values of one kind are equal."""
    values = column if not hasattr(column, "gather") else np.asarray(column.to_list(), dtype=object)
    codes = np.array(pd.factorize(values)[0], dtype=np.int64)
    if isinstance(values, np.ndarray) and values.dtype.kind == "O":
        codes[[value is None for value in values]] = -2  # a model may tell None from NaN
    return codes
