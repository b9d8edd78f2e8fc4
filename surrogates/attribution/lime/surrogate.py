"""The surrogate of one row: coefficients, standard errors, and fidelity on fresh neighbours."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t
from sklearn.base import clone

from surrogates._kernels.neighbours import add_scores, moments, respond, unexplained
from surrogates._solvers import (
    RIDGE,
    choose_by_weight,
    choose_forward,
    choose_on_path,
    lasso_by_bic,
    ridge_solutions,
)

__all__ = [
    "FittedSurrogate",
    "LinearSurrogate",
    "LocalFit",
    "Neighbours",
    "Surrogate",
    "choose_columns",
    "effective_size",
    "resolve_selection",
    "wider",
]

_FEW = 6
_CONSTANT = 1e-11
_LEVEL = 0.975
_SELECTIONS = {
    "forward_selection": choose_forward,
    "highest_weights": choose_by_weight,
    "lasso_path": choose_on_path,
}


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Neighbours of one row in the interpretable representation.

    Parameters
    ----------
    table : ndarray of shape (n_columns, n)
    weights : ndarray of shape (n,)
    responses : ndarray of shape (n_outputs, n)
    size : int
        Neighbours of a scramble.
    n_scrambles : int
        Those that the surrogate is fitted on; the rest is fresh.
    at : ndarray of shape (n_columns,)
        The explained row itself.
    """

    table: NDArray[np.float64]
    weights: NDArray[np.float64]
    responses: NDArray[np.float64]
    size: int
    n_scrambles: int
    at: NDArray[np.float64]

    @property
    def n_fitted(self) -> int:
        """Number of neighbours that the surrogate is fitted on."""
        return self.size * self.n_scrambles

    @property
    def effective_size(self) -> float:
        """Kish's effective size of these."""
        return effective_size(self.weights[: self.n_fitted])

    def fitted_by(self, surrogate: "Surrogate") -> "LocalFit":
        """Return what a surrogate learns from them."""
        return surrogate.fit(self)


def effective_size(weights: NDArray[np.float64]) -> float:
    """Return ``sum(w)^2 / sum(w^2)``."""
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares > 0.0 else 0.0


@dataclass(frozen=True, eq=False)
class LocalFit:
    """What is learnt about one row.

    Parameters
    ----------
    coefficients, std_errors : ndarray of shape (n_columns, n_outputs)
    intercept, prediction, fidelity : ndarray of shape (n_outputs,)
        `prediction` is the surrogate's own at the row.
    """

    coefficients: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    intercept: NDArray[np.float64]
    prediction: NDArray[np.float64]
    fidelity: NDArray[np.float64]


class Surrogate(Protocol):
    """A way to learn from neighbours."""

    @property
    def selection(self) -> str:
        """How columns are chosen."""

    @property
    def n_features(self) -> int | None:
        """How many; None is all."""

    def fit(self, near: Neighbours) -> LocalFit:
        """Learn from the neighbours of one row."""


@cache
def wider(n_scrambles: int) -> float:
    """Return what makes normal intervals of standard errors from few scrambles as wide as t's."""
    return float(t.ppf(_LEVEL, n_scrambles - 1) / norm.ppf(_LEVEL))


def resolve_selection(selection: str, n_features: int | None, n_columns: int) -> str:
    """Return the name of a selection; "auto" is forward selection of few columns."""
    if n_features is None or n_features >= n_columns:
        return "none"
    if selection == "auto":
        return "forward_selection" if n_features <= _FEW else "highest_weights"
    return selection


