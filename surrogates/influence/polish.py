"""Newton's method on the objective without given rows, until its gradient vanishes."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.conjugate_gradients import advance
from surrogates.influence.losses import SoftmaxLoss
from surrogates.influence.objectives import removed_rows
from surrogates.influence.whitening import Whitened

__all__ = ["Polished", "polish"]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]

_BLOCK_BYTES = 2**25
_MOST_HALVINGS = 30
_ENOUGH = 1.0 - 1e-4
_MOST_FACTORED = 40
_FORCING = (1e-6, 0.1)


@dataclass(frozen=True, eq=False)
class Polished:
    """Changes of parameters after Newton's method.

    Parameters
    ----------
    changes : ndarray of shape (n_removals, rank)
        In whitened coordinates.
    residuals : ndarray of shape (n_removals,)
        Norms of the gradients left.
    moved : ndarray of bool of shape (n_removals,)
        Which changes needed at least one step.
    """

    changes: Array
    residuals: Array
    moved: NDArray[np.bool_]


def polish(
    whitened: Whitened, removals: Removals, start: Array, *, tol: float, max_iter: int
) -> Polished:
    """Iterate on every set of rows removed whose gradient is still above `tol`.

    Parameters
    ----------
    whitened : Whitened
    removals : sequence of arrays of positions
    start : ndarray of shape (n_removals, rank)
        First guesses of the changes.
    tol : float
        In whitened coordinates the gradient left is, to first order, the error of the change.
    max_iter : int
        Newton steps at most.

    Returns
    -------
    polished : Polished
    """
    size = max(1, _BLOCK_BYTES // (8 * whitened.rows.shape[0] * whitened.rows.shape[1]))
    starts = range(0, len(removals), size)
    blocks = [
        _polish_block(whitened, removals[at : at + size], start[at : at + size], tol, max_iter)
        for at in starts
    ]
    return Polished(
        changes=np.concatenate([block.changes for block in blocks]),
        residuals=np.concatenate([block.residuals for block in blocks]),
        moved=np.concatenate([block.moved for block in blocks]),
    )


def _polish_block(
    whitened: Whitened, removals: Removals, start: Array, tol: float, max_iter: int
) -> Polished:
    reduced = _Reduced(whitened, removals)
    changes, norms = start.copy(), np.empty(len(start))
    now = reduced.at(np.arange(len(start)), start)
    norms[:] = now.norms
    moved = norms > tol
    now = now.of(moved)
    for _ in range(max_iter):
        if not now.which.size:
            break
        before, now = now.norms, _search(reduced, now, reduced.steps(now, tol))
        changes[now.which], norms[now.which] = now.changes, now.norms
        if (now.norms > _ENOUGH * before).all():
            break
        now = now.of(now.norms > tol)
    return Polished(changes, norms, moved)


def _search(reduced: "_Reduced", now: "_Points", steps: Array) -> "_Points":
    """Take steps, and halve those of removals whose gradient does not become smaller."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = reduced.at(now.which, now.changes - steps)
        waiting, length = np.flatnonzero(~(found.norms < now.norms)), 0.5
        for _ in range(_MOST_HALVINGS):
            if not waiting.size:
                return found
            trial = now.changes[waiting] - length * steps[waiting]
            tried = reduced.at(now.which[waiting], trial)
            better = tried.norms < now.norms[waiting]
            found.put(waiting[better], tried.of(better))
            waiting, length = waiting[~better], length / 2.0
    found.put(waiting, now.of(waiting))
    return found


