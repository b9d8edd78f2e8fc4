"""Stability: by how much an explanation changes when its row hardly does.

Neighbours are drawn and explained where there is an explainer; otherwise they are the nearest of
the other explained rows. Only those with the same decision count. Steps are measured in standard
deviations of the background, a changed level or a value gone missing being one step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Options, check_params
from surrogates.metrics.pairs import find_pairs

__all__ = [
    "average_sensitivity",
    "local_lipschitz",
    "max_sensitivity",
    "relative_input_stability",
    "relative_output_stability",
]

_RELATIVE = {"relative": [Options("norm", "elementwise")]}


def max_sensitivity(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    explainer: Any = None,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    radius: float = 0.2,
    n_samples: int = 10,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Return the largest relative change of the attributions among neighbours of a row.

    ``max ||attributions(y) - attributions(x)|| / ||attributions(x)||`` over neighbours y (Yeh et
    al., NeurIPS 2019, definition 3).

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    explainer : explainer or callable, default=None
        A fitted explainer, or ``f(X) -> attributions``: neighbours are drawn and explained. None
        is `attributions` where that is an explainer; else the neighbours are the nearest of the
        other rows of `X`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`; the background gives the standard deviations.
    radius : float, default=0.2
        Numbers of drawn neighbours move by at most so many standard deviations.
    n_samples : int, default=10
        How many neighbours of each row, drawn or nearest.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    sensitivity : ndarray of shape (n_rows,)
        The smaller, the more stable. NaN where all attributions are zero, or no neighbour differs
        from the row and has its decision.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import max_sensitivity
    >>> X = np.array([[0.0, 1.0], [1.0, 1.0], [5.0, 1.0]])
    >>> weights = np.array([1.0, 1.0])
    >>> max_sensitivity(lambda X: X @ weights, X, X * weights, n_samples=1).round(3)
    array([1.   , 0.707, 0.784])
    """
    asked = {
        "background": background,
        "sample_weight": sample_weight,
        "target": target,
        "response_method": response_method,
    }
    settings = {"radius": radius, "n_samples": n_samples}
    pairs = find_pairs(estimator, X, attributions, explainer, asked, settings, random_state)
    return pairs.largest(pairs.share_changed)


