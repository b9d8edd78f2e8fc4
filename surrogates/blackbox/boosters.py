"""Read the trees of XGBoost and LightGBM from the dumps that their models publish.

Neither library is imported: a model of one of them brings its own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from surrogates._kernels.trees import LEAF
from surrogates.blackbox.tree_ensemble import Tree, TreeEnsemble, flatten

__all__ = ["CategoryCodes", "is_lightgbm", "is_xgboost", "read_lightgbm", "read_xgboost"]

_FLOAT32_SUMS = 1e-6  # XGBoost adds its leaves in single precision: for up to 100 trees
_XGBOOST_IDENTITY = (
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:quantileerror",
)
_LIGHTGBM_IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
_MAX_ASCII = 127
_LOGIT_BASE = ("binary:logistic", "binary:logitraw", "reg:logistic")
_LOG_BASE = ("count:poisson", "reg:gamma", "reg:tweedie")


def is_xgboost(estimator: Any) -> bool:
    """Tell whether `estimator` is a model of XGBoost with scikit-learn's interface."""
    return _comes_from(estimator, "xgboost") and hasattr(estimator, "get_booster")


def is_lightgbm(estimator: Any) -> bool:
    """Tell whether `estimator` is a model of LightGBM with scikit-learn's interface."""
    return _comes_from(estimator, "lightgbm") and hasattr(estimator, "booster_")


def _comes_from(estimator: Any, library: str) -> bool:
    return any(kind.__module__.split(".")[0] == library for kind in type(estimator).__mro__)


