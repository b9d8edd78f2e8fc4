"""Newton's method on the objective without given rows, until its gradient vanishes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from surrogates.influence.losses import SoftmaxLoss
from surrogates.influence.whitening import Whitened

__all__ = ["Polished", "polish"]

Array = NDArray[np.float64]
Removals = Sequence[NDArray[np.int64]]

_BLOCK_BYTES = 2**25
_MOST_HALVINGS = 30
_ENOUGH = 1.0 - 1e-4
_MOST_FACTORED = 40
_FORCING = (1e-6, 0.03)
_FLAT = 1e-13


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
    changes = start.copy()
    everyone = np.arange(len(changes))
    gradients = reduced.gradients(everyone, changes)
    norms = np.linalg.norm(gradients, axis=1)
    moved = norms > tol
    for _ in range(max_iter):
        active = np.flatnonzero(norms > tol)
        if not active.size:
            break
        steps = reduced.steps(active, changes[active], gradients[active], tol)
        found, slopes = _search(reduced, active, changes[active], gradients[active], steps)
        changes[active], gradients[active] = found, slopes
        now = np.linalg.norm(slopes, axis=1)
        stuck = now > _ENOUGH * norms[active]
        norms[active] = now
        if stuck.all():
            break
    return Polished(changes, norms, moved)


def _search(
    reduced: "_Reduced", active: NDArray[np.intp], changes: Array, gradients: Array, steps: Array
) -> tuple[Array, Array]:
    """Halve the steps of those whose gradient does not become smaller."""
    found, slopes = changes.copy(), gradients.copy()
    before = np.linalg.norm(gradients, axis=1)
    waiting, length = np.arange(len(active)), 1.0
    for _ in range(_MOST_HALVINGS):
        trial = changes[waiting] - length * steps[waiting]
        with np.errstate(over="ignore", invalid="ignore"):
            tried = reduced.gradients(active[waiting], trial)
            better = np.linalg.norm(tried, axis=1) < before[waiting]
        found[waiting[better]], slopes[waiting[better]] = trial[better], tried[better]
        waiting, length = waiting[~better], length / 2.0
        if not waiting.size:
            break
    return found, slopes


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
        owner = np.repeat(np.arange(len(removals)), [len(rows) for rows in removals])
        self.weights[owner, np.concatenate(removals)] = 0.0
        penalties = objective.penalty_factors(removals)
        self.penalties = np.ones(len(removals)) if penalties is None else penalties
        self.is_softmax = isinstance(objective.loss, SoftmaxLoss)

    def gradients(self, which: NDArray[np.intp], changes: Array) -> Array:
        """Return the gradients after some changes, of shape (n_which, rank)."""
        whitened, objective = self.whitened, self.whitened.objective
        slopes = objective.loss.slope(objective.targets, self._margins(changes))
        weights = self.weights[which]
        slopes *= weights[..., None] if self.is_softmax else weights
        flat = whitened.rows.reshape(-1, whitened.rank)
        by_rows = slopes.reshape(len(changes), -1) @ flat
        by_penalty = whitened.penalty_gradient + changes @ whitened.penalty_curvature
        return np.asarray(by_rows + self.penalties[which, None] * by_penalty)

    def steps(self, which: NDArray[np.intp], changes: Array, gradients: Array, tol: float) -> Array:
        """Return the Newton steps, of shape (n_which, rank)."""
        objective = self.whitened.objective
        local = objective.loss.curvature(objective.targets, self._margins(changes))
        if not self.is_softmax and self.whitened.rank <= _MOST_FACTORED:
            curvatures = self._curvatures(which, local)
            try:
                return np.asarray(np.linalg.solve(curvatures, gradients[..., None])[..., 0])
            except np.linalg.LinAlgError:
                inverses = np.linalg.pinv(curvatures, hermitian=True)
                return np.asarray((inverses @ gradients[..., None])[..., 0])
        return self._conjugate_gradients(which, local, gradients, tol)

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

    def _conjugate_gradients(
        self, which: NDArray[np.intp], local: Array, gradients: Array, tol: float
    ) -> Array:
        """Solve for steps; whitened, curvatures are close to the identity, and few products do."""
        sizes = np.linalg.norm(gradients, axis=1)
        goals = sizes * np.clip(0.3 * tol / sizes, *_FORCING)
        steps, left, direction = np.zeros_like(gradients), gradients.copy(), gradients.copy()
        squares, live = np.square(sizes), np.arange(len(which))
        for _ in range(2 * self.whitened.rank + 10):
            turned = self._curved(which[live], local[live], direction[live])
            bends = np.einsum("ir,ir->i", direction[live], turned)
            convex = bends > _FLAT * np.square(direction[live]).sum(axis=1)
            live, turned, bends = live[convex], turned[convex], bends[convex]
            lengths = (squares[live] / bends)[:, None]
            steps[live] += lengths * direction[live]
            left[live] -= lengths * turned
            before, now = squares[live], np.square(left[live]).sum(axis=1)
            squares[live] = now
            direction[live] = left[live] + (now / before)[:, None] * direction[live]
            live = live[np.sqrt(now) > goals[live]]
            if not live.size:
                break
        return np.where(steps.any(axis=1, keepdims=True), steps, gradients)

    def _curved(self, which: NDArray[np.intp], local: Array, directions: Array) -> Array:
        """Return products of directions with the curvatures of the reduced objectives."""
        whitened, weights = self.whitened, self.weights[which]
        flat = whitened.rows.reshape(-1, whitened.rank)
        moves = (directions @ flat.T).reshape(local.shape)
        if self.is_softmax:
            moves -= np.einsum("ink,ink->in", local, moves)[..., None]
            weights = weights[..., None]
        by_rows = (weights * local * moves).reshape(len(which), -1) @ flat
        by_penalty = directions @ whitened.penalty_curvature
        return np.asarray(by_rows + self.penalties[which, None] * by_penalty)

    def _margins(self, changes: Array) -> Array:
        whitened = self.whitened
        flat = whitened.rows.reshape(-1, whitened.rank)
        moved = changes @ flat.T
        return np.asarray(moved.reshape(len(changes), *whitened.margins.shape) + whitened.margins)
