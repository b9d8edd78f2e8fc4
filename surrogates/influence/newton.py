"""First-order and Newton changes of parameters, for every training row removed alone."""

import numpy as np
from numpy.typing import NDArray

from surrogates.influence.losses import SoftmaxLoss, SquaredError
from surrogates.influence.whitening import Whitened

__all__ = ["first_order", "leverages", "newton", "newton_error_bounds"]

Array = NDArray[np.float64]

_ALONE = 1e-9
_MOST_SCENARIOS = 64


def leverages(whitened: Whitened) -> Array:
    """Return ``w_i s_i a_i' H^-1 a_i`` for every row, of shape (n_rows,).

    For a softmax, the trace of the matrix that takes the place of this product.
    """
    objective, rows, local = whitened.objective, whitened.rows, whitened.local
    squares = np.einsum("nkr,nkr->nk", rows, rows)
    if not isinstance(objective.loss, SoftmaxLoss):
        return np.asarray(objective.weights * local * squares[:, 0])
    means = np.einsum("nk,nkr->nr", local, rows)
    return np.asarray(
        objective.weights * ((local * squares).sum(axis=1) - np.square(means).sum(axis=1))
    )


def first_order(whitened: Whitened) -> Array:
    """Return ``H^-1 g_i`` in whitened coordinates, of shape (n_rows, rank).

    Where other rows are weighed anew by a removal, g_i includes what that does to the gradient.
    """
    pushes, own = _reduced(whitened)
    dropped = own[:, None] * whitened.pulls
    return dropped if pushes is None else dropped - pushes


def newton(whitened: Whitened) -> Array:
    """Return one Newton step on the objective without each row, of shape (n_rows, rank).

    The curvature of the removed row is taken out, by the identity of Sherman, Morrison and
    Woodbury. Where removals change what other rows weigh, or the penalty, the curvature changes
    with them as long as they do so in few different ways.

    Parameters
    ----------
    whitened : Whitened

    Returns
    -------
    changes : ndarray of shape (n_rows, rank)
    """
    pushes, own = _reduced(whitened)
    scenarios, of_row = _scenarios(whitened)
    if scenarios is None:
        changes = _downdated(whitened, slice(None), own, pushes, None)
        return _least_norm(whitened, changes)
    changes = np.empty((len(own), whitened.rank))
    for number, scenario in enumerate(scenarios):
        rows = np.flatnonzero(of_row == number)
        curvature = _scenario_curvature(whitened, scenario)
        factor = np.asarray(np.linalg.cholesky(curvature), dtype=np.float64)
        changes[rows] = _downdated(whitened, rows, own, pushes, factor)
    return changes


def newton_error_bounds(whitened: Whitened, changes: Array) -> Array:
    """Bound the gradients that Newton steps without each row leave, of shape (n_rows,).

    Where a change d of the margins multiplies the curvature of a loss by at most exp(|d|), a step
    of the norm s that changes no margin by more than d leaves a gradient of at most
    ``s (exp(d) - 1 - d) / d``, all in whitened coordinates. Infinite where nothing is known.

    Parameters
    ----------
    whitened : Whitened
    changes : ndarray of shape (n_rows, rank)
        The steps.
    """
    objective = whitened.objective
    growth = objective.loss.growth
    if objective.reweighs:
        return np.full(len(changes), np.inf)
    if not np.isfinite(growth):  # but without a row that adds nothing the gradient is the same
        return np.where(whitened.pulls.any(axis=1), np.inf, 0.0)
    sizes = np.linalg.norm(changes, axis=1)
    longest = np.sqrt(np.square(whitened.rows).sum(axis=2).max(initial=0.0))
    reach = np.minimum(growth * longest * sizes, 50.0)
    safe = np.maximum(reach, 1e-6)
    return np.asarray(sizes * np.where(reach < 1e-6, reach, (np.expm1(safe) - safe) / safe))


def _least_norm(whitened: Whitened, changes: Array) -> Array:
    """Let coefficients that lose their only row go to zero, as least squares leaves them."""
    objective = whitened.objective
    if objective.penalty.any() or not isinstance(objective.loss, SquaredError):
        return changes
    n_coefficients = objective.design.shape[1] - objective.free_intercept
    for row in np.flatnonzero(np.abs(1.0 - leverages(whitened)) < _ALONE):
        own = whitened.rows[row, 0]
        direction = whitened.parameters(own)[:n_coefficients]
        size = direction @ direction
        if size > 0.0:
            changes[row] = -own * (direction @ objective.theta[0, :n_coefficients]) / size
    return changes


def _alone(whitened: Whitened) -> list[NDArray[np.int64]]:
    return list(np.arange(len(whitened.rows))[:, None])


