"""Least squares under a fused lasso: sparse coefficients, equal among neighbours."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_X_y
from sklearn.utils.validation import check_is_fitted, validate_data

from surrogates._kernels.chain import dual_norm
from surrogates._kernels.fused_lasso import fused_lasso
from surrogates._params import BOOLEAN, Constraint, Interval, check_params

__all__ = [
    "FusedLassoPath",
    "FusedLassoRegressor",
    "fused_groups",
    "fused_lasso_path",
    "refuse_overflow",
]

Floats = NDArray[np.float64]

_NOT_NEGATIVE = [Interval("float", 0, None)]
_ROUNDED_VARIANCE = 1e-20  # relative to the squared mean: what centring leaves of a constant


class FusedLassoRegressor(RegressorMixin, BaseEstimator):
    """Linear regression whose coefficients are sparse and equal among neighbouring columns.

    Minimises over the intercept ``a`` and the coefficients ``b``, with the scaling of
    scikit-learn's ``Lasso`` and the columns as a chain in the order given::

        sum_i w_i (y_i - a - x_i b)^2 / (2 sum_i w_i)
            + l1 sum_j |b_j| + fusion sum_j |b_j - b_{j-1}|

    The solution is exact up to rounding, and a duality gap certifies it.

    Parameters
    ----------
    l1 : float, default=0.0
        Penalty on the size of the coefficients, in units of ``y`` times units of a column.
    fusion : float, default=1.0
        Penalty on differences between the coefficients of neighbouring columns, in the same units.
    fit_intercept : bool, default=True
        Whether to fit an intercept; it is not penalised.
    tol : float, default=1e-9
        Largest duality gap, relative to the objective.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients. Where several are optimal, a column without variance has the smallest ones.
    intercept_ : float
        Intercept, 0.0 if there is none.
    dual_gap_ : float
        Bound on the distance of the objective at the solution from its minimum, in the units of
        the objective.
    groups_ : ndarray of shape (n_features,)
        Number, from 0, of the group of fused columns that each column belongs to.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has names that are all strings.

    See Also
    --------
    fused_lasso_path : The solutions for a sequence of penalties.
    FusedLassoMixture : A mixture of such regressions.

    References
    ----------
    R. Tibshirani, M. Saunders, S. Rosset, J. Zhu and K. Knight, "Sparsity and smoothness via the
    fused lasso", JRSS B 67 (2005), equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 6))
    >>> y = X @ [0, 0, 2, 2, 2, 0] + 1
    >>> model = FusedLassoRegressor(l1=0.01, fusion=0.01).fit(X, y)
    >>> model.groups_
    array([0, 0, 1, 1, 1, 2])
    >>> model.coef_.round(2)
    array([0.  , 0.  , 1.98, 1.98, 1.98, 0.  ])
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "l1": _NOT_NEGATIVE,
        "fusion": _NOT_NEGATIVE,
        "fit_intercept": [BOOLEAN],
        "tol": _NOT_NEGATIVE,
    }

    def __init__(
        self,
        *,
        l1: float = 0.0,
        fusion: float = 1.0,
        fit_intercept: bool = True,
        tol: float = 1e-9,
    ) -> None:
        self.l1 = l1
        self.fusion = fusion
        self.fit_intercept = fit_intercept
        self.tol = tol

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Columns in the order of the chain.
        y : array-like of shape (n_samples,)
            Responses.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; equal if None. Only their ratios matter.

        Returns
        -------
        FusedLassoRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            A parameter is out of range, or X, y or the weights do not fit together.
        """
        check_params(type(self).__name__, self.get_params(deep=False), self._constraints)
        rows, responses = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        squares = _Squares.of(rows, responses, sample_weight, self.fit_intercept)
        self.coef_ = np.zeros(rows.shape[1])
        self.dual_gap_ = squares.solve(self.l1, self.fusion, self.coef_, self.tol)
        self.intercept_ = squares.intercept(self.coef_)
        self.groups_ = fused_groups(self.coef_)
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict responses.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predictions.
        """
        check_is_fitted(self)
        rows: Floats = validate_data(self, X, dtype=np.float64, reset=False)
        return rows @ self.coef_ + self.intercept_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # the default fusion is far too strong for the one informative column of that check
        tags.regressor_tags.poor_score = True
        return tags


