"""From codes to the result: rows in the user's own form, checked by the model once more."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.conform import conform
from surrogates.blackbox.table import column_names
from surrogates.counterfactuals.batch import Judge
from surrogates.counterfactuals.columns import Composer
from surrogates.counterfactuals.search import Block, Found, Task
from surrogates.explanation import CounterfactualSet

__all__ = ["assemble"]


def assemble(
    task: Task,
    rows: Any,
    given: Any,
    labels: Any,
    blocks: list[Block],
    *,
    method: str,
) -> CounterfactualSet:
    """Return the result of all blocks.

    Every line is sent to the model once more, as it is returned; what does not hold then is
    dropped.

    Parameters
    ----------
    task : Task
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
        Explained rows, in the form of the reference rows.
    given : {array-like, DataFrame}
        Explained rows as the user gave them.
    labels : Index of length n_rows
    blocks : list of Block
    method : str
    """
    found = [own for block in blocks for own in block.found]
    start = np.concatenate([block.predicted for block in blocks]).astype(np.int64)
    own_responses = np.concatenate([block.responses for block in blocks])
    own_codes = np.concatenate([block.codes for block in blocks])
    composer = Composer(task.constraints.columns, task.reference.rows, rows, own_codes)
    judge = Judge(composer, task.constraints, task.cost, task.oracle, start, None)
    at = np.repeat(np.arange(len(found)), [len(own.codes) for own in found])
    codes = np.concatenate([own.codes for own in found])
    frame = _as_given(judge.table(at, codes), given, labels[at])
    responses, predicted = _ask(task, frame, own_responses)
    holds = task.oracle.goal.reached(responses, predicted, start[at])
    if not holds.all():
        return assemble(
            task, rows, given, labels,
            [Block(_without(found, at, holds), own_responses, start, own_codes)],
            method=method,
        )  # fmt: skip
    n_model_rows = sum(own.spent for own in found) + len(at) * task.oracle.rows_per_answer
    crowds = _measured(task, codes, start[at])
    shares = [own.robustness for own in found if len(own.codes)]
    return CounterfactualSet(
        data=rows,
        frame=frame,
        row=at,
        rank=_ranks(at),
        cost=np.concatenate([own.costs for own in found]),
        lower_bound=np.repeat(
            [own.lower_bound for own in found], [len(own.codes) for own in found]
        ),
        predictions=task.oracle.names(responses, predicted),
        status=np.array([own.status for own in found], dtype="<U14"),
        responses=responses,
        output_names=task.oracle.model.output_names,
        before=task.oracle.names(own_responses, start),
        feature_names=column_names(rows),
        index=labels,
        column_costs=None
        if task.cost.function is not None
        else task.cost.by_column(composer.codes[at], codes),
        distance=crowds[0],
        outlier_factor=crowds[1],
        robustness=None if task.robustness is None else np.concatenate([*shares, np.empty(0)]),
        irreducible=np.concatenate([own.irreducible for own in found]),
        method=method,
        params=_record(task),
        n_model_rows=int(n_model_rows),
    )


def _ask(
    task: Task, frame: Any, own_responses: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if not frame.shape[0]:
        return np.empty((0, own_responses.shape[1])), np.empty(0, dtype=np.int64)
    return task.oracle(frame, surely=True)


def _as_given(frame: Any, given: Any, labels: Any) -> Any:
    """Return the lines with the dtypes of the rows that were given, and their labels."""
    if type(frame) is type(given):
        frame = conform(frame, given) if frame.shape[0] else frame
    if hasattr(frame, "iloc"):
        frame = frame.set_axis(labels, axis=0)
    return frame


def _without(found: list[Found], at: NDArray[np.int64], holds: NDArray[np.bool_]) -> list[Found]:
    """Drop lines that the model, asked once more, answers otherwise."""
    kept = []
    for row, own in enumerate(found):
        fine = holds[at == row]
        own.codes, own.costs, own.irreducible = (
            own.codes[fine], own.costs[fine], own.irreducible[fine]
        )  # fmt: skip
        if own.robustness is not None:
            own.robustness = own.robustness[fine]
        if not fine.all():
            own.status = "valid" if fine.any() else "not_found"
        kept.append(own)
    return kept


def _ranks(at: NDArray[np.int64]) -> NDArray[np.int64]:
    ranks: NDArray[np.int64] = np.arange(len(at)) - np.searchsorted(at, at) + 1
    return ranks


def _measured(
    task: Task, codes: NDArray[np.float64], start: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distances to real rows with the outcome wanted, and outlier factors."""
    distances, factors = np.empty(len(codes)), np.empty(len(codes))
    for output in np.unique(start):
        own, crowd = start == output, task.plausibility.crowd(int(output))
        distances[own] = crowd.distances(codes[own])
        factors[own] = crowd.outlier_factors(codes[own])
    return distances, factors


def _record(task: Task) -> dict[str, Any]:
    constraints = task.constraints
    names = [column.name for column in constraints.columns]
    return {
        **task.oracle.goal.as_record(),
        "engine": "beam" if task.prover is None else task.prover.name,
        "gradients": task.descent is not None,
        "response_method": task.oracle.model.method_name,
        "max_model_rows": task.max_model_rows,
        "immutable": [names[position] for position in sorted(constraints.immutable)],
        "n_rules": len(constraints.rules),
    }
