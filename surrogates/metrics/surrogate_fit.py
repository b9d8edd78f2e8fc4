"""Attributions as an additive model of the response: the share of its variance they explain."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._params import BOOLEAN, NONE, Constraint, Interval, check_params
from surrogates.explanation import Attribution
from surrogates.metrics.correlations import varies
from surrogates.metrics.question import Question, ask, draw_seed
from surrogates.metrics.subsets import kernel_subsets
from surrogates.metrics.values import over_outputs

__all__ = ["local_fidelity", "shapley_kernel_r2"]

_MOST_ENUMERATED = 12
_N_DRAWN = 512
_KERNEL_RULES: dict[str, list[Constraint]] = {
    "n_samples": [Interval("int", 2, None), NONE],
    "anchored": [BOOLEAN],
}
_LOCAL_RULES: dict[str, list[Constraint]] = {
    "kernel_width": [Interval("float", 0, None, "neither"), NONE],
    "n_samples": [Interval("int", 2, None)],
}


def shapley_kernel_r2(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    anchored: bool = False,
    n_samples: int | None = None,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Return the R2 of attributions in the regression whose solution is the Shapley value.

    ``1 - sum w (v(S) - v(none) - sum of the attributions of S)^2 / sum w (v(S) - mean v)^2`` over
    sets S of players, with the weights w of Lundberg and Lee (2017, theorem 2). Of all
    attributions that add up to the response, Shapley values have the largest. One of the
    recommended metrics.

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`.
    anchored : bool, default=False
        Whether the set of all players is one of the sets, with the weight of all others together.
        Attributions that do not add up to the response lose more, and noise is told more often.
    n_samples : int, default=None
        How many sets, the same for all rows, each with its complement. None is every set of up to
        12 players, and 512 sets of more. Any number that suffices for every set is every set.
    random_state : int, RandomState instance or None, default=None
        Seed of the sets.

    Returns
    -------
    r2 : ndarray of shape (n_rows,)
        At most 1; the larger, the better; 0 is no better than a constant. NaN where the worth of
        sets does not vary, and for a single player.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import shapley_kernel_r2
    >>> weights, rows = np.array([3.0, 1.0, -2.0]), np.ones((1, 3))
    >>> shapley_kernel_r2(lambda X: X @ weights, rows, rows * weights, background=0 * rows)
    array([1.])
    """
    given = {"n_samples": n_samples, "anchored": anchored}
    check_params("shapley_kernel_r2", given, _KERNEL_RULES)
    question = ask(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
    )
    n_players = len(question.players)
    count = _N_DRAWN if n_samples is None and n_players > _MOST_ENUMERATED else n_samples
    subsets, weights = kernel_subsets(n_players, count, draw_seed(random_state))
    if not len(subsets):
        return np.full(len(question.values), np.nan)
    gains = question.worth(subsets) - question.nobody
    if anchored:
        subsets = np.concatenate([subsets, np.ones((1, n_players), dtype=np.uint8)])
        weights = np.append(weights, weights.sum())
        gains = np.concatenate([gains, (question.everyone - question.nobody)[:, None]], axis=1)
    said = np.einsum("mp,rpo->rmo", subsets.astype(np.float64), question.values)
    scale = np.maximum(np.abs(question.everyone), np.abs(question.nobody))
    return over_outputs(_r2(gains, said, weights[None, :, None], scale))


def local_fidelity(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    kernel_width: float | None = None,
    n_samples: int = 500,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Return the R2 of attributions as a surrogate of the model on fresh neighbours of the row.

    A neighbour keeps each player with probability 1/2 and takes the others from one background
    row. The surrogate predicts the base value plus the attributions of the players kept; without
    base values, it starts from the response to the row. Neighbours weigh ``exp(-m / (2 width^2))``
    with m players replaced (Ribeiro, Singh and Guestrin, 2016).

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`; weights of the background rows multiply those of the
        neighbours.
    kernel_width : float, default=None
        None is 0.75 times the square root of the number of players.
    n_samples : int, default=500
        How many neighbours, the same draw for all rows; at least one for every background row.
    random_state : int, RandomState instance or None, default=None
        Seed of the neighbours.

    Returns
    -------
    r2 : ndarray of shape (n_rows,)
        At most 1; the larger, the better. Single responses scatter around their mean over the
        background, so that exact attributions stay below 1 too. NaN where they do not vary.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import local_fidelity
    >>> weights, rows = np.array([3.0, 1.0, -2.0]), np.ones((1, 3))
    >>> local_fidelity(lambda X: X @ weights, rows, rows * weights, background=0 * rows).round(9)
    array([1.])
    """
    given = {"kernel_width": kernel_width, "n_samples": n_samples}
    check_params("local_fidelity", given, _LOCAL_RULES)
    question = ask(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
    )
    n_players, n_background = len(question.players), len(question.weights)
    rng = np.random.default_rng(draw_seed(random_state))
    n_drawn = n_background * -(-n_samples // n_background)
    kept = rng.integers(0, 2, size=(n_drawn, n_players), dtype=np.uint8)
    dealt = np.tile(np.arange(n_background), n_drawn // n_background)
    absent = n_players - kept.sum(axis=1, dtype=np.float64)
    width_used = 0.75 * np.sqrt(n_players) if kernel_width is None else kernel_width
    weights = question.weights[dealt] * np.exp(-absent / (2.0 * width_used**2))
    said = np.einsum("mp,rpo->rmo", kept.astype(np.float64), question.values)
    said += _base(question, attributions)[:, None]
    scale = np.abs(question.everyone)
    scores = [
        _r2(question.one_by_one(rows, kept, dealt), said[rows], weights[None, :, None], scale[rows])
        for rows in question.blocks(len(dealt))
    ]
    return over_outputs(np.concatenate(scores))


def _base(question: Question, attributions: Any) -> NDArray[np.float64]:
    """Return what the surrogate starts from, (n_rows, n_outputs)."""
    if not isinstance(attributions, Attribution):
        return question.everyone - question.values.sum(axis=1)
    names = list(attributions.output_names)
    return attributions.base_values[:, [names.index(n) for n in question.model.output_names]]


def _r2(
    truth: NDArray[np.float64],
    said: NDArray[np.float64],
    weights: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return weighted R2 along the second axis; NaN where the truth does not vary."""
    weights = weights / weights.sum()
    center = (weights * truth).sum(axis=1, keepdims=True)
    spread = (weights * (truth - center) ** 2).sum(axis=1)
    missed = (weights * (truth - said) ** 2).sum(axis=1)
    known = varies(truth, 1, scale) & (spread > 0.0)
    return np.where(known, 1.0 - missed / np.where(known, spread, 1.0), np.nan)