class FusedLassoPath(NamedTuple):
    """Solutions of the fused lasso along a sequence of penalties, the largest first.

    Parameters
    ----------
    l1 : ndarray of shape (n_penalties,)
        Penalties on the size of the coefficients.
    fusion : ndarray of shape (n_penalties,)
        Penalties on differences between neighbours.
    coefs : ndarray of shape (n_penalties, n_features)
        Coefficients.
    intercepts : ndarray of shape (n_penalties,)
        Intercepts.
    dual_gaps : ndarray of shape (n_penalties,)
        Duality gaps, in the units of the objective.

    Examples
    --------
    >>> import numpy as np
    >>> path = fused_lasso_path(np.eye(4), [0, 0, 3, 3], scales=[0.25, 0], fit_intercept=False)
    >>> path.coefs.round(2)
    array([[0.5, 0.5, 2.5, 2.5],
           [0. , 0. , 3. , 3. ]])
    """

    l1: Floats
    fusion: Floats
    coefs: Floats
    intercepts: Floats
    dual_gaps: Floats


def fused_lasso_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    l1: float = 0.0,
    fusion: float = 1.0,
    scales: ArrayLike | None = None,
    n_scales: int = 50,
    smallest: float = 1e-3,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool = True,
    tol: float = 1e-9,
) -> FusedLassoPath:
    """Solve the fused lasso for proportional penalties, each from the solution before.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Columns in the order of the chain.
    y : array-like of shape (n_samples,)
        Responses.
    l1, fusion : float, default=0.0 and 1.0
        Penalties of `FusedLassoRegressor`, which are multiplied by each of `scales`.
    scales : array-like of shape (n_scales,), default=None
        Factors of the penalties. If None, a geometric sequence that starts at the smallest factor
        under which all coefficients are equal, and zero if ``l1 > 0``.
    n_scales : int, default=50
        Length of the sequence if `scales` is None.
    smallest : float, default=1e-3
        Last factor over the first one if `scales` is None.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; equal if None.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    tol : float, default=1e-9
        Largest duality gap, relative to the objective.

    Returns
    -------
    FusedLassoPath
        Penalties, coefficients, intercepts and duality gaps, the largest penalties first.

    Raises
    ------
    ValueError
        A parameter is out of range, or X, y or the weights do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 6))
    >>> path = fused_lasso_path(X, X @ [0, 0, 2, 2, 2, 0], l1=0.5, scales=[3, 1, 0])
    >>> path.l1
    array([1.5, 0.5, 0. ])
    >>> abs(path.coefs[-1] - [0, 0, 2, 2, 2, 0]).max() < 1e-12
    np.True_
    """
    _check_path_params(l1, fusion, n_scales, smallest, fit_intercept, tol)
    rows, responses = check_X_y(X, y, dtype=np.float64, y_numeric=True)
    squares = _Squares.of(rows, responses, sample_weight, fit_intercept)
    if scales is None:
        factors = squares.null_scale(l1, fusion) * np.geomspace(1.0, smallest, n_scales)
    else:
        factors = np.sort(_not_negative("scales", scales))[::-1]
    coefs, gaps = np.zeros((factors.size, rows.shape[1])), np.zeros(factors.size)
    for i, factor in enumerate(factors):
        coefs[i] = coefs[i - 1]
        gaps[i] = squares.solve(factor * l1, factor * fusion, coefs[i], tol)
    intercepts = np.array([squares.intercept(coef) for coef in coefs])
    return FusedLassoPath(factors * l1, factors * fusion, coefs, intercepts, gaps)


