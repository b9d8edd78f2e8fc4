"""Influence of all training rows on many test rows, block by block into one array."""

from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from tqdm.auto import tqdm

from surrogates.blackbox.table import take_rows
from surrogates.influence.engine import Worker

__all__ = ["fill_blocks"]

_BLOCK_BYTES = 2**26


def fill_blocks(
    worker: Worker,
    X: Any,
    y: NDArray[Any] | None,
    shape: tuple[int, int],
    *,
    n_jobs: int | None,
    verbose: bool,
) -> NDArray[np.float64]:
    """Fill an array of influences.

    Parameters
    ----------
    worker : Worker
    X : {array-like, DataFrame} of shape (n_test, n_columns)
        What the last step of the model is given.
    y : ndarray of shape (n_test,) or None
    shape : (n_test, n_train)
    n_jobs : int or None
        Jobs over blocks of test rows, which do not depend on it.
    verbose : bool
        Whether to show a progress bar.

    Returns
    -------
    values : ndarray of shape (n_test, n_train)
    """
    values = np.empty(shape)
    size = max(1, _BLOCK_BYTES // (8 * shape[1]))
    if getattr(worker, "in_one_piece", False):
        size = shape[0]
    blocks = [slice(at, min(at + size, shape[0])) for at in range(0, shape[0], size)]
    if len(blocks) == 1 and not verbose:
        worker.fill(X, y, values)
        return values
    bar = tqdm(blocks, desc="InfluenceFunctions", unit="block", disable=not verbose)
    if effective_n_jobs(n_jobs) == 1:
        for block in bar:
            worker.fill(take_rows(X, block), None if y is None else y[block], values[block])
        return values
    found = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_filled)(worker, take_rows(X, block), None if y is None else y[block], shape[1])
        for block in bar
    )
    for block, part in zip(blocks, found, strict=True):
        values[block] = part
    return values


def _filled(worker: Worker, X: Any, y: NDArray[Any] | None, n_train: int) -> NDArray[np.float64]:
    out = np.empty((X.shape[0], n_train))
    worker.fill(X, y, out)
    return out
