"""Which exact engine a model has, if any."""

from dataclasses import replace
from typing import Any

import numpy as np

from surrogates.blackbox.ensembles import read_ensemble
from surrogates.blackbox.inside import Inside, look_inside
from surrogates.blackbox.model import Model
from surrogates.blackbox.pipelines import ColumnwisePreprocessing
from surrogates.blackbox.table import take_rows
from surrogates.blackbox.tree_ensemble import TreeEnsemble
from surrogates.counterfactuals.additive import may_be_linear, raw_model, read_additive
from surrogates.counterfactuals.cells import read_cells
from surrogates.counterfactuals.columns import encode
from surrogates.counterfactuals.demands import demands_of, responses_of
from surrogates.counterfactuals.descent import Descent
from surrogates.counterfactuals.layout import make_layout
from surrogates.counterfactuals.linear import LinearProver
from surrogates.counterfactuals.proof import Prover
from surrogates.counterfactuals.search import Task
from surrogates.counterfactuals.slopes import make_slopes_reader
from surrogates.counterfactuals.trees import TreeProver

__all__ = ["choose_engines"]

_N_CHECKED = 256
_TOLERANCE = 1e-6


def choose_engines(task: Task, time_limit: float | None) -> Task:
    """Return the task with the engine that proves what is cheapest, or gradients that propose.

    Parameters
    ----------
    task : Task
    time_limit : float or None
        Seconds per row.

    Raises
    ------
    ValueError
        ``method="exact"`` where nothing can be proved.
    """
    model = task.oracle.model
    is_asked_by_name = isinstance(model.method, str) and not task.oracle.always_labels
    if task.method == "beam" or not is_asked_by_name:
        return _without(task)
    inside = look_inside(model, task.reference.rows)
    prover = _find(task, inside, time_limit)
    if prover is not None:
        return replace(task, prover=prover)
    return replace(_without(task), descent=_descent(task, inside))


def _without(task: Task) -> Task:
    """Return the task as it is, unless a proof was asked for."""
    if task.method == "exact":
        raise ValueError(
            "The 'method' parameter of Counterfactuals is 'exact', but there is no exact engine "
            f"for this {type(task.oracle.model.predictor).__name__} under these constraints: it "
            "must be a tree, a forest, boosting or a linear model, alone or behind column-wise "
            "preprocessing, with a cost that is a sum over columns and without derived columns. "
            "Use 'auto'."
        )
    return task


def _descent(task: Task, inside: Inside) -> Descent | None:
    """Return what lets gradients propose, None where there are none."""
    model, columns, rows = task.oracle.model, task.constraints.columns, task.reference.rows
    codes = encode(columns, rows)
    reader = make_slopes_reader(model, task.oracle.goal, columns, rows, codes, inside)
    layout = make_layout(task.parts, task.constraints)
    return None if reader is None else Descent(reader, model, layout)


def _find(task: Task, inside: Inside, time_limit: float | None) -> Prover | None:
    separable = task.cost.function is None and not task.constraints.derived
    if not separable or task.plausibility.penalty:
        return None
    if may_be_linear(inside.estimator):
        return _linear_prover(task, inside.estimator, time_limit)
    return _tree_prover(task, inside.estimator, inside.preprocessing, time_limit)


def _linear_prover(task: Task, final: Any, time_limit: float | None) -> LinearProver | None:
    model, goal, rows = task.oracle.model, task.oracle.goal, task.reference.rows
    raw = raw_model(model, final)
    if raw is None:
        return None
    columns = task.constraints.columns
    additive = read_additive(raw, rows, columns, encode(columns, rows))
    if additive is None or demands_of(goal, 0, len(additive.base)) is None:
        return None
    shares, several = model.method != raw.method, len(additive.base) > 1
    if shares and several and np.isfinite(goal.min_probability):
        return None
    sample = take_rows(rows, slice(0, _N_CHECKED))
    found = responses_of(raw(sample), goal, "logit" if shares else "identity")
    expected = model(sample)
    if found.shape != expected.shape or not np.allclose(found, expected, atol=_TOLERANCE):
        return None
    needs_search = bool(
        task.n_answers > 1
        or task.constraints.rules
        or task.plausibility.is_active
        or task.robustness is not None
    )
    layout = make_layout(task.parts, task.constraints)
    return LinearProver(additive, layout, goal, needs_search, time_limit or 60.0)


def _tree_prover(
    task: Task,
    final: Any,
    preprocessing: ColumnwisePreprocessing | None,
    time_limit: float | None,
) -> TreeProver | None:
    method = str(task.oracle.model.method)
    ensemble, link = read_ensemble(final, method), "identity"
    if ensemble is None and method == "predict_proba":
        ensemble, link = read_ensemble(final, "decision_function"), "logit"
    if ensemble is None or demands_of(task.oracle.goal, 0, ensemble.n_outputs) is None:
        return None
    several = ensemble.n_outputs > 1
    if link == "logit" and several and np.isfinite(task.oracle.goal.min_probability):
        return None
    if not _agrees(task, task.oracle.model, ensemble, preprocessing, link):
        return None
    cells = read_cells(ensemble, preprocessing, task.reference.rows, task.constraints, task.parts)
    if cells is None or max((len(own.cuts) for own in cells.cuts.values()), default=0) > 30_000:
        return None
    return TreeProver(
        cells, ensemble.offset, link, task.oracle.goal, time_limit, task.plausibility.is_active
    )


def _agrees(
    task: Task,
    model: Model,
    ensemble: TreeEnsemble,
    preprocessing: ColumnwisePreprocessing | None,
    link: str,
) -> bool:
    """Compare the trees with the model itself on reference rows."""
    rows = task.reference.rows
    sample = take_rows(rows, slice(0, _N_CHECKED))
    table = sample if preprocessing is None else preprocessing.transform(sample)
    expected = model(sample)
    found = responses_of(ensemble.predict(table), task.oracle.goal, link)
    if found.shape != expected.shape:
        return False
    scale = max(1.0, float(np.abs(expected).max()))
    return bool((np.abs(found - expected) <= _TOLERANCE * scale).all())
