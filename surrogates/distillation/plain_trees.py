"""A tree of scikit-learn on coded rows, read as a tree of rules."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from surrogates.distillation.candidates import between
from surrogates.distillation.coding import Coding
from surrogates.distillation.criteria import Entropy
from surrogates.distillation.literals import EVERYTHING, Literal, MofN, Operator
from surrogates.distillation.rule_tree import NONE, RuleTree

__all__ = ["plain_tree"]


_LEAST_GAIN = Entropy.least_gain


@dataclass(frozen=True, eq=False)
class _Feature:
    """What a column of the matrix stands for: the ranks of a column, or one of its levels."""

    column: int
    values: NDArray[np.float64] | None
    level: int | None = None


def plain_tree(
    coded: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
    coding: Coding,
    columns: tuple[int, ...],
    signs: NDArray[np.int64],
    *,
    is_labels: bool,
    **params: Any,
) -> RuleTree:
    """Fit a tree of scikit-learn; what is known at the nodes is still to be measured.

    Numbers enter by their ranks, so that the tree tells apart what float32 does not; levels enter
    as indicators, and missing levels as another level.

    Parameters
    ----------
    coded, targets, weights : ndarray of shape (n_rows, ...)
    coding : Coding
    columns : tuple of int
        Those that may be used.
    signs : ndarray of int64 of shape (n_columns,)
        1 or -1 along which the last target may only grow or fall.
    is_labels : bool
        Whether targets are indicators of classes.
    **params
        Of the tree of scikit-learn.
    """
    used = weights > 0.0
    coded, targets, weights = coded[used], targets[used], weights[used]
    features, matrix = _matrix(coded, coding, columns)
    if not features or params["max_leaf_nodes"] < 2:
        return _leaf(coding, targets.shape[1])
    monotonic = [0 if own.level is not None else int(signs[own.column]) for own in features]
    constraints = {"monotonic_cst": monotonic} if any(monotonic) else {}
    if is_labels:
        labels = targets.argmax(axis=1)
        if constraints and len(np.unique(labels)) < 2:
            constraints = {}
        fitted = DecisionTreeClassifier(
            criterion="entropy", min_impurity_decrease=_LEAST_GAIN, **constraints, **params
        )
        fitted.fit(matrix, labels, sample_weight=weights)
    else:
        y = targets[:, -1] if constraints else targets
        fitted = DecisionTreeRegressor(**constraints, **params).fit(
            matrix, y, sample_weight=weights
        )
    return _read(fitted.tree_, features, coding, targets.shape[1])


def _matrix(
    coded: NDArray[np.float64], coding: Coding, columns: tuple[int, ...]
) -> tuple[list[_Feature], NDArray[np.float32]]:
    features, parts = [], []
    for at in columns:
        values = coded[:, at]
        levels = coding.columns[at].levels
        if levels is None:
            distinct = np.unique(values[~np.isnan(values)])
            ranks = np.searchsorted(distinct, values).astype(np.float32)
            ranks[np.isnan(values)] = np.nan
            features.append(_Feature(at, distinct))
            parts.append(ranks)
            continue
        codes = np.where(np.isnan(values), levels.missing, values)
        for level in np.unique(codes):
            features.append(_Feature(at, None, int(level)))
            parts.append((codes == level).astype(np.float32))
    return features, np.column_stack(parts) if parts else np.empty((len(coded), 0), np.float32)


def _read(tree: Any, features: list[_Feature], coding: Coding, n_outputs: int) -> RuleTree:
    tests: list[MofN | None] = []
    for node in range(tree.node_count):
        if tree.children_left[node] == NONE:
            tests.append(None)
            continue
        feature = features[tree.feature[node]]
        has_missing = coding.columns[feature.column].has_missing
        missing = has_missing and bool(tree.missing_go_to_left[node])
        literal = _literal(feature, float(tree.threshold[node]), coding, missing=missing)
        tests.append(MofN((literal,), 1))
    return _blank(
        coding,
        tuple(tests),
        tree.children_left.astype(np.int32),
        tree.children_right.astype(np.int32),
        n_outputs,
    )


def _literal(feature: _Feature, threshold: float, coding: Coding, *, missing: bool) -> Literal:
    """Return the literal that holds for what goes to the left."""
    if feature.values is not None:
        if threshold >= len(feature.values) - 1:  # missing against known
            return Literal(feature.column, Operator.AT_MOST, EVERYTHING, missing=missing)
        place = int(np.floor(threshold))
        cut = between(feature.values[place], feature.values[place + 1])
        return Literal(feature.column, Operator.AT_MOST, float(cut), missing=missing)
    column = coding.columns[feature.column]
    if feature.level is None or (column.levels and feature.level == column.levels.missing):
        return Literal(feature.column, Operator.NOT_IN)
    own = (feature.level,)
    return Literal(feature.column, Operator.NOT_IN, levels=own, missing=column.has_missing)


def _leaf(coding: Coding, n_outputs: int) -> RuleTree:
    nothing = np.array([NONE], dtype=np.int32)
    return _blank(coding, (None,), nothing, nothing, n_outputs)


def _blank(
    coding: Coding,
    tests: tuple[MofN | None, ...],
    if_true: NDArray[np.int32],
    if_false: NDArray[np.int32],
    n_outputs: int,
) -> RuleTree:
    n = len(tests)
    counts = np.zeros(n, dtype=np.int64)
    zeros = np.zeros(n)
    values = np.zeros((n, n_outputs))
    return RuleTree(coding, tests, if_true, if_false, values, zeros, zeros, counts, counts)
