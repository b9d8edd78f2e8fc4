"""In which order the players stand, so that neighbours are alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers, read_levels
from surrogates.blackbox.players import Players

__all__ = ["correlation_chain", "given_chain"]

_MOST_LEVELS = 20


def given_chain(order: Sequence[Any], players: Players, owner: str) -> NDArray[np.int64]:
    """Return the positions of the players in the order in which a user named them.

    Parameters
    ----------
    order : sequence
        Names of all players, or positions of columns.
    players : Players
    owner : str
        Name of the estimator, for messages.

    Raises
    ------
    ValueError
        Not every player is named exactly once.
    """
    place = {name: position for position, name in enumerate(players.names)}
    chain = [_player(entry, place, players) for entry in order]
    if sorted(chain) != list(range(len(players))):
        raise ValueError(
            f"The 'order' parameter of {owner} must name every player exactly once. The players "
            f"are {list(players.names)}. Got {list(order)} instead."
        )
    return np.array(chain, dtype=np.int64)


def _player(entry: Any, place: dict[str, int], players: Players) -> int:
    is_position = isinstance(entry, (int, np.integer)) and not isinstance(entry, bool)
    if is_position and 0 <= entry < len(players.of_column):
        return int(players.of_column[entry])
    return place.get(str(entry), -1)


def correlation_chain(
    table: Any, weights: NDArray[np.float64], players: Players
) -> NDArray[np.int64]:
    """Return the positions of the players such that associated ones stand together.

    Two players are as associated as their most correlated columns, in absolute value: numbers
    as they are, and an indicator for each of the 20 most frequent levels of all other columns.
    Players are clustered by average linkage, and the leaves of the tree put in the order with the
    smallest sum of distances between neighbours (Z. Bar-Joseph, D. Gifford and T. Jaakkola, "Fast
    optimal leaf ordering for hierarchical clustering", Bioinformatics 17, 2001).

    Parameters
    ----------
    table : ndarray or DataFrame of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,)
        They sum to one.
    players : Players
    """
    if len(players) == 1:
        return np.zeros(1, dtype=np.int64)
    distances = 1.0 - _associations(table, weights, players)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    chain = leaves_list(tree).astype(np.int64)
    return chain if chain[0] < chain[-1] else chain[::-1].copy()


def _associations(
    table: Any, weights: NDArray[np.float64], players: Players
) -> NDArray[np.float64]:
    blocks = [_encoded(table, column, weights) for column in range(table.shape[1])]
    owner = np.repeat(players.of_column, [block.shape[1] for block in blocks])
    order = np.argsort(owner, kind="stable")
    encoded = np.hstack(blocks)[:, order]
    starts = np.searchsorted(owner[order], np.arange(len(players)))
    correlations = np.abs(encoded.T @ encoded)
    by_row = np.maximum.reduceat(correlations, starts, axis=0)
    return np.clip(np.maximum.reduceat(by_row, starts, axis=1), 0.0, 1.0)


def _encoded(table: Any, column: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a column as numbers whose inner products are correlations: (n_rows, n_numbers)."""
    if column_kind(table, column) is ColumnKind.LEVEL:
        numbers = _indicators(table, column, weights)
    else:
        numbers = column_numbers(table, column)[:, None]
    known = np.isfinite(numbers)
    shares = np.where(known, weights[:, None], 0.0)
    total = np.maximum(shares.sum(axis=0), np.finfo(np.float64).tiny)
    filled = np.where(known, numbers, 0.0)
    centred = np.where(known, filled - (shares * filled).sum(axis=0) / total, 0.0)
    scaled = centred * np.sqrt(weights)[:, None]
    largest = np.abs(scaled).max(axis=0, initial=0.0)
    scaled = scaled / np.where(largest > 0.0, largest, 1.0)
    length = np.sqrt((scaled**2).sum(axis=0))
    varies = largest > 1e-12 * np.abs(filled).max(axis=0, initial=0.0)
    unit: NDArray[np.float64] = np.where(varies, scaled / np.where(length > 0.0, length, 1.0), 0.0)
    return unit


def _indicators(table: Any, column: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    levels = read_levels(table, column)
    codes = levels.codes(table, column)
    mass = np.bincount(codes, weights=weights, minlength=levels.missing + 1)
    kept = np.argsort(-mass, kind="stable")[:_MOST_LEVELS]
    indicators: NDArray[np.float64] = (codes[:, None] == kept).astype(np.float64)
    return indicators
