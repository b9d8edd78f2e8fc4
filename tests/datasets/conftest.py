"""Shapley values by brute force: every coalition, every reference row."""

from math import factorial

import numpy as np
import pandas as pd
import pytest


def _masks(d):
    return (np.arange(2**d)[:, None] >> np.arange(d) & 1).astype(bool)


def _worths(function, row, reference, weights):
    """Mean response for each of the 2^d coalitions; rows are composed column by column."""
    masks, m = _masks(row.shape[1]), len(reference)
    pool = pd.concat([reference, row], ignore_index=True)
    columns = {
        name: pool[name].take(np.where(masks[:, j, None], m, np.arange(m)).ravel()).array
        for j, name in enumerate(pool.columns)
    }
    responses = function(pd.DataFrame(columns)).reshape(len(masks), m)
    return responses @ weights / weights.sum()


def _enumerate(function, X, reference, sample_weight=None):
    d = X.shape[1]
    weights = np.ones(len(reference)) if sample_weight is None else np.asarray(sample_weight)
    masks = _masks(d)
    sizes = masks.sum(axis=1)
    share = np.array([factorial(s) * factorial(d - s - 1) / factorial(d) for s in range(d)])
    values = np.empty((len(X), d))
    for i in range(len(X)):
        worth = _worths(function, X.iloc[[i]], reference, weights)
        for j in range(d):
            without = np.flatnonzero(~masks[:, j])
            values[i, j] = share[sizes[without]] @ (worth[without + 2**j] - worth[without])
    return values


@pytest.fixture
def enumerate_shapley():
    """Give the function (function, X, reference, sample_weight=None) -> (n, d)."""
    return _enumerate
