"""A tree for people to read: rules, paths of rows, importances, a picture."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import entropy

from surrogates.blackbox.table import column_values
from surrogates.distillation.literals import EVERYTHING, Literal, Operator
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.wording import Wording
from surrogates.explanation import DecisionPaths
from surrogates.explanation.displays.tree import TreeDisplay

__all__ = ["decision_paths", "importances", "node_texts", "rule_frame", "tree_display"]


def rule_frame(tree: RuleTree, wording: Wording) -> pd.DataFrame:
    """Return one line per leaf, from left to right."""
    lines = []
    for leaf in tree.leaves:
        conditions = [wording.test(test, exact=False) for test in tree.conditions(leaf)]
        lines.append(
            {
                "leaf": int(leaf),
                "rule": " and ".join(f"({text})" for text in conditions) or "always",
                "prediction": wording.label(tree.values[leaf]),
                "probability": _share(tree, wording, int(leaf)),
                "support": int(tree.support[leaf]),
                "n_samples": int(tree.n_samples[leaf]),
                "reach": float(tree.reach[leaf]),
                "fidelity": wording.fidelity(tree, int(leaf)),
            }
        )
    frame = pd.DataFrame(lines)
    return frame if wording.classes is not None else frame.drop(columns="probability")


def _share(tree: RuleTree, wording: Wording, leaf: int) -> float:
    return float(tree.values[leaf].max()) if wording.classes is not None else np.nan


def importances(tree: RuleTree, *, of_classes: bool) -> NDArray[np.float64]:
    """Return what the tests gain by column, shared equally among literals; it sums to one.

    A test gains bits, or squared error, at all rows that reach it: nodes that few rows reach count
    little.
    """
    impurity = tree.reach * entropy(tree.values, axis=1) if of_classes else tree.loss
    found = np.zeros(len(tree.coding.columns))
    for node, test in enumerate(tree.tests):
        if test is not None:
            children = impurity[tree.if_true[node]] + impurity[tree.if_false[node]]
            for literal in test.literals:
                gain = max(float(impurity[node] - children), 0.0)
                found[literal.column] += gain / len(test.literals)
    return found / found.sum() if found.sum() > 0.0 else found


def node_texts(tree: RuleTree, wording: Wording) -> list[str]:
    """Return what stands in the box of each node."""
    texts = []
    for node, test in enumerate(tree.tests):
        if test is not None:
            text = wording.test(test, exact=False)
            texts.append(text.replace(": ", ":;", 1) if len(test.literals) > 1 else text)
            continue
        label = wording.label(tree.values[node])
        shown = f"{label:.5g}" if isinstance(label, float) else str(label)
        fidelity = wording.fidelity(tree, node)
        texts.append(f"{shown};{tree.reach[node]:.0%} of rows; fidelity {fidelity:.3f}")
    return texts


def _layout(tree: RuleTree, wording: Wording) -> dict[str, Any]:
    return {
        "texts": node_texts(tree, wording),
        "if_true": tree.if_true.astype(np.int64),
        "if_false": tree.if_false.astype(np.int64),
        "weights": tree.reach,
    }


def tree_display(tree: RuleTree, wording: Wording, title: str) -> TreeDisplay:
    """Return a display of the tree, not yet drawn."""
    return TreeDisplay(**_layout(tree, wording), title=title)


def decision_paths(
    tree: RuleTree,
    wording: Wording,
    rows: Any,
    coded: NDArray[np.float64],
    index: pd.Index,
    spread: NDArray[np.float64],
    method: str,
) -> DecisionPaths:
    """Return the rule that decides about each row.

    Parameters
    ----------
    tree : RuleTree
    wording : Wording
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
    coded : ndarray of shape (n_rows, n_columns)
    index : Index of length n_rows
    spread : ndarray of shape (n_columns,)
        Units of distances.
    method : str
    """
    leaves = tree.apply(coded)
    return DecisionPaths(
        predictions=_predictions(tree, wording, leaves),
        leaves=leaves.astype(np.int64),
        support=tree.support[leaves],
        fidelity=np.array([wording.fidelity(tree, int(leaf)) for leaf in leaves]),
        steps=_steps(tree, wording, rows, coded, leaves),
        flips=_flips(tree, wording, coded, leaves, spread),
        data=rows,
        index=index,
        tree=_layout(tree, wording),
        method=method,
    )


def _predictions(tree: RuleTree, wording: Wording, leaves: NDArray[np.int32]) -> NDArray[Any]:
    values = tree.values[leaves]
    if wording.classes is None:
        return values[:, 0] if values.shape[1] == 1 else values
    return wording.classes[values.argmax(axis=1)]


def _steps(
    tree: RuleTree,
    wording: Wording,
    rows: Any,
    coded: NDArray[np.float64],
    leaves: NDArray[np.int32],
) -> pd.DataFrame:
    parts = []
    cells = [column_values(rows, at).astype(object) for at in range(coded.shape[1])]
    for leaf in np.unique(leaves):
        own = np.flatnonzero(leaves == leaf)
        for step, (node, passed) in enumerate(tree.path(int(leaf))):
            test = tree.test_at(node)
            held = test.held(coded[own], tree.coding)
            n = len(test.literals)
            for place, literal in enumerate(test.literals):
                parts.append(
                    pd.DataFrame(
                        {
                            "row": own,
                            "step": step,
                            "node": node,
                            "m": test.m,
                            "n": n,
                            "n_held": held.sum(axis=1),
                            "passed": passed,
                            "literal": wording.literal(literal, exact=False),
                            "feature": wording.name(literal),
                            "value": pd.Series(cells[literal.column][own], dtype=object),
                            "held": held[:, place],
                            "place": place,
                        }
                    )
                )
    if not parts:
        return pd.DataFrame({name: [] for name in _STEP_TYPES}).astype(_STEP_TYPES)
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.sort_values(["row", "step", "place"], kind="stable", ignore_index=True)
    return frame.drop(columns="place")


_STEP_TYPES: dict[str, Any] = {
    "row": np.int64,
    "step": np.int64,
    "node": np.int64,
    "m": np.int64,
    "n": np.int64,
    "n_held": np.int64,
    "passed": bool,
    "literal": object,
    "feature": object,
    "value": object,
    "held": bool,
}


def _flips(
    tree: RuleTree,
    wording: Wording,
    coded: NDArray[np.float64],
    leaves: NDArray[np.int32],
    spread: NDArray[np.float64],
) -> pd.DataFrame:
    """Flip every literal on the path of each row; keep the nearest change that counts."""
    n = len(coded)
    nearest = np.full(n, np.inf)
    found: list[tuple[Any, ...]] = [(None, None, None, np.nan, None)] * n
    before = _predictions(tree, wording, leaves)
    for node, test in enumerate(tree.tests):
        if test is None:
            continue
        on_path = np.flatnonzero(_visits(tree, leaves, node))
        for literal in test.literals:
            for value in _values_across(literal, wording):
                moved = coded[on_path].copy()
                old = moved[:, literal.column].copy()
                moved[:, literal.column] = value
                distance = _distance(old, value, literal, spread)
                after = _predictions(tree, wording, tree.apply(moved))
                differs = after != before[on_path]
                changed = differs if differs.ndim == 1 else differs.any(axis=1)
                better = changed & (distance < nearest[on_path]) & (distance > 0.0)
                for place in np.flatnonzero(better):
                    row = on_path[place]
                    nearest[row] = distance[place]
                    found[row] = (
                        wording.literal(literal, exact=False),
                        wording.name(literal),
                        _shown(value, literal, wording),
                        float(distance[place]),
                        _plain(after[place]),
                    )
    columns = list(zip(*found, strict=True)) or [()] * 5
    return pd.DataFrame(
        {
            "literal": pd.Series(columns[0], dtype=object),
            "feature": pd.Series(columns[1], dtype=object),
            "change_to": pd.Series(columns[2], dtype=object),
            "distance": pd.Series(columns[3], dtype=np.float64),
            "prediction": pd.Series(columns[4], dtype=object),
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return str(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def _visits(tree: RuleTree, leaves: NDArray[np.int32], node: int) -> NDArray[np.bool_]:
    below = [
        leaf for leaf in tree.leaves if any(node == inner for inner, _ in tree.path(int(leaf)))
    ]
    return np.isin(leaves, below)


def _values_across(literal: Literal, wording: Wording) -> list[float]:
    """Return values on both sides of a threshold, or all levels."""
    column = wording.coding.columns[literal.column]
    if Operator(literal.operator).is_of_levels:
        return [float(code) for code in column.observed]
    if literal.threshold == EVERYTHING:
        return []
    if column.is_continuous:
        return [literal.threshold, float(np.nextafter(literal.threshold, np.inf))]
    place = int(np.searchsorted(column.observed, literal.threshold, side="right"))
    around = [place - 1, place]
    return [float(column.observed[at]) for at in around if 0 <= at < len(column.observed)]


def _distance(
    old: NDArray[np.float64], value: float, literal: Literal, spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the size of changes; those of missing values count as one."""
    if Operator(literal.operator).is_of_levels:
        return np.where(old == value, 0.0, 1.0)
    gaps = np.abs(old - value) / spread[literal.column]
    return np.where(np.isnan(old), 1.0, gaps)


def _shown(value: float, literal: Literal, wording: Wording) -> Any:
    levels = wording.coding.columns[literal.column].levels
    return value if levels is None else _plain(levels.values[int(value)])
