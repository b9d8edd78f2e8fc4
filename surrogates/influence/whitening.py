"""Coordinates in which the curvature of an objective is the identity."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from surrogates.influence.losses import SoftmaxLoss
from surrogates.influence.objectives import Objective

__all__ = ["Whitened", "whiten"]

Array = NDArray[np.float64]

_RANK_TOLERANCE = 1e-11
_WELL_CONDITIONED = 1e7
_BLOCK_COLUMNS = 64
_SOFTMAX_RANK_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Whitened:
    """An objective around its parameters, in coordinates that whiten its curvature.

    Parameters are ``theta + basis @ phi``; directions without curvature are left out.

    Parameters
    ----------
    objective : Objective
    basis : ndarray of shape (n_outputs * n_columns, rank)
    """

    objective: Objective
    basis: Array

    @property
    def rank(self) -> int:
        """Number of directions with curvature."""
        return self.basis.shape[1]

    @cached_property
    def rows(self) -> Array:
        """The design in these coordinates, of shape (n_rows, n_outputs, rank)."""
        objective = self.objective
        blocks = self.basis.reshape(objective.n_outputs, -1, self.rank)
        if objective.n_outputs == 1:
            return np.asarray(objective.design @ blocks[0])[:, None]
        return np.ascontiguousarray(np.einsum("nj,kjr->nkr", objective.design, blocks))

    @cached_property
    def margins(self) -> Array:
        """The margins of the training rows."""
        return self.objective.margins()

    @cached_property
    def local(self) -> Array:
        """Curvatures of the losses; the probabilities of a softmax."""
        return self.objective.loss.curvature(self.objective.targets, self.margins)

    @cached_property
    def slopes(self) -> Array:
        """Slopes of the losses, of shape (n_rows, n_outputs)."""
        slopes = self.objective.loss.slope(self.objective.targets, self.margins)
        return slopes.reshape(len(slopes), -1)

    @cached_property
    def pulls(self) -> Array:
        """What each row adds to the gradient, of shape (n_rows, rank)."""
        weighted = self.objective.weights[:, None] * self.slopes
        if self.objective.n_outputs == 1:
            return np.asarray(weighted * self.rows[:, 0])
        return np.einsum("nk,nkr->nr", weighted, self.rows)

    @cached_property
    def typical_pull(self) -> float:
        """Root mean square of what the rows with any slope add to the gradient."""
        squares = np.square(self.pulls).sum(axis=1)
        pulling = squares > 0.0
        return float(np.sqrt(squares[pulling].mean())) if pulling.any() else 1.0

    @cached_property
    def penalty_gradient(self) -> Array:
        """Gradient of the penalty, of shape (rank,)."""
        theta = self.objective.theta
        return np.asarray(self.basis.T @ (self.objective.penalty * theta).ravel())

    @cached_property
    def penalty_curvature(self) -> Array:
        """Curvature of the penalty, of shape (rank, rank)."""
        tiled = np.tile(self.objective.penalty, self.objective.n_outputs)
        return np.asarray(self.basis.T @ (tiled[:, None] * self.basis))

    @cached_property
    def gradient(self) -> Array:
        """Gradient of the objective, of shape (rank,)."""
        return np.asarray(self.pulls.sum(axis=0) + self.penalty_gradient)

    def curvature(self, weights: Array, margins: Array) -> Array:
        """Return the curvature of the weighted losses at some margins, of shape (rank, rank)."""
        loss, rows = self.objective.loss, self.rows
        local = loss.curvature(self.objective.targets, margins)
        if not isinstance(loss, SoftmaxLoss):
            flat = rows[:, 0]
            return np.asarray(flat.T @ ((weights * local)[:, None] * flat))
        flat = rows.reshape(-1, self.rank)
        means = np.einsum("nk,nkr->nr", local, rows)
        return np.asarray(
            flat.T @ ((weights[:, None] * local).ravel()[:, None] * flat)
            - means.T @ (weights[:, None] * means)
        )

    def parameters(self, phi: Array) -> Array:
        """Return changes of the parameters, of shape (..., n_outputs * n_columns)."""
        return np.asarray(phi @ self.basis.T)


def whiten(objective: Objective, near: Whitened | None = None) -> Whitened:
    """Find the coordinates, at the parameters of an objective.

    Parameters
    ----------
    objective : Objective
    near : Whitened, default=None
        The same objective at other parameters, whose coordinates are kept where its curvature is
        the same.

    Returns
    -------
    whitened : Whitened
        Its `rank` is below the number of parameters where these are not determined by the rows.

    Notes
    -----
    Where all losses are convex, the triangular factor of the weighted design is decomposed, and
    not the curvature itself, whose condition number is the square of that of the design.
    """
    if isinstance(objective.loss, SoftmaxLoss):
        return Whitened(objective, _from_curvature(_softmax_curvature(objective), objective))
    curvature = objective.loss.curvature(objective.targets, objective.margins())
    if near is not None and np.array_equal(curvature, near.local):
        return Whitened(objective, near.basis)
    weights = objective.weights * curvature
    if (weights < 0.0).any():
        matrix = objective.design.T @ (weights[:, None] * objective.design)
        return Whitened(objective, _from_curvature(matrix + np.diag(objective.penalty), objective))
    return Whitened(objective, _from_design(objective.design, weights, objective.penalty))


def _from_design(design: Array, weights: Array, penalty: Array) -> Array:
    stacked = np.sqrt(weights)[:, None] * design
    penalised = np.flatnonzero(penalty > 0.0)
    if penalised.size:
        ridge = np.zeros((penalised.size, design.shape[1]))
        ridge[np.arange(penalised.size), penalised] = np.sqrt(penalty[penalised])
        stacked = np.vstack([stacked, ridge])
    factor = _triangular_factor(stacked)
    scale = _scale(np.sqrt(np.square(factor).sum(axis=0)))
    scaled = factor / scale
    inverse = _inverse(scaled)
    if inverse is not None:
        return inverse / scale[:, None]
    _, sizes, directions = np.linalg.svd(scaled, full_matrices=True)
    sizes = np.concatenate([sizes, np.zeros(design.shape[1] - len(sizes))])
    kept = sizes > _RANK_TOLERANCE * max(sizes[0], np.finfo(float).tiny)
    return _without(directions[kept].T / sizes[kept], directions[~kept].T, scale)


def _triangular_factor(matrix: Array) -> Array:
    """Return R of a QR decomposition, of shape (min(matrix.shape), n_columns)."""
    packed, _, _, _ = lapack.dgeqrf(matrix, lwork=_BLOCK_COLUMNS * matrix.shape[1])
    return np.asarray(np.triu(packed[: matrix.shape[1]]))


def _inverse(factor: Array) -> Array | None:
    """Return the inverse of a triangular matrix whose columns have norm 1, if it loses no digits.

    It whitens the curvature as the singular vectors do, which are left to show a lack of rank.
    """
    if len(factor) < factor.shape[1] or not factor.size:
        return None
    inverse, failed = lapack.dtrtri(factor)
    if failed or np.square(inverse).sum() > _WELL_CONDITIONED**2:
        return None
    return np.asarray(inverse)


def _from_curvature(matrix: Array, objective: Objective) -> Array:
    scale = _scale(np.sqrt(np.abs(np.diag(matrix))))
    sizes, directions = np.linalg.eigh(matrix / scale / scale[:, None])
    if sizes[0] < -1e-8 * sizes[-1]:
        raise ValueError(
            f"The objective with the {objective.loss.unit} is not convex at the fitted parameters, "
            "so that they are no minimum: fit the model to convergence."
        )
    kept = sizes > _SOFTMAX_RANK_TOLERANCE * max(sizes[-1], np.finfo(float).tiny)
    return _without(directions[:, kept] / np.sqrt(sizes[kept]), directions[:, ~kept], scale)


def _scale(norms: Array) -> Array:
    return np.where(norms > 0.0, norms, 1.0)


def _without(basis: Array, null: Array, scale: Array) -> Array:
    """Undo the scaling of the columns; solutions of least norm have no part in null directions."""
    basis = basis / scale[:, None]
    if null.shape[1]:
        orthonormal, _ = np.linalg.qr(null / scale[:, None])
        basis -= orthonormal @ (orthonormal.T @ basis)
    return basis


def _softmax_curvature(objective: Objective) -> Array:
    """Return the curvature in the parameters, class by class."""
    shares = objective.loss.curvature(objective.targets, objective.margins())
    n_outputs, n_columns = objective.theta.shape
    design, blocks = objective.design, np.empty((n_outputs, n_columns, n_outputs, n_columns))
    for first in range(n_outputs):
        for second in range(first, n_outputs):
            local = shares[:, first] * ((first == second) - shares[:, second])
            block = design.T @ ((objective.weights * local)[:, None] * design)
            blocks[first, :, second], blocks[second, :, first] = block, block
    size = n_outputs * n_columns
    return blocks.reshape(size, size) + np.diag(np.tile(objective.penalty, n_outputs))