@dataclass(frozen=True)
class CategoryCodes:
    """Replace the categories of a pandas frame by their positions among those seen in training.

    Parameters
    ----------
    levels : sequence of sequences
        The categories of each categorical column, in the order of the columns; columns beyond the
        last are coded by the categories of their own dtype.
    """

    levels: Sequence[Sequence[Any]]

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the columns of `X` as numbers; an unknown category is missing."""
        if not isinstance(X, pd.DataFrame):
            return np.asarray(X, dtype=np.float64)
        levels, columns = iter(self.levels), []
        for position in range(X.shape[1]):
            column = X.iloc[:, position]
            if isinstance(column.dtype, pd.CategoricalDtype):
                known = pd.Index(next(levels, column.cat.categories))
                codes = known.get_indexer(column.astype(object)).astype(np.float64)
                columns.append(np.where(codes < 0, np.nan, codes))
            else:
                columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.column_stack(columns)


def _is_additive(estimator: Any, method: str, objective: str, identity: Sequence[str]) -> bool:
    if method == "decision_function":
        return True
    return method == "predict" and not is_classifier(estimator) and objective in identity


def read_xgboost(estimator: Any, method: str) -> TreeEnsemble | None:
    """Read an XGBoost model; the raw margin is called "decision_function".

    None for DART and linear boosters, trees with vector leaves, a `missing` other than NaN, names
    of categories outside ASCII, and for "predict" unless it is the margin itself.
    """
    learner = json.loads(estimator.get_booster().save_raw("json"))["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    if not _is_additive(estimator, method, objective, _XGBOOST_IDENTITY):
        return None
    if booster["name"] != "gbtree" or not np.isnan(estimator.missing):
        return None
    model = booster["model"]
    levels, first_trees = _xgboost_levels(model), model.get("iteration_indptr")
    vector_leaves = any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in model["trees"])
    if vector_leaves or levels is None or first_trees is None:
        return None
    stop = first_trees[_xgboost_rounds(estimator)]
    trees = [
        _xgboost_tree(tree, output)
        for tree, output in zip(model["trees"][:stop], model["tree_info"][:stop], strict=True)
    ]
    parameters = learner["learner_model_param"]
    n_outputs = max(int(parameters["num_class"]), int(parameters.get("num_target", 1)), 1)
    base = np.array(json.loads(parameters["base_score"]), dtype=np.float64)
    offset = np.broadcast_to(_xgboost_margin(base, objective), n_outputs).copy()
    return TreeEnsemble(
        flatten(trees),
        offset,
        int(parameters["num_feature"]),
        single_precision=True,
        tolerance=_FLOAT32_SUMS * max(1.0, len(trees) / 100),
        encoder=CategoryCodes(levels),
    )


def _xgboost_rounds(estimator: Any) -> int:
    """Return how many boosting rounds `predict` uses: those up to the best, or all (-1)."""
    try:
        return int(estimator.best_iteration) + 1
    except AttributeError:
        return -1


def _xgboost_margin(base: NDArray[np.float64], objective: str) -> NDArray[np.float64]:
    if objective in _LOGIT_BASE:
        return np.log(base / (1.0 - base))
    return np.log(base) if objective in _LOG_BASE else base


def _xgboost_tree(tree: Mapping[str, Any], output: int) -> Tree:
    """Turn one tree around: numeric nodes compare by `<`, listed categories go right."""
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    limits = np.array(tree["split_conditions"], dtype=np.float32)
    missing_left = np.array(tree["default_left"], dtype=bool)
    categories = {}
    for node, start, size in zip(
        tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
    ):
        categories[node] = tree["categories"][start : start + size]
        left[node], right[node] = right[node], left[node]
        missing_left[node] = not missing_left[node]
    return Tree(
        feature=np.array(tree["split_indices"]),
        threshold=np.nextafter(limits, np.float32(-np.inf)).astype(np.float64),
        left=left,
        right=right,
        missing_left=missing_left,
        values=limits.astype(np.float64)[:, None],
        output=output,
        categories=categories,
    )


def _xgboost_levels(model: Mapping[str, Any]) -> list[list[Any]] | None:
    """Return the categories of each categorical column, where the model remembers them.

    None for names outside ASCII: XGBoost cuts their bytes by a count of characters.
    """
    levels: list[list[Any]] = []
    for column in model.get("cats", {}).get("enc", []):
        values, offsets = column["values"], column.get("offsets")
        if offsets:
            if min(values) < 0 or max(values) > _MAX_ASCII:
                return None
            text = bytes(values).decode("ascii")
            levels.append([text[start:stop] for start, stop in pairwise(offsets)])
        elif values:
            levels.append(list(values))
    return levels


def read_lightgbm(estimator: Any, method: str) -> TreeEnsemble | None:
    """Read a LightGBM model; the raw margin is called "decision_function".

    None for linear leaves, for zeros that mean missing, and for "predict" unless it is the margin
    itself.
    """
    dump = estimator.booster_.dump_model()
    objective = str(dump.get("objective", "")).split(" ")
    identity = _LIGHTGBM_IDENTITY if "sqrt" not in objective else ()
    if not _is_additive(estimator, method, objective[0], identity):
        return None
    n_outputs, infos = int(dump["num_tree_per_iteration"]), dump["tree_info"]
    trees = [_lightgbm_tree(info["tree_structure"]) for info in infos]
    read = [tree for tree in trees if tree is not None]
    if len(read) < len(trees) or not trees:
        return None
    scale = n_outputs / len(trees) if dump.get("average_output") else 1.0
    flat = flatten(read)
    flat = flat._replace(
        values=scale * flat.values, first_output=np.arange(len(trees), dtype=np.int64) % n_outputs
    )
    return TreeEnsemble(
        flat,
        np.zeros(n_outputs),
        int(dump["max_feature_idx"]) + 1,
        single_precision=False,
        encoder=CategoryCodes(dump.get("pandas_categorical") or []),
    )


def _lightgbm_tree(root: Mapping[str, Any]) -> Tree | None:
    """Give numbers to the nodes of a nested tree; None when one of them is not supported."""
    nodes, children = [root], []
    for node in nodes:
        if "leaf_coeff" in node or node.get("missing_type") == "Zero":
            return None
        is_leaf = "left_child" not in node
        children.append((LEAF, LEAF) if is_leaf else (len(nodes), len(nodes) + 1))
        if not is_leaf:
            nodes += [node["left_child"], node["right_child"]]
    left, right = np.array(children).T
    categorical = [i for i, node in enumerate(nodes) if node.get("decision_type") == "=="]
    sets = {i: [int(c) for c in str(nodes[i]["threshold"]).split("||")] for i in categorical}
    limits = [0.0 if i in sets else node.get("threshold", 0.0) for i, node in enumerate(nodes)]
    return Tree(
        feature=np.array([node.get("split_feature", LEAF) for node in nodes]),
        threshold=np.array(limits, dtype=np.float64),
        left=left,
        right=right,
        missing_left=np.array([_lightgbm_missing_left(node) for node in nodes]),
        values=np.array([[node.get("leaf_value", 0.0)] for node in nodes]),
        categories=sets,
    )


def _lightgbm_missing_left(node: Mapping[str, Any]) -> bool:
    """Tell where NaN goes: a node that saw none in training takes it for zero."""
    if node.get("decision_type") != "<=":
        return False
    if node["missing_type"] == "NaN":
        return bool(node["default_left"])
    return bool(node["threshold"] >= 0.0)
