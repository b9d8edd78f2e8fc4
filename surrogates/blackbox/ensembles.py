"""Read the trees of fitted models: scikit-learn's own, XGBoost's and LightGBM's."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from surrogates._kernels.trees import LEAF
from surrogates.blackbox.boosters import is_lightgbm, is_xgboost, read_lightgbm, read_xgboost
from surrogates.blackbox.tree_ensemble import Tree, TreeEnsemble, flatten, matches

__all__ = ["TreeEnsemble", "matches", "read_ensemble"]

_AVERAGING = (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
)
_GRADIENT_BOOSTING = (GradientBoostingClassifier, GradientBoostingRegressor)
_HISTOGRAM_BOOSTING = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
_IDENTITY_LINK = ("squared_error", "absolute_error", "quantile")


def read_ensemble(estimator: Any, response_method: str) -> TreeEnsemble | None:
    """Read a fitted model whose response is a sum of trees.

    Parameters
    ----------
    estimator : fitted predictor
        A decision tree, random forest, extra trees or (histogram) gradient boosting of
        scikit-learn, or a model of XGBoost or LightGBM with scikit-learn's interface.
    response_method : str
        "predict_proba" for single trees and forests that classify, "decision_function" for the
        raw margin of boosting (XGBoost and LightGBM included, whose classifiers have no such
        method), "predict" for regressors.

    Returns
    -------
    ensemble : TreeEnsemble or None
        None where the response is no sum of trees, or where trees are of a kind that is not read
        (linear leaves, DART of XGBoost, zeros that mean missing). Callers compare it with the
        model's own response by `matches` before they rely on it.

    Notes
    -----
    Histogram gradient boosting has no public view of its trees: its attributes `_predictors`,
    `_baseline_prediction` and `_preprocessor` (the encoder of its categories) are read, and the
    answer is None where they are not as expected.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X, y = np.arange(8.0)[:, None], np.repeat([1.0, 5.0], 4)
    >>> ensemble = read_ensemble(DecisionTreeRegressor().fit(X, y), "predict")
    >>> ensemble.predict([[2.0], [6.0]]).ravel()
    array([1., 5.])
    """
    for kinds, reader in _READERS:
        if isinstance(estimator, kinds):
            return reader(estimator, response_method)
    if is_xgboost(estimator):
        return read_xgboost(estimator, response_method)
    return read_lightgbm(estimator, response_method) if is_lightgbm(estimator) else None


def _tree(estimator: Any, values: NDArray[np.float64], output: int = 0) -> Tree:
    """Take over one tree of `sklearn.tree`, with the given leaf values."""
    nodes = estimator.tree_
    return Tree(
        feature=nodes.feature,
        threshold=nodes.threshold,
        left=nodes.children_left,
        right=nodes.children_right,
        missing_left=nodes.missing_go_to_left,
        values=values,
        output=output,
    )


def _read_average(estimator: Any, method: str) -> TreeEnsemble | None:
    """Read a tree, or a forest that averages its trees."""
    classifies = is_classifier(estimator)
    if method != ("predict_proba" if classifies else "predict"):
        return None
    members = getattr(estimator, "estimators_", [estimator])
    if classifies:
        n_classes = np.atleast_1d(estimator.n_classes_)
        parts = [
            [member.tree_.value[:, k, :n] for k, n in enumerate(n_classes)] for member in members
        ]
        values = [np.hstack(part) for part in parts]
    else:
        values = [member.tree_.value[:, :, 0] for member in members]
    trees = [_tree(*pair) for pair in zip(members, values, strict=True)]
    flat = flatten(trees)
    flat = flat._replace(values=flat.values / len(members))
    offset = np.zeros(flat.values.shape[1])
    return TreeEnsemble(flat, offset, estimator.n_features_in_, single_precision=True)


def _read_gradient_boosting(estimator: Any, method: str) -> TreeEnsemble | None:
    if method != ("decision_function" if is_classifier(estimator) else "predict"):
        return None
    if not isinstance(estimator.init_, (str, DummyClassifier, DummyRegressor)):
        return None
    trees = [
        _tree(member, estimator.learning_rate * member.tree_.value[:, :, 0], output)
        for stage in estimator.estimators_
        for output, member in enumerate(stage)
    ]
    n_columns, n_outputs = estimator.n_features_in_, estimator.estimators_.shape[1]
    ensemble = TreeEnsemble(flatten(trees), np.zeros(n_outputs), n_columns, single_precision=True)
    probe = np.zeros((1, n_columns))
    names = getattr(estimator, "feature_names_in_", None)
    row = probe if names is None else pd.DataFrame(probe, columns=names)
    start = getattr(estimator, method)(row).reshape(1, -1) - ensemble.predict(probe)
    return replace(ensemble, offset=start[0])


@dataclass(frozen=True)
class _ReorderedEncoder:
    """The encoder inside histogram gradient boosting, which moves categorical columns first."""

    transformer: Any
    is_categorical: NDArray[np.bool_]

    def transform(self, X: Any) -> NDArray[np.float64]:
        encoded = self.transformer.transform(X)
        order = np.argsort(~self.is_categorical, kind="stable")
        values = np.empty_like(encoded, dtype=np.float64)
        values[:, order] = encoded
        return values


def _read_histogram_boosting(estimator: Any, method: str) -> TreeEnsemble | None:
    classifies = is_classifier(estimator)
    if method != ("decision_function" if classifies else "predict"):
        return None
    if not classifies and estimator.loss not in _IDENTITY_LINK:
        return None
    try:
        stages, offset = estimator._predictors, np.ravel(estimator._baseline_prediction)
        transformer, is_categorical = estimator._preprocessor, estimator.is_categorical_
        n_columns, encoder = estimator.n_features_in_, None
        order = np.arange(n_columns)
        if transformer is not None:
            order = np.argsort(~is_categorical, kind="stable")
            encoder = _ReorderedEncoder(transformer, is_categorical)
        trees = [
            _histogram_tree(predictor, order, output)
            for stage in stages
            for output, predictor in enumerate(stage)
        ]
    except (AttributeError, ValueError, IndexError):  # another version keeps its trees otherwise
        return None
    return TreeEnsemble(flatten(trees), offset, n_columns, single_precision=False, encoder=encoder)


def _histogram_tree(predictor: Any, order: NDArray[np.int64], output: int) -> Tree:
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    sets = np.unpackbits(
        predictor.raw_left_cat_bitsets.view(np.uint8), axis=1, bitorder="little"
    )  # bit c of the words of a set is category c
    categorical = np.flatnonzero(nodes["is_categorical"].astype(bool) & ~is_leaf)
    return Tree(
        feature=order[nodes["feature_idx"]],
        threshold=nodes["num_threshold"],
        left=np.where(is_leaf, LEAF, nodes["left"].astype(np.int64)),
        right=np.where(is_leaf, LEAF, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"],
        values=nodes["value"][:, None],
        output=output,
        categories={
            node: np.flatnonzero(sets[nodes["bitset_idx"][node]]) for node in categorical.tolist()
        },
    )


_READERS: tuple[tuple[tuple[type, ...], Callable[[Any, str], TreeEnsemble | None]], ...] = (
    (_AVERAGING, _read_average),
    (_GRADIENT_BOOSTING, _read_gradient_boosting),
    (_HISTOGRAM_BOOSTING, _read_histogram_boosting),
)
