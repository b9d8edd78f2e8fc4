"""Which way of computing Shapley values is exact and affordable for a model."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.book import DesignBook
from surrogates.attribution.shapley.linear import linear_engine, may_be_linear
from surrogates.attribution.shapley.pilot import with_relevances
from surrogates.attribution.shapley.plan import SamplingPlan
from surrogates.attribution.shapley.result import Engine
from surrogates.attribution.shapley.sampling import CoalitionEngine
from surrogates.attribution.shapley.tree import tree_engine
from surrogates.blackbox.ensembles import read_ensemble
from surrogates.blackbox.inside import Inside, look_inside
from surrogates.blackbox.links import Link
from surrogates.blackbox.model import Model
from surrogates.blackbox.players import Players
from surrogates.blackbox.reference import ReferenceRows

__all__ = ["Task", "choose_engine"]


@dataclass(frozen=True)
class Task:
    """What is to be explained, against what.

    Parameters
    ----------
    model : Model
    players : Players
    link : str or callable
    table : ndarray or DataFrame of shape (n_rows, n_columns)
        The whole reference group.
    sample_weight : ndarray of shape (n_rows,) or None
    reference : ReferenceRows
        The rows kept of it.
    responses : ndarray of shape (n_references, n_outputs)
        To the rows kept.
    interactions : bool
        Whether pairwise interactions are wanted too.
    """

    model: Model
    players: Players
    link: Link
    table: Any
    sample_weight: NDArray[np.float64] | None
    reference: ReferenceRows
    responses: NDArray[np.float64]
    interactions: bool


def choose_engine(
    task: Task,
    method: str,
    book: DesignBook,
    *,
    crossed: bool,
    tol: float | None,
    accuracy: float | None,
) -> Engine:
    """Return the engine that a method names; "auto" takes the first that is exact.

    Raises
    ------
    ValueError
        The method does not apply to the model.
    """
    inside = look_inside(task.model, task.reference.rows, task.players)
    if method in ("auto", "linear"):
        engine = _linear(task, inside)
        if engine is not None:
            return engine
    if method in ("auto", "tree"):
        engine = _tree(task, inside)
        if engine is not None:
            return engine
    if method in ("linear", "tree"):
        raise ValueError(_refusal(task, method))
    return _coalitions(task, inside, book, crossed=crossed, tol=tol, accuracy=accuracy)


def _linear(task: Task, inside: Inside) -> Engine | None:
    if task.link != "identity":
        return None
    return linear_engine(
        task.model, inside, task.table, task.sample_weight, interactions=task.interactions
    )


def _tree(task: Task, inside: Inside) -> Engine | None:
    if task.link != "identity":
        return None
    return tree_engine(
        task.model, inside, task.reference, task.responses, interactions=task.interactions
    )


def _refusal(task: Task, method: str) -> str:
    start = f"The 'method' parameter of KernelSHAP is {method!r}, but "
    if task.link != "identity":
        return f"{start}link={task.link!r} asks for coalitions. Use method='auto'."
    name = type(task.model.predictor).__name__
    if method == "tree" and task.model.method_name != "decision_function":
        return (
            f"{start}{task.model.method_name} of {name} is no sum over trees that can be read. "
            "For boosting, response_method='decision_function' is one; or use method='auto'."
        )
    what = "linear in its columns" if method == "linear" else "a sum over trees that can be read"
    return f"{start}{task.model.method_name} of {name} is not {what}. Use method='auto'."


def _coalitions(
    task: Task,
    inside: Inside,
    book: DesignBook,
    *,
    crossed: bool,
    tol: float | None,
    accuracy: float | None,
) -> CoalitionEngine:
    rows = inside.table(task.reference.rows)
    plan = SamplingPlan(
        model=inside.model,
        reference=replace(task.reference, rows=rows),
        responses=inside.model(rows),
        players=inside.players,
        book=book,
        crossed=crossed,
        link=task.link,
        tol=tol,
        accuracy=accuracy,
        interactions=task.interactions,
    )
    return CoalitionEngine(with_relevances(plan), inside, _exact_alternative(task, inside))


def _exact_alternative(task: Task, inside: Inside) -> str | None:
    """Name the response of the same model that has an exact path, where probabilities have none."""
    margin = "decision_function"
    if task.model.method != "predict_proba" or not hasattr(inside.estimator, margin):
        return None
    known = may_be_linear(inside.estimator, margin) or read_ensemble(inside.estimator, margin)
    return "response_method='decision_function'" if known else None
