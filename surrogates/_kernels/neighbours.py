"""Sums over the neighbours of a row, which are kept column by column so that loops are long."""

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels._jit import kernel, reduction_kernel

__all__ = [
    "add_scores",
    "match_sums",
    "match_weights",
    "matches",
    "moments",
    "respond",
    "respond_to_matches",
    "squared_distances",
    "unexplained",
]

_BLOCK = 512


@kernel
def matches(
    codes: NDArray[np.int32],
    row: NDArray[np.int32],
    out: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> None:
    """Write 1 where a neighbour has the code of the explained row, else 0; and count the ones.

    Parameters
    ----------
    codes : ndarray of shape (n_columns, n)
    row : ndarray of shape (n_columns,)
    out : ndarray of shape (n_columns, n)
    counts : ndarray of shape (n,)
        Added to.
    """
    for start in range(0, len(counts), _BLOCK):
        part = slice(start, min(start + _BLOCK, len(counts)))
        total = counts[part]
        for j in range(len(row)):
            wanted, own, target = row[j], codes[j, part], out[j, part]
            for i in range(len(total)):
                target[i] = 1.0 if own[i] == wanted else 0.0
                total[i] += target[i]


@kernel
def squared_distances(
    table: NDArray[np.float64], at: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Add to `out` (n,) the squared distances of the columns of `table` (n_columns, n)."""
    for j in range(len(at)):
        centre, own = at[j], table[j]
        for i in range(len(own)):
            gap = own[i] - centre
            out[i] += gap * gap


@reduction_kernel
def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@reduction_kernel
def _four_dots(
    x: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    c: NDArray[np.float64],
    d: NDArray[np.float64],
) -> tuple[float, float, float, float]:
    """Return the products of `x` with four others, reading it once."""
    with_a = with_b = with_c = with_d = 0.0
    for i in range(len(x)):
        with_a += x[i] * a[i]
        with_b += x[i] * b[i]
        with_c += x[i] * c[i]
        with_d += x[i] * d[i]
    return with_a, with_b, with_c, with_d


@reduction_kernel
def moments(
    table: NDArray[np.float64],
    weights: NDArray[np.float64],
    responses: NDArray[np.float64],
    n_fitted: int,
    gram: NDArray[np.float64],
    cross: NDArray[np.float64],
) -> None:
    """Add the weighted second moments of the first neighbours, an intercept in the last place.

    Parameters
    ----------
    table : ndarray of shape (n_columns, n)
    weights : ndarray of shape (n,)
    responses : ndarray of shape (n_outputs, n)
    n_fitted : int
        Neighbours counted.
    gram : ndarray of shape (n_columns + 1, n_columns + 1)
        Added to: its upper triangle.
    cross : ndarray of shape (n_columns + 1, n_outputs)
        Added to: products with the responses.
    """
    n_columns, n_outputs = len(table), len(responses)
    buffer = np.empty(_BLOCK)
    for start in range(0, n_fitted, _BLOCK):
        part = slice(start, min(start + _BLOCK, n_fitted))
        scaled = buffer[: part.stop - start]
        for j in range(n_columns + 1):
            scaled[:] = weights[part]
            if j < n_columns:
                scaled *= table[j, part]
            k = j
            while k + 3 < n_columns:
                a, b, c, d = _four_dots(
                    scaled, table[k, part], table[k + 1, part], table[k + 2, part],
                    table[k + 3, part],
                )  # fmt: skip
                gram[j, k] += a
                gram[j, k + 1] += b
                gram[j, k + 2] += c
                gram[j, k + 3] += d
                k += 4
            while k < n_columns:
                gram[j, k] += _dot(scaled, table[k, part])
                k += 1
            gram[j, n_columns] += scaled.sum()
            for output in range(n_outputs):
                cross[j, output] += _dot(scaled, responses[output, part])


@kernel
def respond(
    table: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    intercept: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the answers (n_outputs, n) of linear surrogates with (n_columns, n_outputs)."""
    n = out.shape[1]
    for k in range(len(out)):
        for start in range(0, n, _BLOCK):
            part = slice(start, min(start + _BLOCK, n))
            target = out[k, part]
            target[:] = intercept[k]
            for j in range(len(table)):
                coefficient, own = coefficients[j, k], table[j, part]
                if coefficient != 0.0:
                    for i in range(len(target)):
                        target[i] += coefficient * own[i]


@reduction_kernel
def add_scores(
    table: NDArray[np.float64],
    weights: NDArray[np.float64],
    residuals: NDArray[np.float64],
    centre: NDArray[np.float64],
    size: int,
    scores: NDArray[np.float64],
) -> None:
    """Add each replicate's sums of weighted residuals times centred columns.

    Parameters
    ----------
    table, weights
        As in `moments`.
    residuals : ndarray of shape (n_outputs, n)
    centre : ndarray of shape (n_columns,)
        Weighted mean of each column.
    size : int
        Neighbours of a replicate.
    scores : ndarray of shape (n_replicates, n_outputs, n_columns)
    """
    n_replicates, n_outputs, n_columns = scores.shape
    weighted = np.empty(size)
    for replicate in range(n_replicates):
        start = replicate * size
        for k in range(n_outputs):
            total = 0.0
            for i in range(size):
                weighted[i] = weights[start + i] * residuals[k, start + i]
                total += weighted[i]
            for j in range(n_columns):
                found = _dot(weighted, table[j, start : start + size])
                scores[replicate, k, j] += found - total * centre[j]


@reduction_kernel
def unexplained(
    weights: NDArray[np.float64],
    responses: NDArray[np.float64],
    residuals: NDArray[np.float64],
    first: int,
    out: NDArray[np.float64],
) -> None:
    """Write the weighted share of the variance from neighbour `first` on that residuals leave."""
    for k in range(len(responses)):
        total = mean = 0.0
        for i in range(first, len(weights)):
            total += weights[i]
            mean += weights[i] * responses[k, i]
        mean /= total
        left = spread = scale = 0.0
        for i in range(first, len(weights)):
            gap = responses[k, i] - mean
            left += weights[i] * residuals[k, i] * residuals[k, i]
            spread += weights[i] * gap * gap
            scale += weights[i] * responses[k, i] * responses[k, i]
        rounding = 1e-24 * scale
        out[k] = left / spread if spread > rounding else (0.0 if left <= rounding else np.inf)


@kernel
def match_weights(
    codes: NDArray[np.int32],
    row: NDArray[np.int32],
    by_misses: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the weight of each neighbour by how many of its codes are not those of the row.

    Parameters
    ----------
    codes : ndarray of shape (n_columns, n)
    row : ndarray of shape (n_columns,)
    by_misses : ndarray of shape (n_columns + 1,)
    out : ndarray of shape (n,)
    """
    misses = np.empty(_BLOCK, dtype=np.int32)
    for start in range(0, len(out), _BLOCK):
        part = slice(start, min(start + _BLOCK, len(out)))
        target = out[part]
        missed = misses[: len(target)]
        missed[:] = 0
        for j in range(len(row)):
            wanted, own = row[j], codes[j, part]
            for i in range(len(target)):
                missed[i] += np.int32(own[i] != wanted)
        for i in range(len(target)):
            target[i] = by_misses[missed[i]]


@reduction_kernel
def match_sums(
    codes: NDArray[np.int32],
    row: NDArray[np.int32],
    weights: NDArray[np.float64],
    responses: NDArray[np.float64],
    size: int,
    out: NDArray[np.float64],
) -> None:
    """Add weighted responses up, and those of the neighbours with each code of the row.

    Parameters
    ----------
    codes : ndarray of shape (n_columns, >= n)
    row : ndarray of shape (n_columns,)
    weights : ndarray of shape (>= n,)
    responses : ndarray of shape (n_outputs, n)
    size : int
        Neighbours of a scramble.
    out : ndarray of shape (n_scrambles, n_outputs + 1, n_columns + 1)
        Added to. The last output is the weight itself, the last column all neighbours.
    """
    n_scrambles, n_outputs, n_columns = out.shape[0], out.shape[1] - 1, out.shape[2] - 1
    buffer = np.empty(_BLOCK)
    for scramble in range(n_scrambles):
        last = (scramble + 1) * size
        for start in range(scramble * size, last, _BLOCK):
            part = slice(start, min(start + _BLOCK, last))
            scaled = buffer[: part.stop - start]
            for k in range(n_outputs + 1):
                scaled[:] = weights[part]
                if k < n_outputs:
                    scaled *= responses[k, part]
                for j in range(n_columns):
                    wanted, own = row[j], codes[j, part]
                    total = 0.0
                    for i in range(len(scaled)):
                        total += scaled[i] if own[i] == wanted else 0.0
                    out[scramble, k, j] += total
                out[scramble, k, n_columns] += scaled.sum()


@kernel
def respond_to_matches(
    codes: NDArray[np.int32],
    row: NDArray[np.int32],
    coefficients: NDArray[np.float64],
    intercept: NDArray[np.float64],
    first: int,
    out: NDArray[np.float64],
) -> None:
    """Write the answers of linear surrogates to matches, as `respond`, from neighbour `first` on.

    Parameters
    ----------
    codes : ndarray of shape (n_columns, n)
    row : ndarray of shape (n_columns,)
    coefficients : ndarray of shape (n_columns, n_outputs)
    intercept : ndarray of shape (n_outputs,)
    first : int
    out : ndarray of shape (n_outputs, n)
    """
    for k in range(len(out)):
        target = out[k, first:]
        target[:] = intercept[k]
        for j in range(len(row)):
            coefficient, wanted, own = coefficients[j, k], row[j], codes[j, first:]
            if coefficient != 0.0:
                for i in range(len(target)):
                    target[i] += coefficient if own[i] == wanted else 0.0
