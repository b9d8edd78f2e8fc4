"""Integrals of gradients along straight paths: exact where the network is piecewise linear."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.breaks import Breaks
from surrogates.blackbox.differentiable import Differentiable

__all__ = ["Integral", "integrate"]

Floats = NDArray[np.float64]

_N_NODES = 16
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(_N_NODES)
_MOST_AT_A_TIME = 4096
_MOST_NUMBERS = 2**22


@dataclass
class Integral:
    """Contributions of inputs along the paths from baselines to rows.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_inputs, n_outputs)
    is_exact : ndarray of shape (n_rows,)
        Whether no quadrature was needed.
    settled : ndarray of shape (n_rows,)
        Whether the last refinement of a quadrature changed no contribution beyond the tolerance.
    n_gradients : ndarray of shape (n_rows,)
    """

    values: Floats
    is_exact: NDArray[np.bool_]
    settled: NDArray[np.bool_]
    n_gradients: NDArray[np.int64]

    def put(self, rows: NDArray[np.int64], other: "Integral") -> None:
        """Take over the integrals of some rows."""
        self.values[rows], self.is_exact[rows] = other.values, other.is_exact
        self.settled[rows] = other.settled
        self.n_gradients[rows] += other.n_gradients


def integrate(
    model: Differentiable, inputs: Floats, baseline: Floats, tol: float, max_steps: int
) -> Integral:
    """Integrate the gradients from one baseline to every row.

    One stage of activations is integrated by difference quotients, a piecewise-linear network
    piece by piece; all others, and rows with too many pieces, by Gauss-Legendre on panels that are
    halved until no contribution changes by more than the tolerance.

    Parameters
    ----------
    model : Differentiable
    inputs : ndarray of shape (n_rows, n_inputs)
    baseline : ndarray of shape (n_inputs,)
    tol : float
        Relative to the largest contribution, and at least to the change of the response.
    max_steps : int
        Gradients per row.
    """
    n_rows, exact = len(inputs), np.ones(len(inputs), dtype=bool)
    if model.n_stages is not None and model.n_stages <= 1:
        values = model.rescale(inputs, baseline[None])[1]
        return Integral(values, exact, exact, np.ones(n_rows, dtype=np.int64))
    starts = np.broadcast_to(baseline, inputs.shape)
    breaks = model.breaks(starts, inputs, max_steps - 1)
    if breaks is None:
        return _refine(model, inputs, baseline, tol, max_steps, from_top=False)
    found = _by_pieces(model, inputs, baseline, breaks)
    left = np.flatnonzero(~found.is_exact)
    if len(left):
        found.put(left, _refine(model, inputs[left], baseline, tol, max_steps, from_top=True))
    return found


def _by_pieces(model: Differentiable, inputs: Floats, baseline: Floats, breaks: Breaks) -> Integral:
    rows, starts, stops = breaks.pieces()
    way = inputs - baseline

    def mean_gradients(some: slice) -> Floats:
        at = rows[some]
        first = baseline + starts[some, None] * way[at]
        last = baseline + stops[some, None] * way[at]
        return model.mean_gradients(first, last)

    sums = _weighted_sums(mean_gradients, rows, stops - starts, inputs, model.n_outputs)
    counts = np.bincount(rows, minlength=len(inputs))
    values = way[:, :, None] * sums
    return Integral(values, counts > 0, counts > 0, counts)


def _refine(
    model: Differentiable,
    inputs: Floats,
    baseline: Floats,
    tol: float,
    max_steps: int,
    *,
    from_top: bool,
) -> Integral:
    """Halve panels until nothing changes; from the finest but one where kinks are known."""
    n_rows = len(inputs)
    most = max(1, max_steps // (2 * _N_NODES))
    panels = 2 ** int(np.log2(most)) if from_top else 1
    values = _by_panels(model, inputs, baseline, panels)
    nowhere = np.zeros(n_rows, dtype=bool)
    found = Integral(values, nowhere, nowhere.copy(), np.full(n_rows, panels * _N_NODES))
    left = np.arange(n_rows)
    while len(left) and panels <= most:
        panels *= 2
        finer = _by_panels(model, inputs[left], baseline, panels)
        change = np.abs(finer - found.values[left]).max(axis=(1, 2))
        scale = np.maximum(np.abs(finer).max(axis=(1, 2)), np.abs(finer.sum(axis=1)).max(axis=1))
        found.values[left], found.settled[left] = finer, change <= tol * scale
        found.n_gradients[left] += panels * _N_NODES
        left = left[~found.settled[left]]
    return found


def _by_panels(model: Differentiable, inputs: Floats, baseline: Floats, n_panels: int) -> Floats:
    way = inputs - baseline
    shifts = np.arange(n_panels)[:, None]
    positions = ((shifts + 0.5 * (_NODES + 1.0)) / n_panels).ravel()
    weights = np.tile(0.5 * _WEIGHTS / n_panels, n_panels)
    rows = np.repeat(np.arange(len(inputs)), len(positions))

    def gradients(some: slice) -> Floats:
        at = np.arange(some.start, min(some.stop, len(rows)))
        points = baseline + positions[at % len(positions), None] * way[rows[some]]
        return model.gradients(points)[1]

    tiled = np.tile(weights, len(inputs))
    sums = _weighted_sums(gradients, rows, tiled, inputs, model.n_outputs)
    return np.asarray(way[:, :, None] * sums)


def _weighted_sums(
    gradients: Callable[[slice], Floats],
    rows: NDArray[np.int64],
    weights: Floats,
    inputs: Floats,
    n_outputs: int,
) -> Floats:
    """Sum weighted gradients over the points of each row; rows do not decrease."""
    sums = np.zeros((*inputs.shape, n_outputs))
    size = max(1, min(_MOST_AT_A_TIME, _MOST_NUMBERS // (inputs.shape[1] * n_outputs)))
    for start in range(0, len(rows), size):
        some = slice(start, start + size)
        weighted = gradients(some) * weights[some, None, None]
        own, firsts = np.unique(rows[some], return_index=True)
        sums[own] += np.add.reduceat(weighted, firsts, axis=0)
    return sums