@dataclass(frozen=True, eq=False)
class _Points:
    """Some removals, the changes of parameters that they have come to, and what is left there.

    Parameters
    ----------
    which : ndarray of int of shape (n_points,)
        Positions of the removals.
    changes, gradients : ndarray of shape (n_points, rank)
    margins : ndarray of shape (n_points, n_rows) or (n_points, n_rows, n_outputs)
        Margins of the training rows.
    norms : ndarray of shape (n_points,)
        Norms of the gradients.
    """

    which: NDArray[np.intp]
    changes: Array
    gradients: Array
    margins: Array
    norms: Array

    def of(self, chosen: Any) -> "_Points":
        """Return some of the points, by a mask or by positions."""
        return _Points(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def put(self, places: NDArray[np.intp], points: "_Points") -> None:
        """Write other points at some places."""
        for field in fields(self):
            getattr(self, field.name)[places] = getattr(points, field.name)


class _Reduced:
    """The objectives that are left when sets of rows are removed."""

    def __init__(self, whitened: Whitened, removals: Removals) -> None:
        self.whitened = whitened
        objective = whitened.objective
        factors = objective.row_factors(removals)
        if factors is None or objective.balance is None:
            self.weights = np.tile(objective.weights, (len(removals), 1))
        else:
            self.weights = objective.weights * factors[:, objective.balance.codes]
        self.weights[removed_rows(removals)] = 0.0
        penalties = objective.penalty_factors(removals)
        self.penalties = np.ones(len(removals)) if penalties is None else penalties
        self.is_softmax = isinstance(objective.loss, SoftmaxLoss)

    def at(self, which: NDArray[np.intp], changes: Array) -> _Points:
        """Return what is left after some changes."""
        whitened, objective = self.whitened, self.whitened.objective
        flat = whitened.rows.reshape(-1, whitened.rank)
        margins = (changes @ flat.T).reshape(len(changes), *whitened.margins.shape)
        margins += whitened.margins
        slopes = objective.loss.slope(objective.targets, margins)
        weights = self.weights[which]
        slopes *= weights[..., None] if self.is_softmax else weights
        gradients = slopes.reshape(len(changes), -1) @ flat
        by_penalty = whitened.penalty_gradient + changes @ whitened.penalty_curvature
        gradients += self.penalties[which, None] * by_penalty
        return _Points(which, changes, gradients, margins, _norms(gradients))

    def steps(self, now: _Points, tol: float) -> Array:
        """Return the Newton steps, of shape (n_points, rank)."""
        objective, which, gradients = self.whitened.objective, now.which, now.gradients
        local = objective.loss.curvature(objective.targets, now.margins)
        if not self.is_softmax and self.whitened.rank <= _MOST_FACTORED:
            curvatures = self._curvatures(which, local)
            try:
                return np.asarray(np.linalg.solve(curvatures, gradients[..., None])[..., 0])
            except np.linalg.LinAlgError:
                inverses = np.linalg.pinv(curvatures, hermitian=True)
                return np.asarray((inverses @ gradients[..., None])[..., 0])
        return self._conjugate_gradients(now, local, tol)

    def _curvatures(self, which: NDArray[np.intp], local: Array) -> Array:
        """Return the curvatures of the reduced objectives, all by one product of matrices."""
        rank = self.whitened.rank
        first, second = np.triu_indices(rank)
        curvatures = self.penalties[which, None, None] * self.whitened.penalty_curvature
        upper = (self.weights[which] * local) @ self._products
        curvatures[:, first, second] += upper
        lower = first != second
        curvatures[:, second[lower], first[lower]] += upper[:, lower]
        return curvatures

    @cached_property
    def _products(self) -> Array:
        """Products of all pairs of columns."""
        first, second = np.triu_indices(self.whitened.rank)
        columns = np.ascontiguousarray(self.whitened.rows[:, 0].T)
        return np.asarray((columns[first] * columns[second]).T)

    def _conjugate_gradients(self, now: _Points, local: Array, tol: float) -> Array:
        """Solve for steps; whitened, curvatures are close to the identity, and few products do."""
        solved, live = np.zeros_like(now.gradients), np.arange(len(now.which))
        left, direction, steps = now.gradients.copy(), now.gradients.copy(), solved.copy()
        squares = np.square(now.norms)
        goals = squares * np.square(np.clip(0.3 * tol / now.norms, *_FORCING))
        bends, goes_on = _Bends(self, now.which, local), np.ones(len(live), dtype=np.bool_)
        for _ in range(2 * self.whitened.rank + 10):
            n_left = advance(
                bends.products(direction), direction, left, squares, goals, steps, goes_on
            )
            if n_left == len(live):
                continue
            done = ~goes_on
            solved[live[done]] = steps[done]
            live, bends = live[goes_on], bends.of(goes_on)
            left, direction, steps = left[goes_on], direction[goes_on], steps[goes_on]
            squares, goals, goes_on = squares[goes_on], goals[goes_on], goes_on[goes_on]
            if not n_left:
                break
        solved[live] = steps
        return np.where(solved.any(axis=1, keepdims=True), solved, now.gradients)


class _Bends:
    """Curvatures of reduced objectives, as products with directions."""

    def __init__(self, reduced: _Reduced, which: NDArray[np.intp], local: Array) -> None:
        self.whitened, self.local = reduced.whitened, local
        self.penalties = reduced.penalties[which, None]
        weights = reduced.weights[which]
        self.weighted = (weights[..., None] if reduced.is_softmax else weights) * local

    def of(self, chosen: NDArray[np.bool_]) -> "_Bends":
        """Return some of them."""
        part = copy(self)
        for name in ("local", "penalties", "weighted"):
            setattr(part, name, getattr(self, name)[chosen])
        return part

    def products(self, directions: Array) -> Array:
        """Return the product of every curvature with its direction."""
        flat = self.whitened.rows.reshape(-1, self.whitened.rank)
        moves = (directions @ flat.T).reshape(self.local.shape)
        if moves.ndim > 2:  # the second derivatives of a softmax are diag(p) - pp'
            moves -= np.einsum("ink,ink->in", self.local, moves)[..., None]
        moves *= self.weighted
        by_penalty = directions @ self.whitened.penalty_curvature
        return np.asarray(moves.reshape(len(moves), -1) @ flat + self.penalties * by_penalty)


def _dots(first: Array, second: Array) -> Array:
    return np.einsum("ir,ir->i", first, second)


def _norms(vectors: Array) -> Array:
    return np.sqrt(_dots(vectors, vectors))