@dataclass(frozen=True)
class _Squares:
    """The squared error as a quadratic form in the coefficients, the intercept profiled out."""

    gram: Floats
    moments: Floats
    y_square: float
    x_mean: Floats
    y_mean: float

    @classmethod
    def of(cls, X: Floats, y: Any, sample_weight: ArrayLike | None, center: bool) -> Self:
        y = np.asarray(y, dtype=np.float64)
        refuse_overflow(X, y)
        weights = np.ones(y.size) if sample_weight is None else _check_weights(sample_weight, y)
        weights = weights / weights.sum()
        x_mean, y_mean = np.zeros(X.shape[1]), 0.0
        if center:
            x_mean, y_mean = weights @ X, float(weights @ y)
            X, y = X - x_mean, y - y_mean
        weighted = X.T * weights
        gram, moments = weighted @ X, weighted @ y
        constant = gram.diagonal() <= _ROUNDED_VARIANCE * x_mean**2
        gram[constant], gram[:, constant], moments[constant] = 0.0, 0.0, 0.0
        return cls(gram, moments, float(weights @ y**2), x_mean, y_mean)

    def solve(self, l1: float, fusion: float, coef: Floats, tol: float) -> float:
        """Minimise from the start `coef`, in place, and return the duality gap."""
        _, gap, converged = fused_lasso(
            self.gram, self.moments, self.y_square, float(l1), float(fusion), coef, float(tol)
        )
        if not converged:
            warnings.warn(
                f"The fused lasso stopped at a duality gap of {gap:.3g}: columns are nearly "
                "collinear. Raise l1, fusion or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return float(gap)

    def intercept(self, coef: Floats) -> float:
        return float(self.y_mean - self.x_mean @ coef)

    def null_scale(self, l1: float, fusion: float) -> float:
        """Return the smallest factor of the penalties under which all coefficients are equal."""
        together = self.gram.sum(axis=1)
        level = 0.0
        if l1 == 0.0 and together.sum() > 0.0:
            level = self.moments.sum() / together.sum()
        return float(dual_norm(self.moments - level * together, float(l1), float(fusion)))


def fused_groups(coef: Floats) -> NDArray[np.intp]:
    """Return the number, from 0, of each coefficient's run of equal neighbours."""
    groups: NDArray[np.intp] = np.cumsum(np.diff(coef, prepend=coef[0]) != 0.0)
    return groups


def refuse_overflow(X: Floats, y: Floats) -> None:
    """Raise ValueError where sums of squares would not be finite."""
    with np.errstate(over="ignore"):
        finite = np.isfinite([np.vdot(X, X), np.vdot(y, y)]).all()
    if not finite:
        raise ValueError("The squares of X or y overflow: divide X or y by a large number.")


def _check_weights(sample_weight: ArrayLike, y: Floats) -> Floats:
    weights = _not_negative("sample_weight", sample_weight)
    if weights.shape != y.shape:
        raise ValueError(
            f"sample_weight must have one number for each of the {y.size} rows of X. "
            f"Got an array of shape {weights.shape}."
        )
    if not weights.any():
        raise ValueError("sample_weight must not be zero everywhere.")
    return weights


def _not_negative(name: str, values: ArrayLike) -> Floats:
    numbers: Floats = check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
    if numbers.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional. Got an array of shape {numbers.shape}.")
    if (numbers < 0).any():
        raise ValueError(f"{name} must not be negative. Got {numbers.min():g}.")
    return numbers


def _check_path_params(
    l1: float, fusion: float, n_scales: int, smallest: float, fit_intercept: bool, tol: float
) -> None:
    given = {
        "l1": l1,
        "fusion": fusion,
        "n_scales": n_scales,
        "smallest": smallest,
        "fit_intercept": fit_intercept,
        "tol": tol,
    }
    constraints = {
        **FusedLassoRegressor._constraints,
        "n_scales": [Interval("int", 1, None)],
        "smallest": [Interval("float", 0, 1, "neither")],
    }
    check_params("fused_lasso_path", given, constraints)
