"""Differentiable models near some rows: what each cell adds to the margin, to first order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from surrogates.blackbox.differentiable import Differentiable
from surrogates.blackbox.find_differentiable import find_differentiable
from surrogates.blackbox.inside import Inside
from surrogates.blackbox.model import Model
from surrogates.counterfactuals.batch import Judge
from surrogates.counterfactuals.columns import Column
from surrogates.counterfactuals.goal import Goal
from surrogates.counterfactuals.probes import whole_rows, with_single_cells
from surrogates.exceptions import ModelOutputError

__all__ = ["Slopes", "SlopesReader", "make_slopes_reader"]

_STEP = 1e-6  # of a response, at which margins are differentiated


@dataclass(frozen=True, eq=False)
class Slopes:
    """Margins as sums of effects of cells, near one row.

    Parameters
    ----------
    margin : float
        Of the row.
    of_numbers : ndarray of shape (n_columns,)
        Gain for a number larger by 1; 0 for levels.
    of_levels : tuple of ndarray of shape (n_levels,)
        Gain of each level over the one that the row has; empty for numbers.
    """

    margin: float
    of_numbers: NDArray[np.float64]
    of_levels: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, eq=False)
class SlopesReader:
    """Reads slopes of rows, which share a call of the model.

    Parameters
    ----------
    opened : Differentiable
        The logits of probabilities, which do not saturate; else the responses.
    goal : Goal
    input_slopes : ndarray of shape (n_inputs,)
        By how much each input grows with the number in the column that owns it.
    level_inputs : tuple of ndarray of shape (n_levels, n_own_inputs)
        What preprocessing makes of each level of a column; empty for numbers.
    """

    opened: Differentiable
    goal: Goal
    input_slopes: NDArray[np.float64]
    level_inputs: tuple[NDArray[np.float64], ...]

    def __call__(
        self, judge: Judge, at: NDArray[np.int64], codes: NDArray[np.float64]
    ) -> list[Slopes]:
        """Return the slopes at candidates; each costs a model row.

        Parameters
        ----------
        judge : Judge
        at : ndarray of shape (n,)
            The explained row of each candidate.
        codes : ndarray of shape (n, n_columns)
        """
        inputs = self.opened.encode(judge.table(at, codes))
        responses, gradients = self.opened.gradients(inputs)
        np.add.at(judge.spent, at, 1)
        margins, by_response = _margin_slopes(self.goal, responses, judge.start[at])
        by_input = np.einsum("nik,nk->ni", gradients, by_response)
        of_numbers = np.zeros(codes.shape)
        np.add.at(of_numbers.T, self.opened.owners, (by_input * self.input_slopes).T)
        of_levels = [self._of_levels(*row) for row in zip(inputs, by_input, strict=True)]
        return [Slopes(*own) for own in zip(margins.tolist(), of_numbers, of_levels, strict=True)]

    def _of_levels(
        self, inputs: NDArray[np.float64], by_input: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], ...]:
        owners = self.opened.owners
        return tuple(
            (known - inputs[owners == position]) @ by_input[owners == position]
            if len(known)
            else np.empty(0)
            for position, known in enumerate(self.level_inputs)
        )


def _margin_slopes(
    goal: Goal, responses: NDArray[np.float64], start: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return margins (n,), and their derivatives by logits or numbers (n, n_outputs)."""
    slopes = np.empty(responses.shape)
    for output in range(responses.shape[1]):
        shift = np.zeros(responses.shape)
        shift[:, output] = _STEP * (1.0 + np.abs(responses[:, output]))
        rise = _margins(goal, responses + shift, start) - _margins(goal, responses - shift, start)
        slopes[:, output] = rise / (2.0 * shift[:, output])
    return _margins(goal, responses, start), slopes


def _margins(
    goal: Goal, responses: NDArray[np.float64], start: NDArray[np.int64]
) -> NDArray[np.float64]:
    if not goal.is_probability:
        return goal.margins(responses, start)
    if responses.shape[1] == 1:
        return goal.margins_of_scores(np.hstack([-responses, responses]), start)
    others = np.stack(
        [logsumexp(np.delete(responses, at, axis=1), axis=1) for at in range(responses.shape[1])],
        axis=1,
    )
    return goal.margins_of_scores(responses - others, start)


def make_slopes_reader(
    model: Model,
    goal: Goal,
    columns: tuple[Column, ...],
    reference: Any,
    codes: NDArray[np.float64],
    inside: Inside,
) -> SlopesReader | None:
    """Open a model, and see what preprocessing makes of levels and numbers.

    Parameters
    ----------
    model : Model
        All outputs.
    goal : Goal
    columns : tuple of Column
    reference : ndarray or DataFrame of shape (n_references, n_columns)
    codes : ndarray of shape (n_references, n_columns)
    inside : Inside
        The model without its preprocessing.

    Returns
    -------
    reader : SlopesReader or None
        None where the model cannot be differentiated.
    """
    whole = whole_rows(codes)
    if not len(whole):
        return None
    probes = [
        np.arange(len(column.levels.values), dtype=np.float64)
        if column.is_level
        else column.seen[[0, -1]]
        for column in columns
    ]
    try:
        opened = find_differentiable(model, reference, logits=goal.is_probability, inside=inside)
        table, of_column = with_single_cells(columns, reference, codes, int(whole[0]), probes)
        inputs = opened.encode(table)
    except (ModelOutputError, ValueError):
        return None
    input_slopes, level_inputs = np.zeros(inputs.shape[1]), []
    for position, column in enumerate(columns):
        mine = opened.owners == position
        made = inputs[of_column[position]][:, mine]
        level_inputs.append(made if column.is_level else np.empty((0, int(mine.sum()))))
        if not column.is_level and column.seen[-1] > column.seen[0]:
            input_slopes[mine] = (made[1] - made[0]) / (column.seen[-1] - column.seen[0])
    return SlopesReader(opened, goal, input_slopes, tuple(level_inputs))
