"""Rows through a tree of m-of-n tests."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["ABOVE", "AT_MOST", "IN", "NOT_IN", "holds", "route"]

AT_MOST, ABOVE, IN, NOT_IN = 0, 1, 2, 3


@kernel
def holds(
    value: float,
    operator: int,
    threshold: float,
    first: int,
    missing: bool,
    members: NDArray[np.bool_],
) -> bool:
    """Tell whether a literal holds for one value.

    Parameters
    ----------
    value : float
        A number or the code of a level; NaN is missing, a negative code an unknown level.
    operator : int
        One of `AT_MOST`, `ABOVE`, `IN`, `NOT_IN`.
    threshold : float
        For literals of levels: how many levels the column has.
    first : int
        Where the levels of the column start in `members`.
    missing : bool
        What the literal says of a missing value.
    members : ndarray of bool
        Which levels belong to the literal.
    """
    if np.isnan(value):
        return missing
    if operator == AT_MOST:
        return value <= threshold
    if operator == ABOVE:
        return value > threshold
    inside = 0 <= value < threshold and members[first + int(value)]
    return inside if operator == IN else not inside


@kernel
def route(
    rows: NDArray[np.float64],
    root: int,
    required: NDArray[np.int32],
    starts: NDArray[np.int32],
    if_true: NDArray[np.int32],
    if_false: NDArray[np.int32],
    columns: NDArray[np.int32],
    operators: NDArray[np.int8],
    thresholds: NDArray[np.float64],
    firsts: NDArray[np.int32],
    missing: NDArray[np.bool_],
    members: NDArray[np.bool_],
    leaves: NDArray[np.int32],
) -> None:
    """Write the leaf of each row.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
    root : int
        Where the rows enter.
    required : ndarray of int32 of shape (n_nodes,)
        How many literals of the test must hold; 0 at leaves.
    starts : ndarray of int32 of shape (n_nodes + 1,)
        Where the literals of each node start.
    if_true, if_false : ndarray of int32 of shape (n_nodes,)
    columns, operators, thresholds, firsts, missing : ndarray of shape (n_literals,)
    members : ndarray of bool
    leaves : ndarray of int32 of shape (n_rows,), written
    """
    for row in range(rows.shape[0]):
        node = root
        while required[node]:
            count = 0
            for i in range(starts[node], starts[node + 1]):
                count += holds(
                    rows[row, columns[i]],
                    operators[i],
                    thresholds[i],
                    firsts[i],
                    missing[i],
                    members,
                )
            node = if_true[node] if count >= required[node] else if_false[node]
        leaves[row] = node
