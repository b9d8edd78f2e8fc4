"""Erasure: what the players with the largest attributions are worth, taken away and alone."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Interval
from surrogates.metrics.flipping import left_without
from surrogates.metrics.question import ask
from surrogates.metrics.values import over_outputs

__all__ = ["comprehensiveness", "sufficiency"]

_SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
_FEW = 20


def comprehensiveness(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    sizes: Sequence[int] | None = None,
    n_samples: int | None = None,  # noqa: ARG001
    random_state: Any = None,  # noqa: ARG001
) -> NDArray[np.float64]:
    """Return by how much the response falls without the players that raise it most.

    The mean over k of ``v(all) - v(all but the first k)``, players ordered by signed attributions
    (DeYoung et al., ACL 2020, section 4).

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`.
    sizes : sequence of int, default=None
        The numbers k. None is 1, 5, 10, 20 and 50 % of the players, rounded up; with fewer than
        20 players, 1 to 5.
    n_samples, random_state : various
        Nothing is drawn: accepted so that all metrics are called alike.

    Returns
    -------
    fall : ndarray of shape (n_rows,)
        In units of the response; the larger, the better.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import comprehensiveness
    >>> weights, rows = np.array([3.0, 1.0]), np.ones((1, 2))
    >>> comprehensiveness(
    ...     lambda X: X @ weights, rows, rows * weights, background=0 * rows, sizes=[1]
    ... )
    array([3.])
    """
    question = ask(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
    )
    points = _points(sizes, len(question.players))
    left = left_without(question, points)
    return over_outputs(question.everyone - left.mean(axis=1))


def sufficiency(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    sizes: Sequence[int] | None = None,
    n_samples: int | None = None,  # noqa: ARG001
    random_state: Any = None,  # noqa: ARG001
) -> NDArray[np.float64]:
    """Return how far the response is from what the players that raise it most give alone.

    The mean over k of ``v(all) - v(the first k)``, players ordered by signed attributions (DeYoung
    et al., ACL 2020, section 4).

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`.
    sizes : sequence of int, default=None
        As for `comprehensiveness`.
    n_samples, random_state : various
        Nothing is drawn: accepted so that all metrics are called alike.

    Returns
    -------
    gap : ndarray of shape (n_rows,)
        In units of the response; the smaller, the better.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import sufficiency
    >>> weights, rows = np.array([3.0, 1.0]), np.ones((1, 2))
    >>> sufficiency(lambda X: X @ weights, rows, rows * weights, background=0 * rows, sizes=[1])
    array([1.])
    """
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
    points = _points(sizes, n_players)
    left = left_without(question, n_players - points, least_relevant=True)
    return over_outputs(question.everyone - left.mean(axis=1))


def _points(sizes: Sequence[int] | None, n_players: int) -> NDArray[np.int64]:
    if sizes is None and n_players < _FEW:
        return np.arange(1, min(5, n_players) + 1)
    if sizes is None:
        return np.unique([ceil(share * n_players) for share in _SHARES])
    allowed = Interval("int", 1, n_players, "both")
    if not len(sizes) or not all(allowed.accepts(size) for size in sizes):
        raise ValueError(f"sizes must hold ints in the range [1, {n_players}]. Got {sizes!r}.")
    return np.unique(np.asarray(sizes, dtype=np.int64))
