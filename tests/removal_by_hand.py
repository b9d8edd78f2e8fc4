"""What removing players costs, by the definition: one loop per row, set and background row."""

from itertools import combinations

import numpy as np


def bent(X):
    """Return a response with an interaction, a jump and a sine."""
    X = np.asarray(X, dtype=float)
    return X[:, 0] * X[:, 1] + 2.0 * (X[:, 2] > 0.1) + np.sin(X[:, 3]) + 0.5 * X[:, 0]


def worth(model, row, background, present, weights=None):
    """Return the mean response with the present players from the row."""
    mixed = np.array([np.where(present, row, other) for other in background])
    return np.average(model(mixed), weights=weights)


def cost(model, row, background, removed, weights=None):
    """Return what removing a set costs."""
    everyone = np.ones(len(row), dtype=bool)
    full = worth(model, row, background, everyone, weights)
    return full - worth(model, row, background, ~removed, weights)


def sets(n_players, sizes):
    """Return all sets of the sizes, as masks."""
    return [
        np.isin(np.arange(n_players), members)
        for size in sizes
        for members in combinations(range(n_players), size)
    ]
