"""Write mixtures of an explained row and its reference rows into a reused block.

The mixtures of one game are ordered: first the explained row on each coalition and a reference
row elsewhere, then the same with the two exchanged. Games with the same number of players follow
one another; a kernel writes any stretch of that sequence.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["mix_positions", "mix_rows"]


@kernel
def mix_rows(
    out: NDArray[np.unsignedinteger],
    start: int,
    row: NDArray[np.unsignedinteger],
    references: NDArray[np.unsignedinteger],
    reference_of: NDArray[np.int64],
    dealt: NDArray[np.int64],
    design_of: NDArray[np.int64],
    coalitions: NDArray[np.uint8],
    first_pair: int,
    n_pairs: int,
    owner: NDArray[np.int64],
) -> None:
    """Write mixtures as rows.

    Values are handled as the unsigned integers of their bits: a choice between two of them is
    then a mask instead of a branch that the processor cannot foresee.

    Parameters
    ----------
    out : ndarray of shape (n_written, n_columns)
    start : int
        Position in the sequence of the first mixture written.
    row : ndarray of shape (n_columns,)
        The explained row.
    references : ndarray of shape (n_references, n_columns)
    reference_of : ndarray of shape (n_games,) or longer
        Position of the first reference row of each game.
    dealt : ndarray of shape (n_pairs_of_design,)
        For each pair, which of the reference rows from there on fills in.
    design_of : ndarray of shape (n_games,)
    coalitions : ndarray of shape (n_designs, n_pairs_of_design, n_players)
        1 where a player is present.
    first_pair, n_pairs : int
        The pairs of the design that make the sequence.
    owner : ndarray of shape (n_games, n_columns) or (0, 0)
        The player of the game that owns a column, -1 where none does. Empty when column j is
        player j in every game.
    """
    n_columns = len(row)
    number = row.dtype.type
    nothing = number(0)
    aligned = len(owner) == 0
    written = 0
    while written < len(out):
        game, place = divmod(start + written, 2 * n_pairs)
        swapped = number(1) if place >= n_pairs else nothing
        pair = first_pair + place % n_pairs
        n_run = min(len(out) - written, n_pairs - place % n_pairs)
        rows = coalitions[design_of[game]]
        for step in range(n_run):
            coalition = rows[pair + step]
            reference = references[reference_of[game + dealt[pair + step]]]
            target = out[written + step]
            if aligned:
                for column in range(n_columns):
                    mask = nothing - (number(coalition[column]) ^ swapped)
                    change = (reference[column] ^ row[column]) & mask
                    target[column] = reference[column] ^ change
            else:
                for column in range(n_columns):
                    player = owner[game, column]
                    owned = number(1) if player >= 0 else nothing
                    taken = (number(coalition[max(player, 0)]) ^ swapped) & owned
                    mask = nothing - taken
                    change = (reference[column] ^ row[column]) & mask
                    target[column] = reference[column] ^ change
        written += n_run


@kernel
def mix_positions(
    out: NDArray[np.int64],
    first: int,
    n_written: int,
    start: int,
    row: int,
    reference_of: NDArray[np.int64],
    dealt: NDArray[np.int64],
    design_of: NDArray[np.int64],
    coalitions: NDArray[np.uint8],
    first_pair: int,
    n_pairs: int,
    owner: NDArray[np.int64],
) -> None:
    """Write, for each player of the table, the source row from which its columns are taken.

    The twin of `mix_rows` for tables whose columns are taken one by one. Source rows are the
    reference rows, then the explained rows.

    Parameters
    ----------
    out : ndarray of shape (n_players_of_table, n_mixtures)
        Passed whole, since a stretch of it would be another type to the compiler.
    first, n_written : int
        Where to write: mixtures `first` to ``first + n_written - 1`` of `out`.
    start : int
        Position in the sequence of the first mixture written.
    row : int
        Position of the explained row among the source rows.
    reference_of, dealt, design_of, coalitions, first_pair, n_pairs
        As in `mix_rows`.
    owner : ndarray of shape (n_games, n_players_of_table)
        The player of the game that is a player of the table, -1 where none is.
    """
    n_players = len(out)
    written = 0
    while written < n_written:
        game, place = divmod(start + written, 2 * n_pairs)
        swapped = 1 if place >= n_pairs else 0
        pair = first_pair + place % n_pairs
        n_run = min(n_written - written, n_pairs - place % n_pairs)
        rows = coalitions[design_of[game]]
        for player in range(n_players):
            local = owner[game, player]
            for step in range(n_run):
                reference = reference_of[game + dealt[pair + step]]
                taken = (rows[pair + step, local] ^ swapped) if local >= 0 else 0
                out[player, first + written + step] = reference + taken * (row - reference)
        written += n_run
