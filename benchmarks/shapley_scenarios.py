"""Models whose Shapley values the benchmarks estimate, and the exact values to compare with.

Everything is fixed, so that two environments with the same scikit-learn make the same models; the
stored predictions tell when they do not. Rows are also given as codes, one number per column, so
that peers that know numeric arrays only can play the same games.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, make_friedman1
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

__all__ = [
    "BUDGETS",
    "SCENARIOS",
    "SEEDS",
    "SINGLE_BUDGETS",
    "Scenario",
    "exact_values",
    "make_scenario",
    "mean_error",
    "relative_errors",
]

BUDGETS = (64, 256, 512, 2048)
SINGLE_BUDGETS = (64, 256, 512, 1024, 2048)
SEEDS = (0, 1, 2, 3, 4)
N_ROWS, N_BACKGROUND, N_TABLE = 8, 50, 200
_MIXTURES_PER_CALL = 2**18

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """A fitted model, rows to explain and reference rows.

    Parameters
    ----------
    name, title : str
    estimator : estimator
    response_method : str
        The method of the estimator that is explained; of probabilities, the second column.
    table, rows : ndarray or DataFrame
        The reference table, of `N_TABLE` rows, and the `N_ROWS` rows to explain.
    coded_table, coded_rows : ndarray of shape (n_rows, n_players)
        The same, one number per column.
    respond : callable
        The response to coded rows.
    trees : sequence of (Tree, NDArray)
        Where the players are too many to enumerate: the trees that add up to the response, and the
        value of each of their nodes.
    """

    name: str
    title: str
    estimator: Any
    response_method: str
    table: Any
    rows: Any
    coded_table: Floats
    coded_rows: Floats
    respond: Callable[[Floats], Floats]
    trees: Sequence[tuple[Any, Floats]]

    @property
    def background(self) -> Any:
        """The first `N_BACKGROUND` rows of the table."""
        return self.table[:N_BACKGROUND]

    @property
    def n_players(self) -> int:
        """Number of columns."""
        return self.coded_rows.shape[1]


def make_scenario(name: str) -> Scenario:
    """Fit the model of a scenario and take its rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return SCENARIOS[name](name)


def relative_errors(values: Floats, exact: Floats) -> Floats:
    """Return the norm of the error over the norm of the exact values, along the last axis."""
    return np.linalg.norm(values - exact, axis=-1) / np.linalg.norm(exact, axis=-1)


def mean_error(errors: Any) -> float:
    """Return the mean of relative errors, each counted as 1 at most.

    An error of 1 is that of answering zero. Singular regressions err by far more, which would
    drown all else in a mean.
    """
    return float(np.minimum(errors, 1.0).mean())


def exact_values(scenario: Scenario, references: slice) -> Floats:
    """Return exact Shapley values, averaged over reference rows.

    All coalitions of the players in which a row differs from a reference row are enumerated; sums
    of trees are taken leaf by leaf instead.

    Returns
    -------
    values : ndarray of shape (n_rows, n_players)
    """
    table = scenario.coded_table[references]
    values = np.zeros(scenario.coded_rows.shape)
    for row, total in zip(scenario.coded_rows, values, strict=True):
        for reference in table:
            if scenario.trees:
                _add_leaves(scenario.trees, row, reference, total)
                continue
            players = np.flatnonzero(row != reference)
            total[players] += _enumerated(scenario.respond, row, reference, players)
    return values / len(table)


