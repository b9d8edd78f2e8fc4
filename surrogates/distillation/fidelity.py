"""How well a tree imitates a model, on rows that neither has to have seen."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, r2_score

from surrogates.distillation.pool import Task
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.teacher import Teacher
from surrogates.explanation.intervals import wilson_interval

__all__ = ["agreement", "path_frame", "report"]

_RESAMPLES = 200
_UNKNOWN = -1


def agreement(
    tree: RuleTree, teacher: Teacher, coded: NDArray[np.float64], targets: NDArray[np.float64]
) -> float:
    """Return the share of equal labels, or the R2 of the tree's numbers for the model's."""
    values = tree.values[tree.apply(coded)]
    if teacher.classes is None:
        return _r2(targets, values)
    return float((_labels(targets) == values.argmax(axis=1)).mean())


def _labels(targets: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the positions of labels, -1 for one that the reference rows did not have."""
    return np.where(targets.sum(axis=1) > 0.0, targets.argmax(axis=1), _UNKNOWN)


def _r2(targets: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return R2; 1 or 0 where the targets are constant, and are met or not."""
    if len(targets) > 1:
        return float(r2_score(targets, values, force_finite=True))
    return float((targets == values).all())


def path_frame(
    trees: list[RuleTree],
    task: Task,
    held_out: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
) -> pd.DataFrame:
    """Return one line per size: leaves, literals, fidelity in growth and on rows held out."""
    lines = []
    for tree in trees:
        own = 1.0 - float(tree.loss[tree.leaves].sum() / tree.reach[0])
        held = np.nan
        if held_out is not None:
            coded, targets = held_out
            values = tree.values[tree.apply(coded)]
            held = 1.0 - float(task.losses(targets, values).mean())
        lines.append((len(tree.leaves), tree.n_literals, own, held))
    return pd.DataFrame(lines, columns=["n_leaves", "n_literals", "fidelity", "held_out"])


def report(
    tree: RuleTree,
    teacher: Teacher,
    coded: NDArray[np.float64],
    targets: NDArray[np.float64],
    y: Any,
    level: float,
) -> pd.DataFrame:
    """Return a line for each measure of fidelity, and for the scores of both."""
    truth = None if y is None else np.asarray(y)
    if truth is not None and len(truth) != len(coded):
        raise ValueError(f"y must have {len(coded)} entries, as X has rows. Got {len(truth)}.")
    values = tree.values[tree.apply(coded)]
    lines = (
        _number_lines(targets, values, truth, level)
        if teacher.classes is None
        else _label_lines(teacher.classes, _labels(targets), values.argmax(axis=1), truth, level)
    )
    return pd.DataFrame(lines, columns=["measure", "group", "value", "low", "high", "n"])


def _label_lines(
    classes: NDArray[Any],
    model: NDArray[np.int64],
    tree: NDArray[np.int64],
    truth: NDArray[Any] | None,
    level: float,
) -> list[tuple[Any, ...]]:
    equal = model == tree
    lines = [_share_line("fidelity", "all", equal, level)]
    lines += [
        _share_line("fidelity", classes[at], equal[model == at], level)
        for at in range(len(classes))
        if (model == at).any()
    ]
    constant = len(np.unique(np.concatenate([model, tree]))) == 1
    kappa = 1.0 if constant else float(cohen_kappa_score(model, tree))
    lines.append(("kappa", "all", kappa, np.nan, np.nan, len(model)))
    if truth is not None:
        own = classes.astype(object)
        for name, positions in (("accuracy of the model", model), ("accuracy of the tree", tree)):
            right = (own[positions] == truth.astype(object)) & (positions != _UNKNOWN)
            lines.append(_share_line(name, "all", right, level))
    return lines


def _share_line(measure: str, group: Any, hits: NDArray[np.bool_], level: float) -> tuple[Any, ...]:
    low, high = wilson_interval(int(hits.sum()), len(hits), level)
    return measure, group, float(hits.mean()), low, high, len(hits)


def _number_lines(
    model: NDArray[np.float64], tree: NDArray[np.float64], truth: Any, level: float
) -> list[tuple[Any, ...]]:
    lines = [
        _number_line("R2", _r2, model, tree, level),
        _number_line("mean absolute error", _mean_error, model, tree, level),
    ]
    if truth is not None:
        truth = truth.astype(np.float64).reshape(len(tree), -1)
        lines.append(_number_line("R2 of the model", _r2, truth, model, level))
        lines.append(_number_line("R2 of the tree", _r2, truth, tree, level))
    return lines


def _mean_error(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.abs(first - second).mean())


def _number_line(
    name: str, measure: Any, first: NDArray[np.float64], second: NDArray[np.float64], level: float
) -> tuple[Any, ...]:
    """Return a measure with its bootstrap interval; the resamples are the same every time."""
    rng = np.random.default_rng(0)
    rows = rng.integers(len(first), size=(_RESAMPLES, len(first)))
    again = [measure(first[own], second[own]) for own in rows]
    low, high = np.quantile(again, [(1 - level) / 2, (1 + level) / 2])
    return name, "all", measure(first, second), float(low), float(high), len(first)