def choose_columns(
    selection: str, n_features: int, gram: NDArray[np.float64], cross: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return a mask of the columns that a selection chooses for one output."""
    chosen = np.zeros(len(cross), dtype=bool)
    chosen[_SELECTIONS[selection](gram, cross, n_features)] = True
    return chosen


@dataclass(frozen=True)
class LinearSurrogate:
    """Least squares, or the lasso, on some or all columns.

    Parameters
    ----------
    selection : str
    n_features : int or None
    lasso : bool, default=False
        Whether the penalty of the lasso is chosen by BIC.
    """

    selection: str
    n_features: int | None
    lasso: bool = False

    def fit(self, near: Neighbours) -> LocalFit:
        """Learn from the neighbours of one row."""
        sums = _centred_moments(near)
        coefficients, supports = self._coefficients(near, sums)
        intercept = sums.mean - sums.centre @ coefficients
        answers = np.empty_like(near.responses)
        respond(near.table, coefficients, intercept, answers)
        residuals = near.responses - answers
        left = np.empty(len(intercept))
        unexplained(near.weights, near.responses, residuals, near.n_fitted, left)
        return LocalFit(
            coefficients=coefficients,
            std_errors=_std_errors(near, sums, residuals, supports),
            intercept=intercept,
            prediction=intercept + near.at @ coefficients,
            fidelity=1.0 - left,
        )

    def _coefficients(
        self, near: Neighbours, sums: "_Sums"
    ) -> tuple[NDArray[np.float64], list[NDArray[np.bool_]]]:
        """Return coefficients (n_columns, n_outputs), and for each output the columns used."""
        n_columns, n_outputs = len(sums.gram), len(sums.cross)
        everything = np.ones(n_columns, dtype=bool)
        if self.lasso:
            found = np.column_stack([self._lasso(near, sums, k) for k in range(n_outputs)])
            return found, list(found.T != 0.0)
        if self.selection == "none":
            return ridge_solutions(sums.gram, sums.cross).T, [everything] * n_outputs
        n_features = n_columns if self.n_features is None else self.n_features
        supports = [
            choose_columns(self.selection, n_features, sums.gram, own) for own in sums.cross
        ]
        found = np.column_stack(
            [
                ridge_solutions(sums.gram, own[None], support)[0]
                for own, support in zip(sums.cross, supports, strict=True)
            ]
        )
        return found, supports

    def _lasso(self, near: Neighbours, sums: "_Sums", output: int) -> NDArray[np.float64]:
        weights = near.weights[: near.n_fitted]
        gaps = near.responses[output, : near.n_fitted] - sums.mean[output]
        total = float(weights @ gaps**2)
        cross = sums.cross[output]
        return lasso_by_bic(sums.gram, cross, total, near.effective_size, self.n_features)


@dataclass(frozen=True, eq=False)
class _Sums:
    gram: NDArray[np.float64]  # (n_columns, n_columns), centred
    cross: NDArray[np.float64]  # (n_outputs, n_columns), centred
    centre: NDArray[np.float64]  # (n_columns,)
    mean: NDArray[np.float64]  # (n_outputs,)


def _centred_moments(near: Neighbours) -> _Sums:
    n_columns, n_outputs = len(near.table), len(near.responses)
    gram = np.zeros((n_columns + 1, n_columns + 1))
    cross = np.zeros((n_columns + 1, n_outputs))
    moments(near.table, near.weights, near.responses, near.n_fitted, gram, cross)
    total = gram[-1, -1]
    centre, mean = gram[:-1, -1] / total, cross[-1] / total
    raw = np.diag(gram)[:-1]
    upper = np.triu(gram[:-1, :-1] - total * np.outer(centre, centre))
    diagonal = np.diag(upper)
    constant = diagonal <= _CONSTANT * raw
    centred = upper + np.triu(upper, 1).T
    centred[constant] = 0.0
    centred[:, constant] = 0.0
    own = (cross[:-1] - total * np.outer(centre, mean)).T
    own = np.where(constant, 0.0, own)
    return _Sums(centred, np.ascontiguousarray(own), centre, mean)


def _std_errors(
    near: Neighbours,
    sums: _Sums,
    residuals: NDArray[np.float64],
    supports: list[NDArray[np.bool_]],
) -> NDArray[np.float64]:
    """Return standard errors from the spread of the scrambles' scores, (n_columns, n_outputs).

    The estimate is linear in the sums of weighted residuals of the scrambles, which are
    independent: ``gram^-1 (R / (R - 1) sum_r s_r s_r') gram^-1`` (Liang and Zeger, 1986).
    """
    n_scrambles, n_outputs = near.n_scrambles, len(supports)
    scores = np.zeros((n_scrambles, n_outputs, len(near.table)))
    add_scores(near.table, near.weights, residuals, sums.centre, near.size, scores)
    factor = wider(n_scrambles) * np.sqrt(n_scrambles / (n_scrambles - 1))
    errors = np.empty((len(near.table), n_outputs))
    for output, support in enumerate(supports):
        own = scores[:, output] - scores[:, output].mean(axis=0)
        parts = ridge_solutions(sums.gram, own, support, RIDGE)
        errors[:, output] = factor * np.sqrt((parts**2).sum(axis=0))
    return errors


@dataclass(frozen=True)
class FittedSurrogate:
    """Any regressor of scikit-learn that takes ``sample_weight``.

    Parameters
    ----------
    regressor : estimator
        Cloned for every row and output.
    selection : str
    n_features : int or None
    """

    regressor: Any
    selection: str
    n_features: int | None

    def fit(self, near: Neighbours) -> LocalFit:
        """Learn from the neighbours of one row."""
        table, sums = near.table.T, _centred_moments(near)
        n_outputs = len(near.responses)
        everything = np.ones(len(near.table), dtype=bool)
        fits = []
        for output in range(n_outputs):
            support = everything
            if self.selection != "none" and self.n_features is not None:
                own = sums.cross[output]
                support = choose_columns(self.selection, self.n_features, sums.gram, own)
            fits.append(self._fit_output(near, table, support, output))
        coefficients, errors, intercept, prediction, fidelity = zip(*fits, strict=True)
        return LocalFit(
            np.column_stack(coefficients),
            np.column_stack(errors),
            np.array(intercept),
            np.array(prediction),
            np.array(fidelity),
        )

    def _fit_output(
        self,
        near: Neighbours,
        table: NDArray[np.float64],
        support: NDArray[np.bool_],
        output: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float, float]:
        columns, y, weights = table[:, support], near.responses[output], near.weights
        scramble = np.arange(near.n_fitted) // near.size
        fitted = slice(near.n_fitted)
        model = clone(self.regressor).fit(columns[fitted], y[fitted], sample_weight=weights[fitted])
        without = []
        for left_out in range(near.n_scrambles):
            kept = np.flatnonzero(scramble != left_out)
            again = clone(self.regressor).fit(columns[kept], y[kept], sample_weight=weights[kept])
            without.append(_readable(again))
        spread = np.var(without, axis=0) * (near.n_scrambles - 1)
        values, errors = np.zeros((2, len(near.table)))
        values[support] = _readable(model)
        errors[support] = wider(near.n_scrambles) * np.sqrt(spread)
        at = float(model.predict(near.at[None, support])[0])
        residuals = (y - model.predict(columns))[None]
        left = np.empty(1)
        unexplained(weights, y[None].copy(), residuals, near.n_fitted, left)
        mean = float(np.average(y[fitted], weights=weights[fitted]))
        return values, errors, float(getattr(model, "intercept_", mean)), at, 1.0 - left[0]


def _readable(model: Any) -> NDArray[np.float64]:
    """Return the numbers by which a fitted regressor explains itself."""
    for name in ("coef_", "feature_importances_"):
        if hasattr(model, name):
            return np.ravel(getattr(model, name))
    raise ValueError(
        "The 'surrogate' parameter of LIME must be a regressor with coef_ or feature_importances_ "
        f"once fitted. {type(model).__name__} has neither."
    )
