"""Weighted least squares from second moments: every surrogate without going back to the rows.

`gram` is the weighted, centred second moment of the columns, ``Z' W Z`` with ``Z`` less its
weighted mean, and `cross` that of the columns with the responses.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import lars_path_gram

from surrogates._kernels.least_squares import factorize, solve, sweep_forward

__all__ = [
    "RIDGE",
    "choose_by_weight",
    "choose_forward",
    "choose_on_path",
    "lasso_by_bic",
    "ridge_solutions",
]

RIDGE = 1e-12
"""Relative to the variance of each column: enough to share an effect between equal columns."""


def ridge_solutions(
    gram: NDArray[np.float64],
    cross: NDArray[np.float64],
    chosen: NDArray[np.bool_] | None = None,
    ridge: float = RIDGE,
) -> NDArray[np.float64]:
    """Solve for several right-hand sides with a ridge that is relative to each column's variance.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
    cross : ndarray of shape (n_sides, n)
    chosen : ndarray of bool of shape (n,), default=None
        Columns to use; None is all of them.
    ridge : float, default=1e-12

    Returns
    -------
    coefficients : ndarray of shape (n_sides, n)
        Zero for columns that are not chosen, or do not vary.

    Examples
    --------
    >>> ridge_solutions(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0]])).round(9)
    array([[0.5, 0. ]])
    """
    n = len(gram)
    used = np.ones(n, dtype=bool) if chosen is None else chosen
    scale, factor = np.empty(n), np.empty((n, n))
    factorize(gram, used, ridge, scale, factor)
    out = np.empty_like(cross)
    for side, right in enumerate(cross):
        solve(factor, scale, right, out[side])
    return out


def choose_forward(
    gram: NDArray[np.float64], cross: NDArray[np.float64], n_chosen: int
) -> NDArray[np.int64]:
    """Return columns in the order of forward selection: each lowers the squared error most.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
    cross : ndarray of shape (n,)
    n_chosen : int
        Fewer are returned where no column that varies is left.

    Examples
    --------
    >>> choose_forward(np.eye(3), np.array([1.0, -3.0, 2.0]), 2)
    array([1, 2])
    """
    order = np.empty(min(n_chosen, len(cross)), dtype=np.int64)
    found = sweep_forward(gram.copy(), cross.copy(), len(order), order)
    return order[:found]


def choose_by_weight(
    gram: NDArray[np.float64], cross: NDArray[np.float64], n_chosen: int
) -> NDArray[np.int64]:
    """Return the columns with the largest coefficients of the full model.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
    cross : ndarray of shape (n,)
    n_chosen : int
    """
    size = np.abs(ridge_solutions(gram, cross[None])[0])
    return np.argsort(-size, kind="stable")[:n_chosen]


def _path(
    gram: NDArray[np.float64], cross: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the columns that vary, and the knots of the lasso path in them, (n_vary, n_knots)."""
    vary = np.flatnonzero(np.diag(gram) > 0.0)
    if not len(vary) or not cross[vary].any():
        return vary, np.zeros((len(vary), 1))
    # the number of samples scales the penalties only, which are not looked at
    path = lars_path_gram(cross[vary], gram[np.ix_(vary, vary)], n_samples=1, method="lasso")
    return vary, path[2]


def choose_on_path(
    gram: NDArray[np.float64], cross: NDArray[np.float64], n_chosen: int
) -> NDArray[np.int64]:
    """Return the columns at the last knot of the lasso path with at most `n_chosen` of them.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
    cross : ndarray of shape (n,)
    n_chosen : int
    """
    vary, knots = _path(gram, cross)
    sizes = (knots != 0.0).sum(axis=0)
    last = np.flatnonzero(sizes <= n_chosen)[-1]
    return vary[knots[:, last] != 0.0]


def lasso_by_bic(
    gram: NDArray[np.float64],
    cross: NDArray[np.float64],
    total: float,
    n_samples: float,
    n_chosen: int | None = None,
) -> NDArray[np.float64]:
    """Return the coefficients at the knot of the lasso path with the lowest BIC.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
    cross : ndarray of shape (n,)
    total : float
        Centred second moment of the responses.
    n_samples : float
        Effective sample size: BIC is ``n log(squared error) + k log(n)`` with k coefficients (Zou,
        Hastie and Tibshirani, 2007).
    n_chosen : int, default=None
        The most coefficients; None is no limit.
    """
    vary, knots = _path(gram, cross)
    sizes = (knots != 0.0).sum(axis=0)
    inner = gram[np.ix_(vary, vary)]
    errors = total - 2.0 * cross[vary] @ knots + np.einsum("ik,ij,jk->k", knots, inner, knots)
    errors = np.maximum(errors, 1e-12 * max(total, np.finfo(float).tiny))
    bic = n_samples * np.log(errors) + sizes * np.log(n_samples)
    if n_chosen is not None:
        bic[sizes > n_chosen] = np.inf
    coefficients = np.zeros(len(cross))
    coefficients[vary] = knots[:, int(np.argmin(bic))]
    return coefficients
