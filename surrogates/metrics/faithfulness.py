"""Faithfulness: whether attributions say how much the response falls when players are removed.

With the worth v(S) of a set S of players, which is the mean response when the players of S keep
the row's values and the others take those of the background, removing S costs
``delta(S) = v(all) - v(all but S)``. All functions compare it with the sum of the attributions.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Interval, check_params
from surrogates.metrics.correlations import pearson
from surrogates.metrics.question import Question, ask, draw_seed
from surrogates.metrics.subsets import subsets_of_any_size, subsets_of_size
from surrogates.metrics.values import over_outputs

__all__ = ["faithfulness_correlation", "infidelity", "sensitivity_n"]

_MOST_SIZES = 20
_COUNT = Interval("int", 1, None)


def faithfulness_correlation(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    subset_size: int | None = None,
    n_samples: int = 100,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Correlate sums of attributions with what removing these players costs.

    The correlation, over random sets S of one size, of ``sum of the attributions of S`` and
    ``v(all) - v(all but S)`` (Bhatt, Weller and Moura, IJCAI 2020). One of the recommended
    metrics: it tells a small error of the attributions.

    Parameters
    ----------
    estimator : object
        The model explained: a fitted estimator, or a callable ``f(X) -> (n,) or (n, n_outputs)``.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        The explained rows.
    attributions : Attribution, array of shape (n_rows, n_players[, n_outputs]) or explainer
        Or any object with such ``values``. A fitted explainer is asked to explain `X`. An
        `Attribution` brings its groups of columns, its outputs, its link and its method of the
        model.
    background : {array-like, DataFrame} of shape (n_background, n_columns), default=None
        Rows whose values the absent players take; every one of them is used. Pass those that the
        explainer compared with. None is the reference rows of a fitted explainer, else `X`.
    sample_weight : array-like of shape (n_background,), default=None
        Weights of the background rows.
    target : label or list of labels, default=None
        The outputs that were explained. None is those of an `Attribution`, else the positive class
        of a binary classifier and every output otherwise. The result is the mean over outputs.
    response_method : str or callable, default="auto"
        Method of the model that was explained.
    subset_size : int, default=None
        How many players are removed; None is a third of them, rounded up.
    n_samples : int, default=100
        How many sets, the same for all rows; all of them where there are no more. The model is
        asked for ``n_samples * n_background`` rows per explained row.
    random_state : int, RandomState instance or None, default=None
        Seed of the sets.

    Returns
    -------
    correlation : ndarray of shape (n_rows,)
        Between -1 and 1; the larger, the better. NaN where the sums or the responses do not vary,
        and for a single player.

    Raises
    ------
    ValueError
        A parameter out of range; attributions of other columns, outputs or rows.
    ModelOutputError
        The model raised, or returned something other than finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import faithfulness_correlation
    >>> weights, rows = np.array([3.0, 1.0, -2.0]), np.ones((1, 3))
    >>> faithfulness_correlation(
    ...     lambda X: X @ weights, rows, rows * weights, background=np.zeros((1, 3))
    ... ).round(9)
    array([1.])
    """
    given = {"subset_size": subset_size, "n_samples": n_samples}
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
    size = ceil(n_players / 3) if subset_size is None else subset_size
    given["subset_size"] = size
    rules = {"subset_size": [Interval("int", 1, n_players, "both")], "n_samples": [_COUNT]}
    check_params("faithfulness_correlation", given, rules)
    removed = subsets_of_size(n_players, size, n_samples, draw_seed(random_state))
    return over_outputs(_correlation(question, removed))


