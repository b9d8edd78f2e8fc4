"""A mixture of linear regressions, each under a fused lasso."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from surrogates._kernels.mixture import expectation
from surrogates._params import Constraint, Interval, Options, check_params
from surrogates.attribution.ecm import LONG_RUN, Mixture, MixtureProblem, finish, fit_mixture
from surrogates.attribution.fused_lasso import fused_groups

__all__ = ["FusedLassoMixture"]

Floats = NDArray[np.float64]

_MAX_COMPONENTS = 6
_PATIENCE = 2


class FusedLassoMixture(RegressorMixin, BaseEstimator):
    """Mixture of linear regressions whose coefficients are sparse and equal among neighbours.

    The responses follow ``p(y | x) = sum_k weight_k Normal(y; a_k + x b_k, variance_k)``. For
    ``n`` rows and responses of standard deviation ``s``, expectation conditional maximisation
    climbs the penalised log-likelihood

    ``sum_i log p(y_i | x_i) - n / s * sum_k (l1 sum_j |b_kj| + fusion sum_j |b_kj - b_k,j-1|)``

    which never decreases: weights, then intercepts and coefficients (solved exactly from
    responsibility-weighted Gram matrices), then variances. This is the regression that LEMNA
    fits to a neighbourhood.

    Parameters
    ----------
    n_components : int or "bic", default="bic"
        Components to start from; degenerate ones are removed, and two are merged when that does
        not lower the objective. "bic" tries 1, 2, ... up to 6 and keeps the smallest Bayesian
        information criterion of the completed data, see `bic_`.
    l1 : float, default=0.01
        Penalty on the size of the coefficients, in units of a column.
    fusion : float, default=0.01
        Penalty on differences between the coefficients of neighbouring columns, likewise.
    n_init : int, default=10
        Random starts, of which the best after a few iterations is carried on.
    tol : float, default=1e-8
        Iterations end when the penalised log-likelihood gains less than this, relatively.
    random_state : int, RandomState instance or None, default=None
        Source of the random starts.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights, the largest first.
    coefs_ : ndarray of shape (n_components, n_features)
        Coefficients. A column that is constant within a component has the coefficient that the
        penalty alone prefers there: what it adds is in the intercept.
    intercepts_ : ndarray of shape (n_components,)
        Intercepts.
    variances_ : ndarray of shape (n_components,)
        Residual variances, at least 1e-4 times the variance of the responses.
    groups_ : ndarray of shape (n_components, n_features)
        Number, from 0, of the group of fused columns that each column belongs to.
    n_components_ : int
        Components left.
    log_likelihood_path_ : ndarray of shape (n_iterations,)
        Penalised log-likelihood after each iteration since the last removal; it never decreases.
    removed_weights_ : ndarray of shape (n_removed,)
        Weights of the components that were removed as degenerate, in order: those left with fewer
        than 5 rows or than 3 rows for each of their numbers (1 before convergence).
    n_merged_ : int
        How often two components were merged.
    bic_ : float
        Bayesian information criterion of the completed data, smaller is better: minus twice the
        log-likelihood, plus ``log(n)`` for each number (weights, intercepts, variances and
        non-zero fused groups), plus twice the entropy of the responsibilities.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has names that are all strings.

    See Also
    --------
    FusedLassoRegressor : A single regression of this kind.

    Notes
    -----
    With one component of variance ``v`` the coefficients are those of `FusedLassoRegressor` with
    penalties ``l1 * v / s`` and ``fusion * v / s``. Multiplying the responses by a number
    multiplies coefficients and intercepts by it and changes nothing else.

    References
    ----------
    W. Guo et al., "LEMNA: Explaining deep learning based security applications", CCS 2018.
    X.-L. Meng and D. Rubin, "Maximum likelihood estimation via the ECM algorithm", Biometrika 80
    (1993). R. Tibshirani and J. Taylor, "The solution path of the generalized lasso", AOS 39
    (2011), for the count of numbers. C. Biernacki, G. Celeux and G. Govaert, "Assessing a mixture
    model for clustering with the integrated completed likelihood", IEEE TPAMI 22 (2000).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, regime = rng.normal(size=(300, 5)), rng.random(300) < 0.4
    >>> y = np.where(regime, X @ [2, 2, 0, 0, 0], X @ [0, 0, 0, 1, 1]) + 0.01 * rng.normal(size=300)
    >>> mixture = FusedLassoMixture(random_state=0).fit(X, y)
    >>> mixture.coefs_.round(2) + 0
    array([[0., 0., 0., 1., 1.],
           [2., 2., 0., 0., 0.]])
    >>> (mixture.responsibilities(X, y).argmax(axis=1) == regime).mean() > 0.98
    np.True_
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "n_components": [Interval("int", 1, None), Options("bic")],
        "l1": [Interval("float", 0, None)],
        "fusion": [Interval("float", 0, None)],
        "n_init": [Interval("int", 1, None)],
        "tol": [Interval("float", 0, None)],
    }

    def __init__(
        self,
        n_components: int | str = "bic",
        *,
        l1: float = 0.01,
        fusion: float = 0.01,
        n_init: int = 10,
        tol: float = 1e-8,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.l1 = l1
        self.fusion = fusion
        self.n_init = n_init
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Columns in the order of the chain.
        y : array-like of shape (n_samples,)
            Responses.

        Returns
        -------
        FusedLassoMixture
            The estimator itself.

        Raises
        ------
        ValueError
            A parameter is out of range, or X and y do not fit together.
        """
        check_params(type(self).__name__, self.get_params(deep=False), self._constraints)
        rows, responses = validate_data(
            self, X, y, dtype=np.float64, order="C", y_numeric=True, ensure_min_samples=2
        )
        problem = MixtureProblem.of(rows, responses, self.l1, self.fusion)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        mixture = self._search(problem, np.random.default_rng(seed))
        if not mixture.gained_at_most(self.tol):
            warnings.warn(
                f"The mixture still gained after {LONG_RUN} iterations. Raise tol, or ask for "
                "fewer components.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self._keep(problem, mixture)

    def _search(self, problem: MixtureProblem, rng: np.random.Generator) -> Mixture:
        if self.n_components != "bic":
            found = fit_mixture(problem, int(self.n_components), self.n_init, rng)
            return finish(problem, found, self.tol)
        best = fit_mixture(problem, 1, 1, rng)
        worse = 0
        for n_components in range(2, _MAX_COMPONENTS + 1):
            found = fit_mixture(problem, n_components, self.n_init, rng)
            if problem.criterion(found) < problem.criterion(best):
                best, worse = found, 0
            else:
                worse += 1
            if worse == _PATIENCE:
                break
        return finish(problem, best, self.tol)

    def _keep(self, problem: MixtureProblem, mixture: Mixture) -> Self:
        order = np.argsort(-mixture.weights, kind="stable")
        self.weights_ = mixture.weights[order]
        self.intercepts_ = mixture.intercepts[order]
        self.coefs_ = mixture.coefs[order]
        self.variances_ = mixture.variances[order]
        self.groups_ = np.array([fused_groups(coef) for coef in self.coefs_])
        self.n_components_ = self.weights_.size
        self.log_likelihood_path_ = mixture.path
        self.removed_weights_ = mixture.removed
        self.n_merged_ = mixture.n_merged
        self.bic_ = problem.criterion(mixture)
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict the mean of the mixture, which weighs components alike for all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Expected responses.
        """
        check_is_fitted(self)
        rows: Floats = validate_data(self, X, dtype=np.float64, reset=False)
        return rows @ (self.weights_ @ self.coefs_) + float(self.weights_ @ self.intercepts_)

    def responsibilities(self, X: ArrayLike, y: ArrayLike) -> Floats:
        """Return the probability of each component given a row and its response.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their responses.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Probabilities; every row sums to 1.
        """
        check_is_fitted(self)
        rows, responses = validate_data(
            self, X, y, dtype=np.float64, order="C", y_numeric=True, reset=False
        )
        resp = np.empty((self.n_components_, rows.shape[0]))
        expectation(
            rows,
            np.ascontiguousarray(responses, dtype=np.float64),
            self.weights_,
            self.intercepts_,
            self.coefs_,
            self.variances_,
            resp,
        )
        return np.ascontiguousarray(resp.T)
