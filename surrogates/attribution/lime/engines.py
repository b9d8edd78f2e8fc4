"""Which way of computing LIME applies to a model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.lime.additive_limit import AdditiveLimit, additive_limit, ends_linear
from surrogates.attribution.lime.background import make_background
from surrogates.attribution.lime.draws import MarginalDraw, StagedSample, World
from surrogates.attribution.lime.exact import ExactEngine
from surrogates.attribution.lime.neighbourhood import SampleSize, sample_size
from surrogates.attribution.lime.representation import Representation
from surrogates.attribution.lime.result import Engine
from surrogates.attribution.lime.sampling import SampledEngine, Stopping
from surrogates.attribution.lime.surrogate import (
    FittedSurrogate,
    LinearSurrogate,
    Surrogate,
    resolve_selection,
)
from surrogates.attribution.lime.tree_limit import TreeLimit, tree_limit
from surrogates.blackbox.model import Model
from surrogates.blackbox.reference import ReferenceRows
from surrogates.blackbox.samplers import ScrambledPoints

__all__ = ["Task", "choose_engine", "default_width", "make_surrogate"]

_WIDTH = 0.75
_REFUSAL = (
    "The 'exact' parameter of LIME is True, but the limit is known for additive models and, with "
    "bins, for ensembles of trees (of boosting: the raw margin, response_method="
    "'decision_function'), under sampling='marginal' and surrogate='ridge'. The response of {} is "
    "none of these, or its preprocessing does not keep columns apart. Use exact='auto'."
)


def default_width(n_columns: int) -> float:
    """Return the width of the kernel of Ribeiro, Singh and Guestrin's code."""
    return _WIDTH * float(np.sqrt(n_columns))


def make_surrogate(
    surrogate: Any, selection: str, n_features: int | None, n_columns: int
) -> Surrogate:
    """Return the surrogate that parameters name."""
    chosen = resolve_selection(selection, n_features, n_columns)
    if isinstance(surrogate, str):
        return LinearSurrogate(chosen, n_features, lasso=surrogate == "lasso")
    return FittedSurrogate(surrogate, chosen, n_features)


@dataclass(frozen=True)
class Task:
    """What is to be explained.

    Parameters
    ----------
    model : Model
    reference : ReferenceRows
    responses : ndarray of shape (n_references, n_outputs)
        The model's to the reference rows.
    representation : Representation
    width : float
        Of the kernel.
    seed : int
    """

    model: Model
    reference: ReferenceRows
    responses: NDArray[np.float64]
    representation: Representation
    width: float
    seed: int


def choose_engine(
    task: Task,
    *,
    exact: str | bool,
    sampling: str,
    surrogate: Surrogate,
    n_samples: int,
    n_features: int | None,
    tol: float | None,
) -> Engine:
    """Return the engine for a model: the exact limit where it is known, else neighbours.

    Raises
    ------
    ValueError
        The exact limit is asked for, and not known.
    """
    size = sample_size(n_samples, stops=tol is not None)
    points = ScrambledPoints(size.n_points, len(task.representation.columns) + 1, task.seed)
    world = World(task.model, task.reference, task.representation, points)
    if exact is not False:
        engine = _exact_engine(task, world, size, sampling, surrogate, thorough=exact is True)
        if engine is not None:
            return engine
        if exact is True:
            raise ValueError(_REFUSAL.format(type(task.model.predictor).__name__))
    shared = None
    if sampling == "marginal":
        linear = isinstance(surrogate, LinearSurrogate) and not surrogate.lasso
        draw = MarginalDraw(world, task.representation.marginals)
        shared = StagedSample(draw, size, width=task.width if linear else None)
        shared.at(0)
    background = None
    if sampling == "background":
        background = make_background(task.model, task.reference, points, task.width)
    return SampledEngine(
        world=world,
        size=size,
        sampling=sampling,
        width=task.width,
        surrogate=surrogate,
        stopping=Stopping(tol, n_features),
        probe=LinearSurrogate("none", None),
        shared=shared,
        background=background,
    )


def _exact_engine(
    task: Task,
    world: World,
    size: SampleSize,
    sampling: str,
    surrogate: Surrogate,
    *,
    thorough: bool,
) -> ExactEngine | None:
    """Return the exact engine where the limit is known; thoroughly tries every model."""
    if sampling != "marginal" or not isinstance(surrogate, LinearSurrogate) or surrogate.lasso:
        return None
    limit: TreeLimit | AdditiveLimit | None = tree_limit(world, task.responses, task.width)
    if limit is None and (thorough or ends_linear(task.model)):
        limit = additive_limit(world, task.width)
    if limit is None:
        return None
    draw = MarginalDraw(world, task.representation.marginals)
    return ExactEngine(
        world=world,
        size=size,
        width=task.width,
        limit=limit,
        selection=surrogate.selection,
        n_features=surrogate.n_features,
        fresh=draw.sample(0, size.n_fresh),
    )
