"""Expectation conditional maximisation of a mixture of fused-lasso regressions.

X.-L. Meng and D. Rubin, "Maximum likelihood estimation via the ECM algorithm", Biometrika 80
(1993). Every iteration updates responsibilities, then weights, then intercepts and coefficients,
then variances, each given all others, so the penalised log-likelihood never decreases.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Self

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.fused_lasso import fused_lasso
from surrogates._kernels.mixture import centered_moments, expectation
from surrogates.attribution.fused_lasso import refuse_overflow

__all__ = ["LONG_RUN", "Mixture", "MixtureProblem", "finish", "fit_mixture"]

Floats = NDArray[np.float64]

LONG_RUN = 2000
_SHORT_RUN = 5
_SEARCH_TOL = 1e-6
_SOLVER_TOL = 1e-9
_FLOOR = 1e-4  # smallest variance of a component, relative to that of the responses
_MIN_ROWS = 5.0
_ROWS_PER_NUMBER = 3.0  # fewer are fitted too closely for a likelihood to mean anything


@dataclass(frozen=True)
class Mixture:
    """Components of a mixture, and how they came about.

    Attributes
    ----------
    resp : ndarray of shape (n_components, n_rows)
        Responsibilities.
    weights, intercepts, variances : ndarray of shape (n_components,)
        Mixing weights, intercepts and residual variances.
    coefs : ndarray of shape (n_components, n_features)
        Coefficients.
    path : ndarray of shape (n_iterations,)
        Penalised log-likelihoods since the last removal.
    removed : ndarray of shape (n_removed,)
        Weights of the components removed as degenerate.
    n_merged : int
        How often two components were merged.
    """

    resp: Floats
    weights: Floats
    intercepts: Floats
    coefs: Floats
    variances: Floats
    path: Floats
    removed: Floats
    n_merged: int = 0

    @property
    def value(self) -> float:
        """The penalised log-likelihood."""
        return float(self.path[-1])

    def gained_at_most(self, tol: float) -> bool:
        """Tell whether the last iteration gained at most `tol`, relatively."""
        return bool(self.path[-1] - self.path[-2] <= tol * abs(self.path[-1]))

    def copy(self) -> "Mixture":
        """Return a mixture whose components can be updated in place."""
        return replace(
            self,
            resp=self.resp.copy(),
            weights=self.weights.copy(),
            intercepts=self.intercepts.copy(),
            coefs=self.coefs.copy(),
            variances=self.variances.copy(),
        )

    def take(self, kept: NDArray[np.bool_]) -> "Mixture":
        """Return the components of a mask, their weights scaled to sum to 1."""
        return replace(
            self,
            resp=self.resp[kept],
            weights=self.weights[kept] / self.weights[kept].sum(),
            intercepts=self.intercepts[kept],
            coefs=self.coefs[kept],
            variances=self.variances[kept],
        )

    def merged(self, kept: int, gone: int) -> "Mixture":
        """Let `kept` take over the rows of `gone`, and spread to both."""
        both = self.copy()
        share = self.weights[[kept, gone]] / self.weights[[kept, gone]].sum()
        both.variances[kept] = share @ self.variances[[kept, gone]]
        both.resp[kept] += both.resp[gone]
        both.weights[kept] += both.weights[gone]
        left = np.arange(self.weights.size) != gone
        return replace(both.take(left), weights=both.weights[left], n_merged=self.n_merged + 1)

    def sizes(self) -> Floats:
        """Return how many rows each component has."""
        sizes: Floats = self.resp.sum(axis=1)
        return sizes

    def numbers(self) -> Floats:
        """Count what is fitted in each component: non-zero fused groups, intercept, variance."""
        coefs = self.coefs
        starts = coefs != 0.0
        starts[:, 1:] &= coefs[:, 1:] != coefs[:, :-1]
        return starts.sum(axis=1) + 2.0


@dataclass(frozen=True)
class MixtureProblem:
    """Data, with penalties and variance floor in the units of the log-likelihood and of y."""

    X: Floats
    y: Floats
    l1: float
    fusion: float
    floor: float

    @classmethod
    def of(cls, X: Floats, y: NDArray[np.generic], l1: float, fusion: float) -> Self:
        """Scale penalties by the number of rows over the standard deviation of the responses."""
        responses = np.ascontiguousarray(y, dtype=np.float64)
        refuse_overflow(X, responses)
        spread = float(responses.std())
        if spread <= 1e-12 * np.abs(responses).max():
            spread = 1.0  # constant responses have no unit of their own
        scale = responses.size / spread
        return cls(X, responses, l1 * scale, fusion * scale, _FLOOR * spread**2)

    def start(self, resp: Floats) -> Mixture:
        """Return components about which only the responsibilities are known."""
        count, p = resp.shape[0], self.X.shape[1]
        variances = np.full(count, max(float(self.y.var()), self.floor))
        blank, none = np.zeros(count), np.zeros(0)
        return Mixture(resp, blank, blank, np.zeros((count, p)), variances, none, none)

    def climb(
        self, start: Mixture, n_iterations: int, tol: float, rows_per_number: float = 1.0
    ) -> Mixture:
        """Iterate until the gain is at most `tol`, relatively.

        Components with fewer rows than 5, or than `rows_per_number` for each of their numbers,
        are removed; the path of the objective then starts anew.
        """
        mixture, path = start.copy(), list(start.path)
        for _ in range(n_iterations):
            self._maximize(mixture)
            log_likelihood = self._expect(mixture)
            while (worst := _degenerate(mixture, rows_per_number)) is not None:
                removed = np.append(mixture.removed, mixture.weights[worst])
                others = np.arange(mixture.weights.size) != worst
                mixture, path = replace(mixture.take(others), removed=removed), []
                log_likelihood = self._expect(mixture)
            path.append(log_likelihood - self._penalty(mixture))
            if len(path) > 1 and path[-1] - path[-2] <= tol * abs(path[-1]):
                break
        return replace(mixture, path=np.array(path))

    def _maximize(self, mixture: Mixture) -> None:
        """Update the parameters in place.

        Intercepts are profiled out by centring; the variances before the update set the worth of
        the penalty against the squared error.
        """
        p = self.X.shape[1]
        gram, moments, x_mean = np.empty((p, p)), np.empty(p), np.empty(p)
        for k, (resp, coef) in enumerate(zip(mixture.resp, mixture.coefs, strict=True)):
            total, y_mean, y_square = centered_moments(self.X, self.y, resp, gram, moments, x_mean)
            scale = mixture.variances[k] / total
            mean_square, _, _ = fused_lasso(
                gram, moments, y_square, self.l1 * scale, self.fusion * scale, coef, _SOLVER_TOL
            )
            mixture.weights[k] = total / self.y.size
            mixture.intercepts[k] = y_mean - x_mean @ coef
            mixture.variances[k] = max(mean_square, self.floor)

    def _expect(self, mixture: Mixture) -> float:
        """Update the responsibilities in place and return the log-likelihood."""
        return float(
            expectation(
                self.X,
                self.y,
                mixture.weights,
                mixture.intercepts,
                mixture.coefs,
                mixture.variances,
                mixture.resp,
            )
        )

    def _penalty(self, mixture: Mixture) -> float:
        coefs = mixture.coefs
        jumps = np.abs(coefs[:, 1:] - coefs[:, :-1]).sum()
        return float(self.l1 * np.abs(coefs).sum() + self.fusion * jumps)

    def criterion(self, mixture: Mixture) -> float:
        """Return the Bayesian information criterion of the completed data (ICL).

        C. Biernacki, G. Celeux and G. Govaert, "Assessing a mixture model for clustering with the
        integrated completed likelihood", IEEE TPAMI 22 (2000).
        """
        log_likelihood = mixture.value + self._penalty(mixture)
        numbers = mixture.numbers().sum() + mixture.weights.size - 1
        sure = np.maximum(mixture.resp, np.finfo(np.float64).tiny)
        entropy = -(mixture.resp * np.log(sure)).sum()
        return float(np.log(self.y.size) * numbers - 2.0 * log_likelihood + 2.0 * entropy)


def fit_mixture(
    problem: MixtureProblem, n_components: int, n_init: int, rng: np.random.Generator
) -> Mixture:
    """Carry on the best of some short runs, then remove and merge what is superfluous."""
    starts = _random_responsibilities(n_components, problem.y.size, n_init, rng)
    runs = [problem.climb(problem.start(resp), _SHORT_RUN, 0.0) for resp in starts]
    best = max(runs, key=_value)
    best = problem.climb(best, LONG_RUN, _SEARCH_TOL)
    best = problem.climb(best, LONG_RUN, _SEARCH_TOL, _ROWS_PER_NUMBER)
    return _merge(problem, best)


def finish(problem: MixtureProblem, mixture: Mixture, tol: float) -> Mixture:
    """Iterate until the gain is at most `tol`, relatively."""
    return problem.climb(mixture, LONG_RUN, tol, _ROWS_PER_NUMBER)


def _value(mixture: Mixture) -> float:
    return mixture.value


def _random_responsibilities(
    n_components: int, n_rows: int, n_init: int, rng: np.random.Generator
) -> list[Floats]:
    """Draw uneven responsibilities, every component keeping a little of every row."""
    if n_components == 1:
        return [np.ones((1, n_rows))]
    uneven = np.full(n_components, 0.3)
    drawn = [rng.dirichlet(uneven, n_rows).T for _ in range(n_init)]
    return [np.ascontiguousarray(0.99 * resp + 0.01 / n_components) for resp in drawn]


def _degenerate(mixture: Mixture, rows_per_number: float) -> int | None:
    """Return the smallest component with too few rows for its numbers."""
    if mixture.weights.size == 1:
        return None
    sizes = mixture.sizes()
    short = sizes < np.maximum(rows_per_number * mixture.numbers(), _MIN_ROWS)
    return int(np.where(short, sizes, np.inf).argmin()) if short.any() else None


def _merge(problem: MixtureProblem, mixture: Mixture) -> Mixture:
    """Merge pairs, the most overlapping first, while that does not lower the objective."""
    for kept, gone in _pairs_by_overlap(mixture):
        trial = problem.climb(mixture.merged(kept, gone), 1, 0.0, _ROWS_PER_NUMBER)
        if trial.value >= mixture.value:
            climbed = problem.climb(trial, LONG_RUN, _SEARCH_TOL, _ROWS_PER_NUMBER)
            return _merge(problem, climbed)
    return mixture


def _pairs_by_overlap(mixture: Mixture) -> list[tuple[int, int]]:
    """List pairs of components, the larger first in each."""
    sizes = mixture.sizes()
    overlap = mixture.resp @ mixture.resp.T / np.minimum.outer(sizes, sizes)
    by_size = np.argsort(-sizes, kind="stable").tolist()
    return sorted(combinations(by_size, 2), key=lambda pair: -overlap[pair])