def _reduced(whitened: Whitened) -> tuple[Array | None, Array]:
    """Return what removals add to the gradient through others, and factors of the own weights."""
    objective = whitened.objective
    own = np.ones(len(whitened.rows))
    pushes: Array | None = None
    if objective.balance is not None:
        codes = objective.balance.codes
        factors = objective.balance.factors(_alone(whitened))
        sums = np.zeros((factors.shape[1], whitened.rank))
        np.add.at(sums, codes, whitened.pulls)
        pushes = (factors - 1.0) @ sums
        own = factors[np.arange(len(own)), codes]
    if objective.shares is not None and objective.penalty.any():
        relative = objective.shares / objective.shares.sum()
        by_penalty = -relative[:, None] * whitened.penalty_gradient
        pushes = by_penalty if pushes is None else pushes + by_penalty
    return pushes, own


def _scenarios(whitened: Whitened) -> tuple[Array | None, NDArray[np.int64]]:
    """Return the different ways in which removals change the curvature, and that of every row."""
    objective, n_rows = whitened.objective, len(whitened.rows)
    none = np.zeros(n_rows, dtype=np.int64)
    if not objective.reweighs:
        return None, none
    alone = _alone(whitened)
    factors, penalties = objective.row_factors(alone), objective.penalty_factors(alone)
    columns = [
        np.ones((n_rows, 1)) if factors is None else factors,
        np.ones(n_rows) if penalties is None else penalties,
    ]
    table = np.column_stack(columns)
    # rounding makes equal scenarios differ in their last digits
    _, first, of_row = np.unique(
        np.round(table, 12), axis=0, return_index=True, return_inverse=True
    )
    if len(first) > _MOST_SCENARIOS:
        return np.average(table, axis=0)[None], none
    return table[first], of_row.ravel()


def _scenario_curvature(whitened: Whitened, scenario: Array) -> Array:
    objective = whitened.objective
    weights = objective.weights
    if objective.balance is not None:
        weights = weights * scenario[:-1][objective.balance.codes]
    losses = whitened.curvature(weights, whitened.margins)
    return losses + scenario[-1] * whitened.penalty_curvature


def _downdated(
    whitened: Whitened,
    rows: NDArray[np.int64] | slice,
    own: Array,
    pushes: Array | None,
    factor: Array | None,
) -> Array:
    """Solve for rows that share a curvature, given by its Cholesky factor, each without its own."""
    blocks: Array = whitened.rows[rows]
    push: Array | None = None if pushes is None else pushes[rows]
    if factor is not None:
        flat = np.asarray(np.linalg.solve(factor, blocks.reshape(-1, len(factor)).T), np.float64)
        blocks = np.ascontiguousarray(flat.T).reshape(blocks.shape)
        push = None if push is None else np.asarray(np.linalg.solve(factor, push.T).T, np.float64)
    weights = whitened.objective.weights[rows] * own[rows]
    right = weights[:, None] * whitened.slopes[rows]
    if push is not None:
        hits = np.einsum("nkr,nr->nk", blocks, push)
        right = right - np.einsum("nkl,nl->nk", _local(whitened, rows, weights), hits)
    steps = _solve(whitened, rows, weights, blocks, right)
    changes = np.einsum("nk,nkr->nr", steps, blocks)
    if push is not None:
        changes -= push
    return changes if factor is None else np.asarray(np.linalg.solve(factor.T, changes.T).T)


def _local(whitened: Whitened, rows: NDArray[np.int64] | slice, weights: Array) -> Array:
    """Return the weighted curvatures of the losses of rows, (n_rows, n_outputs, n_outputs)."""
    local = whitened.local[rows]
    if not isinstance(whitened.objective.loss, SoftmaxLoss):
        return np.asarray((weights * local)[:, None, None])
    matrices = -local[:, :, None] * local[:, None, :]
    diagonal = np.arange(local.shape[1])
    matrices[:, diagonal, diagonal] += local
    return np.asarray(weights[:, None, None] * matrices)


def _solve(
    whitened: Whitened, rows: NDArray[np.int64] | slice, weights: Array, blocks: Array, right: Array
) -> Array:
    """Solve ``(I - D K) c = right`` for every row, with D its curvature and K its own kernel."""
    local = _local(whitened, rows, weights)
    if blocks.shape[1] == 1:
        left = 1.0 - local[:, 0, 0] * np.square(blocks[:, 0]).sum(axis=1)
        # a row that alone determines a direction has no residual: nothing follows from removing it
        alone = np.abs(left) < _ALONE
        steps = np.where(alone, 0.0, right[:, 0] / np.where(alone, 1.0, left))
        return np.asarray(steps[:, None])
    kernels = np.einsum("nkr,nlr->nkl", blocks, blocks)
    left = np.eye(blocks.shape[1]) - local @ kernels
    return np.asarray(np.linalg.solve(left, right[..., None])[..., 0])