def _add_leaves(
    trees: Sequence[tuple[Any, Floats]], row: Floats, reference: Floats, total: Floats
) -> None:
    """Add the Shapley values of trees, leaf by leaf.

    A leaf is a game: the mixture ends there when all players of one set, whose splits only the row
    passes, are present, and none of another set, whose splits only the reference row passes.
    """
    row, reference = row.astype(np.float32), reference.astype(np.float32)  # as scikit-learn does
    for tree, value in trees:
        left, right = tree.children_left, tree.children_right
        passes_left = row[tree.feature] <= tree.threshold
        reference_left = reference[tree.feature] <= tree.threshold
        nodes: list[tuple[int, frozenset[int], frozenset[int]]] = [(0, frozenset(), frozenset())]
        while nodes:
            node, present, absent = nodes.pop()
            if left[node] < 0:
                _add_leaf(present, absent, value[node], total)
                continue
            player = int(tree.feature[node])
            own = left[node] if passes_left[node] else right[node]
            other = left[node] if reference_left[node] else right[node]
            if own == other:
                nodes.append((own, present, absent))
                continue
            if player not in absent:
                nodes.append((own, present | {player}, absent))
            if player not in present:
                nodes.append((other, present, absent | {player}))


def _add_leaf(present: frozenset[int], absent: frozenset[int], value: float, total: Floats) -> None:
    n_players = len(present) + len(absent)
    for player in present:
        total[player] += value / (n_players * comb(n_players - 1, len(absent)))
    for player in absent:
        total[player] -= value / (n_players * comb(n_players - 1, len(present)))


def _enumerated(
    respond: Callable[[Floats], Floats], row: Floats, reference: Floats, players: NDArray[np.intp]
) -> Floats:
    n_players, n_coalitions = len(players), 1 << len(players)
    share = np.array([1.0 / (n_players * comb(n_players - 1, s)) for s in range(n_players)])
    gain, loss = np.concatenate([[0.0], share]), np.concatenate([share, [0.0]])
    values = np.zeros(n_players)
    for start in range(0, n_coalitions, _MIXTURES_PER_CALL):
        index = np.arange(start, min(start + _MIXTURES_PER_CALL, n_coalitions))
        present = (index[:, None] >> np.arange(n_players)) & 1 == 1
        mixtures = np.tile(reference, (len(index), 1))
        mixtures[:, players] = np.where(present, row[players], reference[players])
        response, size = respond(mixtures), present.sum(axis=1)
        values += (response * (gain + loss)[size]) @ present - response @ loss[size]
    return values


def _arrays(
    name: str,
    title: str,
    estimator: Any,
    response_method: str,
    X: Floats,
    first_explained: int,
    trees: Sequence[tuple[Any, Floats]] = (),
) -> Scenario:
    table, rows = X[:N_TABLE], X[first_explained : first_explained + N_ROWS]
    method = getattr(estimator, response_method)

    def respond(codes: Floats) -> Floats:
        response = method(codes)
        return response[:, 1] if response.ndim == 2 else response

    return Scenario(
        name, title, estimator, response_method, table, rows, table, rows, respond, trees
    )


def _breast_cancer(n_columns: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order][:, :n_columns], y[order]
    return X, X[:450], y[:450]


def _forest(name: str) -> Scenario:
    X, X_train, y_train = _breast_cancer(30)
    model = RandomForestClassifier(100, random_state=0).fit(X_train, y_train)
    trees = [(tree.tree_, tree.tree_.value[:, 0, 1] / 100) for tree in model]
    return _arrays(name, "RandomForest(100), 30 columns", model, "predict_proba", X, 450, trees)


def _boosting(name: str) -> Scenario:
    X, X_train, y_train = _breast_cancer(30)
    model = GradientBoostingClassifier(n_estimators=100, max_depth=4, random_state=0)
    model.fit(X_train, y_train)
    title = "GradientBoosting(100, depth 4), 30 columns"
    return _arrays(name, title, model, "decision_function", X, 450, _boosted_trees(model))


def _friedman(name: str) -> Scenario:
    X, y = make_friedman1(900, 60, noise=0.5, random_state=0)
    y = y + 3.0 * X[:, 10] * X[:, 11] * X[:, 12] + 4.0 * X[:, 13] * X[:, 14] + X[:, 20:40].sum(1)
    model = GradientBoostingRegressor(n_estimators=150, max_depth=5, random_state=0)
    model.fit(X[:800], y[:800])
    title = "GradientBoostingRegressor on Friedman-1, 60 columns"
    return _arrays(name, title, model, "predict", X, 800, _boosted_trees(model))


