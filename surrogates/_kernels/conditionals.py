"""Independent draws under the condition that m-of-n tests hold, exactly.

The columns are visited one after another. The state is how many literals of each test hold so far,
capped at the number required: a dynamic programme for the Poisson-binomial distribution, of several
tests at once.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel

__all__ = ["completions", "draw_cells", "next_state"]


@kernel
def next_state(
    state: int, adds: NDArray[np.int64], required: NDArray[np.int64], strides: NDArray[np.int64]
) -> int:
    """Return the state after some literals of each test were found to hold."""
    moved = state
    for test in range(required.shape[0]):
        count = state // strides[test] % (required[test] + 1)
        moved += strides[test] * (min(count + adds[test], required[test]) - count)
    return moved


@kernel
def completions(
    starts: NDArray[np.int64],
    chances: NDArray[np.float64],
    adds: NDArray[np.int64],
    required: NDArray[np.int64],
    strides: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Write the probability that all tests will hold, for each column to come and each state.

    Parameters
    ----------
    starts : ndarray of int64 of shape (n_columns + 1,)
        Where the cells of each column start.
    chances : ndarray of shape (n_cells,)
        Probabilities of the cells; those of a column sum to one.
    adds : ndarray of int64 of shape (n_cells, n_tests)
        How many literals of each test hold in a cell.
    required, strides : ndarray of int64 of shape (n_tests,)
        Literals that must hold, and what one of them adds to the number of a state.
    values : ndarray of shape (n_columns + 1, n_states), written
    """
    n_columns, n_states = starts.shape[0] - 1, values.shape[1]
    values[n_columns] = 0.0
    values[n_columns, n_states - 1] = 1.0
    for column in range(n_columns - 1, -1, -1):
        for state in range(n_states):
            value = 0.0
            for cell in range(starts[column], starts[column + 1]):
                moved = next_state(state, adds[cell], required, strides)
                value += chances[cell] * values[column + 1, moved]
            values[column, state] = value


@kernel
def draw_cells(
    u: NDArray[np.float64],
    starts: NDArray[np.int64],
    chances: NDArray[np.float64],
    adds: NDArray[np.int64],
    required: NDArray[np.int64],
    strides: NDArray[np.int64],
    values: NDArray[np.float64],
    cells: NDArray[np.int64],
) -> None:
    """Write a cell for each row and column, drawn under the condition that all tests hold.

    Parameters
    ----------
    u : ndarray of shape (n_rows, n_columns)
        Uniform numbers.
    starts, chances, adds, required, strides, values
        As in `completions`; the tests can hold.
    cells : ndarray of int64 of shape (n_rows, n_columns), written
    """
    for row in range(u.shape[0]):
        state = 0
        for column in range(u.shape[1]):
            left = u[row, column] * values[column, state]
            chosen = moved = -1
            for cell in range(starts[column], starts[column + 1]):
                after = next_state(state, adds[cell], required, strides)
                share = chances[cell] * values[column + 1, after]
                if share > 0.0:
                    chosen, moved = cell, after
                    left -= share
                    if left < 0.0:
                        break
            cells[row, column] = chosen
            state = moved
