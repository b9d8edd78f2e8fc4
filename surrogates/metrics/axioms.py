"""What attributions promise: to add up, and to be zero where the model does not look."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Interval, check_params
from surrogates.metrics.question import ask
from surrogates.metrics.values import over_outputs

__all__ = ["completeness_gap", "non_sensitivity"]

_POSITIVE = [Interval("float", 0, None, "neither")]


def completeness_gap(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    eps: float = 1e-9,
    n_samples: int | None = None,  # noqa: ARG001
    random_state: Any = None,  # noqa: ARG001
) -> NDArray[np.float64]:
    """Return by what share attributions miss the difference that they should add up to.

    ``|sum of the attributions - (v(all) - v(none))| / max(|v(all) - v(none)|, eps)`` (completeness:
    Sundararajan, Taly and Yan, ICML 2017). It cannot tell which player has which attribution: a
    permuted explanation has the same gap. Never use it alone.

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`.
    eps : float, default=1e-9
        In units of the response.
    n_samples, random_state : various
        Nothing is drawn: accepted so that all metrics are called alike.

    Returns
    -------
    gap : ndarray of shape (n_rows,)
        The smaller, the better.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import completeness_gap
    >>> rows = np.ones((1, 2))
    >>> completeness_gap(lambda X: X @ [3.0, 1.0], rows, [[3.0, 0.0]], background=0 * rows)
    array([0.25])
    """
    check_params("completeness_gap", {"eps": eps}, {"eps": _POSITIVE})
    question = ask(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
    )
    promised = question.everyone - question.nobody
    missed = np.abs(question.values.sum(axis=1) - promised)
    return over_outputs(missed / np.maximum(np.abs(promised), eps))


def non_sensitivity(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    tol: float = 1e-6,
    n_samples: int | None = None,  # noqa: ARG001
    random_state: Any = None,  # noqa: ARG001
) -> NDArray[np.float64]:
    """Count the players of whom explanation and model disagree on whether they matter.

    A player matters to the model if, taken from some background row, it changes the response; it
    matters in the explanation if its attribution is not zero (Nguyen and Martinez, 2020,
    arXiv:2007.07584).

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`; background rows of weight 0 are left out.
    tol : float, default=1e-6
        Attributions count as zero below this share of the row's largest, and changes below this
        share of the largest response.
    n_samples, random_state : various
        Nothing is drawn: accepted so that all metrics are called alike.

    Returns
    -------
    count : ndarray of shape (n_rows,)
        The smaller, the better. The mean over outputs.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import non_sensitivity
    >>> rows = np.ones((1, 3))
    >>> model, background = (lambda X: X @ [3.0, 1.0, 0.0]), np.zeros((1, 3))
    >>> non_sensitivity(model, rows, [[3.0, 1.0, 0.0]], background=background)
    array([0.])
    >>> non_sensitivity(model, rows, [[4.0, 0.0, 1.0]], background=background)
    array([2.])
    """
    check_params("non_sensitivity", {"tol": tol}, {"tol": _POSITIVE})
    question = ask(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
    )
    n_players, used = len(question.players), np.flatnonzero(question.weights)
    without = np.repeat(1 - np.eye(n_players, dtype=np.uint8), len(used), axis=0)
    dealt = np.tile(used, n_players)
    matters_to_model = np.concatenate(
        [
            _moves(
                question.one_by_one(rows, without, dealt), question.everyone[rows], n_players, tol
            )
            for rows in question.blocks(len(dealt))
        ]
    )
    sizes = np.abs(question.values)
    matters = (sizes > tol * sizes.max(axis=1, keepdims=True)) & (sizes > 0)
    return over_outputs((matters != matters_to_model).sum(axis=1).astype(np.float64))


def _moves(
    answers: NDArray[np.float64], here: NDArray[np.float64], n_players: int, tol: float
) -> NDArray[np.bool_]:
    """Tell which players change the response, (n_rows, n_players, n_outputs)."""
    n_rows, _, n_outputs = answers.shape
    changes = np.abs(answers - here[:, None]).reshape(n_rows, n_players, -1, n_outputs)
    scale = np.maximum(np.abs(answers).max(axis=1), np.abs(here))
    return changes.max(axis=2) > tol * scale[:, None]
