"""Games with known Shapley values, and brute force for all others."""

from itertools import combinations
from math import factorial

import numpy as np


def shapley_by_enumeration(value, n_players):
    """Compute Shapley values from their definition: a sum over all coalitions without a player."""
    worth = {
        frozenset(coalition): value(np.isin(np.arange(n_players), coalition))
        for size in range(n_players + 1)
        for coalition in combinations(range(n_players), size)
    }
    phi = np.zeros(n_players)
    for coalition, without in worth.items():
        size = len(coalition)
        for player in set(range(n_players)) - coalition:
            weight = factorial(size) * factorial(n_players - size - 1) / factorial(n_players)
            phi[player] += weight * (worth[coalition | {player}] - without)
    return phi


def shapley_of_model(model, row, reference, weights=None, players=None, link=None):
    """Brute-force interventional Shapley values of one row against reference rows."""
    row, reference = np.asarray(row, float), np.asarray(reference, float)
    owner = np.arange(len(row)) if players is None else np.asarray(players)
    n_players = owner.max() + 1

    def value(present):
        mixed = np.where(present[owner], row, reference)
        mean = np.average(model(mixed), axis=0, weights=weights)
        return mean if link is None else link(mean)

    return shapley_by_enumeration(value, n_players)


def as_model(value):
    """Turn a game on subsets into a model of 0/1 rows; explain all ones against all zeros."""

    def model(X):
        return np.array([float(value(row > 0.5)) for row in np.asarray(X, float)])

    return model