def sensitivity_n(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    sizes: Sequence[int] | None = None,
    n_samples: int = 25,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Correlate sums of attributions with costs of removal, for each size of the sets removed.

    The mean over the sizes n of the correlation over random sets of n players (Ancona, Ceolini,
    Oztireli and Gross, ICLR 2018): attributions that satisfy sensitivity-n have the correlation 1.

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`.
    sizes : sequence of int, default=None
        Numbers of players removed; None is 1 to 80 % of them, rounded up: 20 such numbers, evenly
        spaced, where there are more.
    n_samples : int, default=25
        How many sets of each size, the same for all rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the sets.

    Returns
    -------
    correlation : ndarray of shape (n_rows,)
        Between -1 and 1; the larger, the better. Sizes whose sums or responses do not vary are
        left out; NaN where this leaves none.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import sensitivity_n
    >>> weights, rows = np.array([3.0, 1.0, -2.0]), np.ones((1, 3))
    >>> sensitivity_n(lambda X: X @ weights, rows, rows * weights, background=0 * rows).round(9)
    array([1.])
    """
    check_params("sensitivity_n", {"n_samples": n_samples}, {"n_samples": [_COUNT]})
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
    chosen = _sizes(sizes, n_players)
    seed = draw_seed(random_state)
    drawn = [subsets_of_size(n_players, size, n_samples, seed, size) for size in chosen]
    costs = _costs(question, np.concatenate(drawn))
    ends = np.cumsum([len(some) for some in drawn])
    of_size = [
        over_outputs(_matched(question, some, costs[:, end - len(some) : end]))
        for some, end in zip(drawn, ends, strict=True)
    ]
    return over_outputs(np.stack(of_size, axis=-1))


def infidelity(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    scaled: bool = False,
    return_scale: bool = False,
    n_samples: int = 100,
    random_state: Any = None,
) -> Any:
    """Measure by how much sums of attributions miss what removing these players costs.

    The mean over random sets S of ``(beta * sum of the attributions of S - (v(all) - v(all but
    S)))^2``: the infidelity of Yeh, Hsieh, Suggala, Inouye and Ravikumar (NeurIPS 2019) for
    perturbations that replace players by the background, of which a player's attribution is the
    slope times the change. It is in squared units of the response: compare within a row only.

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`.
    scaled : bool, default=False
        Whether beta is the best factor of the row instead of 1: this judges directions only.
    return_scale : bool, default=False
        Whether to return the best factors too.
    n_samples : int, default=100
        How many sets, the same for all rows, each as likely as any other; all of them where there
        are no more.
    random_state : int, RandomState instance or None, default=None
        Seed of the sets.

    Returns
    -------
    infidelity : ndarray of shape (n_rows,)
        The smaller, the better. NaN for a single player.
    scale : ndarray of shape (n_rows,)
        Only with `return_scale`: the best factor; NaN where all attributions are zero.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import infidelity
    >>> weights, rows = np.array([3.0, 1.0, -2.0]), np.ones((1, 3))
    >>> half = rows * weights / 2
    >>> score, scale = infidelity(
    ...     lambda X: X @ weights, rows, half, background=0 * rows, return_scale=True
    ... )
    >>> score.round(9), scale.round(9)
    (array([1.33333333]), array([2.]))
    """
    check_params("infidelity", {"n_samples": n_samples}, {"n_samples": [_COUNT]})
    question = ask(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
    )
    removed = subsets_of_any_size(len(question.players), n_samples, draw_seed(random_state))
    if not len(removed):
        nothing = np.full(len(question.values), np.nan)
        return (nothing, nothing.copy()) if return_scale else nothing
    sums, costs = _sums(question, removed), _costs(question, removed)
    squares = (sums * sums).sum(axis=1)
    scale = np.where(
        squares > 0, (sums * costs).sum(axis=1) / np.where(squares > 0, squares, 1.0), np.nan
    )
    factor = np.nan_to_num(scale, nan=1.0) if scaled else np.ones_like(scale)
    missed = over_outputs(((factor[:, None] * sums - costs) ** 2).mean(axis=1))
    return (missed, over_outputs(scale)) if return_scale else missed


def _sums(question: Question, removed: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.einsum("mp,rpo->rmo", removed.astype(np.float64), question.values)


def _costs(question: Question, removed: NDArray[np.uint8]) -> NDArray[np.float64]:
    return question.everyone[:, None] - question.worth(1 - removed)


def _matched(
    question: Question, removed: NDArray[np.uint8], costs: NDArray[np.float64]
) -> NDArray[np.float64]:
    scale = np.abs(question.everyone)
    return pearson(_sums(question, removed), costs, axis=1, scale=scale)


def _correlation(question: Question, removed: NDArray[np.uint8]) -> NDArray[np.float64]:
    return _matched(question, removed, _costs(question, removed))


def _sizes(sizes: Sequence[int] | None, n_players: int) -> list[int]:
    if sizes is None:
        most = max(1, min(ceil(0.8 * n_players), n_players - 1))
        return sorted(set(np.linspace(1, most, min(most, _MOST_SIZES)).round().astype(int)))
    allowed = Interval("int", 1, n_players, "both")
    chosen = list(sizes)
    if not chosen or not all(allowed.accepts(size) for size in chosen):
        raise ValueError(f"sizes must hold ints in the range [1, {n_players}]. Got {sizes!r}.")
    return sorted({int(size) for size in chosen})
