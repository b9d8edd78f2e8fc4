"""The fused lasso on a Gram matrix: an active-set method certified by its duality gap.

Minimises over ``b``, for ``gram`` positive semidefinite and ``moments`` in its range,

    b' gram b / 2 - moments' b + l1 * sum(abs(b)) + fusion * sum(abs(diff(b)))

Coefficients that are fused, or zero under an L1 penalty, span a face on which the objective is
quadratic. Newton steps minimise over the face and shrink it where groups meet or reach zero;
accelerated proximal-gradient steps (Beck and Teboulle, SIIMS 2009) free what should leave it.
Both take turns under budgets that double, so that well-determined problems cost a few Newton
steps and degenerate ones are left to the proximal steps until the right face is found.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel
from surrogates._kernels.chain import duality_gap, penalty
from surrogates._kernels.proximal import fused_lasso_prox
from surrogates._kernels.vectors import assign, combine, dot

__all__ = ["fused_lasso"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MAX_ROUNDS = 30
_MAX_DOUBLINGS = 10
_PROXIMAL_STEPS = 10
_ROUNDING = 16 * float(np.finfo(np.float64).eps)
_LOST = 1e-12


@kernel
def fused_lasso(
    gram: Floats,
    moments: Floats,
    y_square: float,
    l1: float,
    fusion: float,
    coef: Floats,
    tol: float,
) -> tuple[float, float, bool]:
    """Minimise the objective, plus ``y_square / 2``, from the start `coef`, in place.

    Never raises the objective. Returns the residual sum of squares in the scale of `y_square`,
    the duality gap, and whether that came down to `tol` times the objective or rounding level.
    """
    bound = _largest_eigenvalue_bound(gram)
    if bound == 0.0:
        assign(coef, np.zeros(coef.size))
        return y_square, 0.0, True
    rss = gap = 0.0
    converged = False
    for n_round in range(_MAX_ROUNDS):
        effort = 2 ** min(n_round, _MAX_DOUBLINGS)
        if n_round > 0:
            _release(gram, moments, l1, fusion, coef, bound, effort * _PROXIMAL_STEPS)
        on_face = _descend_face(gram, moments, l1, fusion, coef, bound, effort)
        gradient = _gradient(gram, moments, coef)
        rss = max(y_square + dot(coef, gradient) - dot(coef, moments), 0.0)
        gap = duality_gap(coef, gradient, rss, l1, fusion)
        objective = 0.5 * rss + penalty(coef, l1, fusion)
        rounding = _ROUNDING * (y_square + bound * dot(coef, coef))
        converged = on_face and gap <= tol * objective + rounding
        if converged:
            break
    _settle_constant_columns(gram, l1, fusion, coef)
    return rss, gap, converged


@kernel
def _settle_constant_columns(gram: Floats, l1: float, fusion: float, coef: Floats) -> None:
    """Give columns without variance the smallest of their optimal values, as ``l1 > 0`` would."""
    p, start = coef.size, 0
    while start < p and l1 == 0.0:
        stop = start
        while stop < p and gram[stop, stop] == 0.0:
            stop += 1
        left = coef[start - 1] if start > 0 else coef[min(stop, p - 1)]
        right = coef[stop] if stop < p else left
        value = min(max(0.0, min(left, right)), max(left, right)) if fusion > 0.0 else 0.0
        for j in range(start, stop):
            coef[j] = value
        start = stop + 1


@kernel
def _largest_eigenvalue_bound(gram: Floats) -> float:
    bound = 0.0
    for i in range(gram.shape[0]):
        total = 0.0
        for j in range(gram.shape[1]):
            total += abs(gram[i, j])
        bound = max(bound, total)
    return bound


@kernel
def _gradient(gram: Floats, moments: Floats, coef: Floats) -> Floats:
    p = coef.size
    gradient = np.empty(p)
    for j in range(p):
        gradient[j] = -moments[j]
    for i in range(p):
        if coef[i] != 0.0:
            for j in range(p):
                gradient[j] += coef[i] * gram[i, j]
    return gradient


@kernel
def _value(coef: Floats, moments: Floats, gradient: Floats, l1: float, fusion: float) -> float:
    return 0.5 * (dot(coef, gradient) - dot(coef, moments)) + penalty(coef, l1, fusion)


@kernel
def _release(
    gram: Floats,
    moments: Floats,
    l1: float,
    fusion: float,
    coef: Floats,
    bound: float,
    n_steps: int,
) -> None:
    """Take accelerated proximal-gradient steps, or one plain one should they not descend."""
    gradient = _gradient(gram, moments, coef)
    before = _value(coef, moments, gradient, l1, fusion)
    plain = _proximal_step(coef, gradient, l1, fusion, bound)
    previous, current, momentum = coef, plain, 1.0
    for _ in range(n_steps - 1):
        next_momentum = 0.5 + np.sqrt(0.25 + momentum * momentum)
        inertia = (momentum - 1.0) / next_momentum
        probe = combine(1.0 + inertia, current, -inertia, previous)
        gradient = _gradient(gram, moments, probe)
        previous, current = current, _proximal_step(probe, gradient, l1, fusion, bound)
        overshot = 0.0
        for j in range(coef.size):
            overshot += (probe[j] - current[j]) * (current[j] - previous[j])
        momentum = 1.0 if overshot > 0.0 else next_momentum
    after = _value(current, moments, _gradient(gram, moments, current), l1, fusion)
    assign(coef, current if after < before else plain)


@kernel
def _proximal_step(
    coef: Floats, gradient: Floats, l1: float, fusion: float, bound: float
) -> Floats:
    target = combine(1.0, coef, -1.0 / bound, gradient)
    return fused_lasso_prox(target, l1 / bound, fusion / bound)


@kernel
def _descend_face(
    gram: Floats,
    moments: Floats,
    l1: float,
    fusion: float,
    coef: Floats,
    bound: float,
    patience: int,
) -> bool:
    """Minimise over the face of `coef`, in place; tell whether its minimum was reached.

    A full Newton step stops every group at the neighbour or the zero it would cross. Where that
    raises the objective, the step ends at the first meeting instead; `patience` bounds how often.
    """
    gradient = _gradient(gram, moments, coef)
    while True:
        label, count = _free_groups(coef, l1, fusion)
        if count == 0:
            return True
        hessian, slope = _reduced(gram, gradient, coef, label, count, l1, fusion)
        _newton_direction(hessian, slope, _ROUNDING * bound, _lost_slope(moments, coef, bound))
        direction = np.zeros(coef.size)
        for j in range(coef.size):
            if label[j] >= 0:
                direction[j] = slope[label[j]]
        before = _value(coef, moments, gradient, l1, fusion)
        stepped, crossed = _stopped_step(coef, direction, 1.0, l1, fusion)
        gradient = _gradient(gram, moments, stepped)
        lower = _value(stepped, moments, gradient, l1, fusion) < before
        if crossed and not lower:
            patience -= 1
            fraction = _first_meeting(coef, direction, l1, fusion)
            stepped, _ = _stopped_step(coef, direction, fraction, l1, fusion)
            gradient = _gradient(gram, moments, stepped)
        assign(coef, stepped)
        if not crossed or patience < 0:
            return not crossed


@kernel
def _free_groups(coef: Floats, l1: float, fusion: float) -> tuple[Ints, int]:
    """Return the numbers of the groups that may move, -1 where held at zero, and their count."""
    label = np.empty(coef.size, dtype=np.int64)
    count = 0
    for j in range(coef.size):
        label[j] = -1
        if coef[j] == 0.0 and l1 > 0.0:
            continue
        if j > 0 and fusion > 0.0 and coef[j] == coef[j - 1]:
            label[j] = label[j - 1]
        else:
            label[j] = count
            count += 1
    return label, count


@kernel
def _reduced(
    gram: Floats, gradient: Floats, coef: Floats, label: Ints, count: int, l1: float, fusion: float
) -> tuple[Floats, Floats]:
    """Return Hessian (lower triangle) and slope of the objective in the values of the groups."""
    p = coef.size
    hessian, slope = np.zeros((count, count)), np.zeros(count)
    for i in range(p):
        row = label[i]
        if row < 0:
            continue
        slope[row] += gradient[i] + l1 * np.sign(coef[i])
        if i > 0:
            slope[row] += fusion * np.sign(coef[i] - coef[i - 1])
        if i < p - 1:
            slope[row] += fusion * np.sign(coef[i] - coef[i + 1])
        for j in range(p):
            if 0 <= label[j] <= row:
                hessian[row, label[j]] += gram[i, j]
    return hessian, slope


@kernel
def _lost_slope(moments: Floats, coef: Floats, bound: float) -> float:
    """Return the size of a slope that may be rounding alone."""
    largest = 0.0
    for j in range(coef.size):
        largest = max(largest, abs(moments[j]) + bound * abs(coef[j]))
    return _LOST * largest


@kernel
def _newton_direction(hessian: Floats, slope: Floats, ridge: float, lost: float) -> None:
    """Overwrite `slope` by minus the solution of ``hessian @ direction = slope`` (Cholesky).

    The ridge, at rounding level, turns flat directions into long steps, or into none where the
    slope is `lost` in rounding too.
    """
    n = slope.size
    for i in range(n):
        for j in range(i):
            total = hessian[i, j]
            for k in range(j):
                total -= hessian[i, k] * hessian[j, k]
            hessian[i, j] = total / hessian[j, j]
            slope[i] -= hessian[i, j] * slope[j]
        pivot = hessian[i, i] + ridge
        for k in range(i):
            pivot -= hessian[i, k] ** 2
        is_flat = pivot <= 4.0 * n * ridge and abs(slope[i]) <= lost
        hessian[i, i] = np.inf if is_flat else np.sqrt(max(pivot, ridge))
        slope[i] /= hessian[i, i]
    for i in range(n - 1, -1, -1):
        slope[i] /= hessian[i, i]
        for j in range(i):
            slope[j] -= hessian[i, j] * slope[i]
    for i in range(n):
        slope[i] = -slope[i]


@kernel
def _stopped_step(
    coef: Floats, direction: Floats, fraction: float, l1: float, fusion: float
) -> tuple[Floats, bool]:
    """Move, but stop at zero what would change sign and pool neighbours that would cross."""
    p = coef.size
    stepped, crossed = combine(1.0, coef, fraction, direction), False
    if l1 > 0.0:
        for j in range(p):
            if coef[j] != 0.0 and stepped[j] * coef[j] <= 0.0:
                stepped[j], crossed = 0.0, True
    start = 0
    for j in range(1, p if fusion > 0.0 else 0):
        if coef[j] == coef[j - 1]:
            stepped[j] = stepped[j - 1]
            continue
        distance = stepped[j] - stepped[j - 1]
        nearest = _ROUNDING * abs(stepped[j])
        if (distance if coef[j] > coef[j - 1] else -distance) > nearest:
            start = j
            continue
        crossed, stop = True, j + 1
        while stop < p and coef[stop] == coef[j]:
            stop += 1
        left, right = j - start, stop - j
        pooled = (left * stepped[j - 1] + right * stepped[j]) / (left + right)
        for i in range(start, j + 1):
            stepped[i] = pooled
    return stepped, crossed


@kernel
def _first_meeting(coef: Floats, direction: Floats, l1: float, fusion: float) -> float:
    """Return the fraction of `direction` just past the first crossing."""
    fraction = 1.0
    for j in range(coef.size):
        if l1 > 0.0 and coef[j] * direction[j] < 0.0:
            fraction = min(fraction, -coef[j] / direction[j])
        if j > 0 and fusion > 0.0:
            distance, opening = coef[j] - coef[j - 1], direction[j] - direction[j - 1]
            if distance * opening < 0.0:
                fraction = min(fraction, -distance / opening)
    return fraction * (1.0 + _ROUNDING)