def _boosted_trees(model: Any) -> list[tuple[Any, Floats]]:
    return [
        (tree.tree_, model.learning_rate * tree.tree_.value[:, 0, 0])
        for tree in model.estimators_[:, 0]
    ]


def _network(name: str) -> Scenario:
    X, X_train, y_train = _breast_cancer(14)
    network = MLPClassifier((32, 16), max_iter=600, alpha=1e-3, random_state=0)
    model = make_pipeline(StandardScaler(), network).fit(X_train, y_train)
    return _arrays(name, "MLP(32, 16), 14 columns", model, "predict_proba", X, 450)


def _logistic(name: str) -> Scenario:
    X, X_train, y_train = _breast_cancer(14)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(X_train, y_train)
    return _arrays(name, "LogisticRegression, 14 columns", model, "predict_proba", X, 450)


def _german_credit(name: str) -> Scenario:
    from surrogates.datasets import load_german_credit

    X, y = load_german_credit(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X.iloc[order].reset_index(drop=True), y.iloc[order].reset_index(drop=True)
    numeric = make_column_selector(dtype_include="number")
    text = make_column_selector(dtype_exclude="number")
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = make_pipeline(
        make_column_transformer((StandardScaler(), numeric), (encoder, text)),
        HistGradientBoostingClassifier(random_state=0),
    )
    model.fit(X[:700], y[:700])
    levels = [np.unique(X[column]) for column in X]
    codes = np.column_stack(
        [np.searchsorted(values, X[column]) for values, column in zip(levels, X, strict=True)]
    ).astype(np.float64)
    return Scenario(
        name,
        "German credit Pipeline, HistGradientBoosting, 20 columns",
        model,
        "predict_proba",
        X[:N_TABLE],
        X[700 : 700 + N_ROWS],
        codes[:N_TABLE],
        codes[700 : 700 + N_ROWS],
        _CodedPipeline(model, X, codes, levels),
        (),
    )


class _CodedPipeline:
    """The second probability of a Pipeline of two steps, for rows given as codes.

    What the preprocessing makes of each level of each column is looked up, which is a lot faster
    than the preprocessing itself.
    """

    def __init__(
        self, model: Any, X: Any, codes: Floats, levels: Sequence[NDArray[np.generic]]
    ) -> None:
        self._classifier = model[-1]
        first = model[:-1].transform(X)
        self._blocks, self._columns = [], []
        for position, values in enumerate(levels):
            probe = X.iloc[np.zeros(len(values), dtype=int)].reset_index(drop=True)
            probe[X.columns[position]] = values
            encoded = model[:-1].transform(probe)
            columns = np.flatnonzero((encoded != encoded[0]).any(axis=0))
            self._blocks.append(encoded[:, columns])
            self._columns.append(columns)
        self._width = first.shape[1]
        if not np.allclose(self._encode(codes), first, rtol=0, atol=1e-12):
            raise RuntimeError("The preprocessing is not column-wise.")

    def _encode(self, codes: Floats) -> Floats:
        index = codes.astype(np.intp)
        encoded = np.zeros((len(codes), self._width))
        for position, columns in enumerate(self._columns):
            encoded[:, columns] = self._blocks[position][index[:, position]]
        return encoded

    def __call__(self, codes: Floats) -> Floats:
        return self._classifier.predict_proba(self._encode(codes))[:, 1]


SCENARIOS: dict[str, Callable[[str], Scenario]] = {
    "forest": _forest,
    "boosting": _boosting,
    "friedman": _friedman,
    "network": _network,
    "logistic": _logistic,
    "german_credit": _german_credit,
}
