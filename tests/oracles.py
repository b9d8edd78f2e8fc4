"""Oracles whose structure is known, and tables to ask them about."""

import numpy as np
import pandas as pd


class Counting:
    """A callable that counts the rows it was asked about."""

    def __init__(self, function):
        self.function, self.n_rows, self.n_calls = function, 0, 0

    def __call__(self, X):
        self.n_rows += len(X)
        self.n_calls += 1
        return self.function(X)


class MOfN:
    """True where at least m of some bits are 1 (or 0, where `signs` say so)."""

    def __init__(self, m, columns, signs=None):
        self.m, self.columns = m, list(columns)
        self.wanted = np.ones(len(self.columns)) if signs is None else np.asarray(signs)

    def __call__(self, X):
        held = np.asarray(X, dtype=float)[:, self.columns] == self.wanted
        return (held.sum(axis=1) >= self.m).astype(int)


def bits(n_rows, chances, seed=0):
    return (np.random.default_rng(seed).random((n_rows, len(chances))) < chances).astype(float)


class AxisTree:
    """A random tree of thresholds; each leaf has another label than its sibling."""

    def __init__(self, n_leaves, n_columns, seed):
        rng = np.random.default_rng(seed)
        self.boxes = [(np.zeros(n_columns), np.ones(n_columns))]
        self.cuts = []
        while len(self.boxes) < n_leaves:
            volumes = [np.prod(high - low) for low, high in self.boxes]
            at = int(np.argmax(volumes))
            low, high = self.boxes.pop(at)
            column = int(rng.integers(n_columns))
            cut = low[column] + rng.uniform(0.35, 0.65) * (high[column] - low[column])
            left, right = high.copy(), low.copy()
            left[column] = right[column] = cut
            self.boxes += [(low, left), (right, high)]
        self.values = rng.permutation(n_leaves).astype(float)

    def regions(self, X):
        X = np.asarray(X, dtype=float)
        found = np.zeros(len(X), dtype=int)
        for number, (low, high) in enumerate(self.boxes):
            inside = ((low < X) | (low == 0)) & ((high >= X) | (high == 1))
            found[inside.all(axis=1)] = number
        return found

    def __call__(self, X):
        return self.values[self.regions(X)]


class Labels:
    """The labels of another oracle's numbers."""

    def __init__(self, inner, labels):
        self.inner, self.labels = inner, np.asarray(labels)

    def __call__(self, X):
        return self.labels[np.asarray(self.inner(X), dtype=int)]


def loans(n_rows=400, seed=0, *, missing=True):
    """A frame of every kind of column, with missing values and odd names."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": np.round(rng.gamma(2.0, 1500.0, n_rows), 2),
            "age": rng.integers(18, 75, n_rows),
            'purpose "new"': rng.choice(["car", "it's mine", "tv; radio", "other"], n_rows),
            "owner": rng.random(n_rows) < 0.4,
            "grade": pd.Categorical(rng.choice(["A", "B", "C"], n_rows)),
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n_rows), "D"),
        }
    )
    if missing:
        frame.loc[rng.random(n_rows) < 0.1, "amount"] = np.nan
        frame.loc[rng.random(n_rows) < 0.1, "grade"] = np.nan
    return frame


def approve(X):
    """A rule over the frame of `loans`, by any library of frames."""
    columns = {name: np.asarray(X[name]) for name in X.columns}
    amount = np.nan_to_num(columns["amount"].astype(float), nan=9e9)
    held = (
        (amount <= 2500.0).astype(int)
        + (columns["age"].astype(float) > 40)
        + np.isin(columns['purpose "new"'].astype(object), ["car", "it's mine"])
    )
    grade = columns["grade"].astype(object)
    return np.where((held >= 2) | (grade == "A") & columns["owner"].astype(bool), "yes", "no")