def average_sensitivity(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    explainer: Any = None,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    radius: float = 0.2,
    n_samples: int = 10,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Return the mean relative change of the attributions among neighbours of a row.

    Parameters
    ----------
    estimator, X, attributions, explainer : various
        As for `max_sensitivity`.
    background, sample_weight, target, response_method, radius, n_samples, random_state : various
        As for `max_sensitivity`.

    Returns
    -------
    sensitivity : ndarray of shape (n_rows,)
        As for `max_sensitivity`, with the mean in the place of the maximum.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import average_sensitivity
    >>> X = np.array([[0.0, 1.0], [1.0, 1.0], [5.0, 1.0]])
    >>> weights = np.array([1.0, 1.0])
    >>> average_sensitivity(lambda X: X @ weights, X, X * weights, n_samples=1).round(3)
    array([1.   , 0.707, 0.784])
    """
    asked = {
        "background": background,
        "sample_weight": sample_weight,
        "target": target,
        "response_method": response_method,
    }
    settings = {"radius": radius, "n_samples": n_samples}
    pairs = find_pairs(estimator, X, attributions, explainer, asked, settings, random_state)
    return pairs.mean(pairs.share_changed)


def local_lipschitz(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    explainer: Any = None,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    radius: float = 0.2,
    n_samples: int = 10,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Return the largest change of the attributions per step among neighbours of a row.

    ``max ||attributions(x) - attributions(y)|| / ||x - y||`` (Alvarez-Melis and Jaakkola, 2018,
    arXiv:1806.08049). Without an explainer, this is their variant for discrete data: y are real
    rows.

    Parameters
    ----------
    estimator, X, attributions, explainer : various
        As for `max_sensitivity`.
    background, sample_weight, target, response_method, radius, n_samples, random_state : various
        As for `max_sensitivity`.

    Returns
    -------
    constant : ndarray of shape (n_rows,)
        In units of the response per standard deviation; the smaller, the more stable. NaN where
        no neighbour differs from the row and has its decision.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import local_lipschitz
    >>> X = np.array([[-1.0, 1.0], [1.0, 1.0]])
    >>> weights = np.array([3.0, 1.0])
    >>> local_lipschitz(lambda X: X @ weights, X, X * weights)
    array([3., 3.])
    """
    asked = {
        "background": background,
        "sample_weight": sample_weight,
        "target": target,
        "response_method": response_method,
    }
    settings = {"radius": radius, "n_samples": n_samples}
    pairs = find_pairs(estimator, X, attributions, explainer, asked, settings, random_state)
    return pairs.largest(pairs.change / np.linalg.norm(pairs.steps, axis=1)[:, None])


def relative_input_stability(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    explainer: Any = None,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    relative: str = "norm",
    radius: float = 0.2,
    eps: float = 1e-6,
    n_samples: int = 10,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Return the largest relative change of the attributions over that of the row.

    Agarwal et al. (2022, arXiv:2203.06877). The paper divides element by element, which explodes
    where an attribution or a column is near zero; the default divides norms by norms.

    Parameters
    ----------
    estimator, X, attributions, explainer : various
        As for `max_sensitivity`.
    background, sample_weight, target, response_method : various
        As for `max_sensitivity`.
    relative : {"norm", "elementwise"}, default="norm"
        Relative change of a vector e: ``||e - e'|| / ||e||``, or ``||(e - e') / e||`` with
        elements of e below `eps` replaced by it.
    radius : float, default=0.2
        As for `max_sensitivity`.
    eps : float, default=1e-6
        The smallest denominator.
    n_samples, random_state : various
        As for `max_sensitivity`.

    Returns
    -------
    ratio : ndarray of shape (n_rows,)
        The smaller, the more stable. NaN as for `max_sensitivity`.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import relative_input_stability
    >>> X = np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]])
    >>> weights = np.array([3.0, 1.0])
    >>> relative_input_stability(lambda X: X @ weights, X, X * weights, n_samples=1)
    array([1., 1., 1.])
    """
    check_params("relative_input_stability", {"relative": relative}, _RELATIVE)
    asked = {
        "background": background,
        "sample_weight": sample_weight,
        "target": target,
        "response_method": response_method,
    }
    settings = {"radius": radius, "n_samples": n_samples, "eps": eps}
    pairs = find_pairs(estimator, X, attributions, explainer, asked, settings, random_state)
    moved = pairs.relative_move(eps, elementwise=relative == "elementwise")
    return pairs.largest(pairs.relative_change(eps, elementwise=relative == "elementwise") / moved)


def relative_output_stability(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    explainer: Any = None,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    relative: str = "norm",
    radius: float = 0.2,
    eps: float = 1e-6,
    n_samples: int = 10,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Return the largest relative change of the attributions over the change of the response.

    The response changes by ``||h(x) - h(x')||``, absolutely, as in the paper (Agarwal et al.,
    2022, arXiv:2203.06877), or by `eps` where it changes less.

    Parameters
    ----------
    estimator, X, attributions, explainer : various
        As for `max_sensitivity`.
    background, sample_weight, target, response_method : various
        As for `max_sensitivity`.
    relative, radius, eps, n_samples, random_state : various
        As for `relative_input_stability`.

    Returns
    -------
    ratio : ndarray of shape (n_rows,)
        The smaller, the more stable. NaN as for `max_sensitivity`.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import relative_output_stability
    >>> X = np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]])
    >>> weights = np.array([3.0, 1.0])
    >>> relative_output_stability(lambda X: X @ weights, X, X * weights, n_samples=1).round(3)
    array([0.333, 0.167, 0.083])
    """
    check_params("relative_output_stability", {"relative": relative}, _RELATIVE)
    asked = {
        "background": background,
        "sample_weight": sample_weight,
        "target": target,
        "response_method": response_method,
    }
    settings = {"radius": radius, "n_samples": n_samples, "eps": eps}
    pairs = find_pairs(estimator, X, attributions, explainer, asked, settings, random_state)
    change = pairs.relative_change(eps, elementwise=relative == "elementwise")
    return pairs.largest(change / np.maximum(pairs.answers, eps)[:, None])
