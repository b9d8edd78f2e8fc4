"""Read the objectives of scikit-learn's linear models."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from surrogates.influence.designs import Coding, Design, as_matrix
from surrogates.influence.losses import (
    Deviance,
    LogLoss,
    Loss,
    SoftmaxLoss,
    SquaredError,
    SquaredHinge,
)
from surrogates.influence.objectives import Balance, Objective

__all__ = ["LinearModel", "is_linear_model", "read_linear_model"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A fitted linear model as what it minimised.

    Parameters
    ----------
    design : Design
    coding : Coding
    objectives : tuple of Objective
        Several where the model consists of independent problems, whose losses are added.
    """

    design: Design
    coding: Coding
    objectives: tuple[Objective, ...]


@dataclass(frozen=True, eq=False)
class _Rows:
    """What a model was fitted on: numbers, codes of classes or numbers, sample weights."""

    X: Array
    y: NDArray[Any]
    weights: Array


def is_linear_model(estimator: Any) -> bool:
    """Tell whether `estimator` is of a class that is read here."""
    return isinstance(estimator, tuple(kind for kinds, _ in _READERS for kind in kinds))


def read_linear_model(estimator: Any, X: Any, y: NDArray[Any], weights: Array) -> LinearModel:
    """Read what a fitted model minimised on the rows given.

    Parameters
    ----------
    estimator : object
        A fitted linear model of scikit-learn.
    X : array-like of shape (n_rows, n_columns)
        What the model itself was given.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Numbers, or positions of the labels among ``classes_``.
    weights : ndarray of shape (n_rows,)
        Sample weights.

    Returns
    -------
    model : LinearModel

    Raises
    ------
    ValueError
        The objective is not smooth, or not known.
    """
    rows = _Rows(as_matrix(X), y, weights)
    reader = next(reader for kinds, reader in _READERS if isinstance(estimator, kinds))
    return reader(estimator, rows)


def _refuse(estimator: Any, what: str) -> ValueError:
    return ValueError(
        f"Influence functions need a smooth objective, but {type(estimator).__name__} was fitted "
        f"with {what}. Use method='retrain'."
    )


def _penalty(design: Design, strength: float, *, intercept: bool = False) -> Array:
    n_columns = len(design.center)
    if design.intercept == 0.0:
        return np.full(n_columns, strength)
    return np.append(np.full(n_columns, strength), strength if intercept else 0.0)


def _read_least_squares(estimator: Any, rows: _Rows) -> LinearModel:
    return _least_squares(estimator, rows, "number", None)


def _read_ridge_classifier(estimator: Any, rows: _Rows) -> LinearModel:
    balance = None
    if estimator.class_weight is not None:
        by_class = compute_sample_weight(_by_code(estimator), rows.y)
        balance = _balance(estimator.class_weight, rows.y, np.ones(len(rows.y)))
        rows = replace(rows, weights=rows.weights * by_class)
    return _least_squares(estimator, rows, "sign", balance)


def _least_squares(estimator: Any, rows: _Rows, kind: str, balance: Balance | None) -> LinearModel:
    if getattr(estimator, "positive", False):
        raise _refuse(estimator, "positive=True")
    design = _free_design(estimator, rows)
    theta = design.theta(estimator.coef_, estimator.intercept_)
    strength = getattr(estimator, "alpha_", getattr(estimator, "alpha", 0.0))
    strengths = np.broadcast_to(strength, len(theta))
    coding, matrix = Coding(kind, len(theta)), design.matrix(rows.X)
    objectives = tuple(
        Objective(
            design=matrix,
            targets=target,
            weights=rows.weights,
            penalty=_penalty(design, float(strengths[k])),
            loss=SquaredError(),
            theta=theta[k : k + 1],
            balance=balance,
            free_intercept=design.intercept > 0.0,
        )
        for k, target in enumerate(coding.targets(rows.y))
    )
    return LinearModel(design, coding, objectives)


def _free_design(estimator: Any, rows: _Rows) -> Design:
    intercept = float(bool(estimator.fit_intercept))
    return Design.of(rows.X, rows.weights, intercept=intercept, penalised=False)


def _liblinear_design(estimator: Any, rows: _Rows) -> Design:
    """Return a design whose intercept is one more column, scaled and penalised."""
    intercept = float(bool(estimator.fit_intercept)) * float(estimator.intercept_scaling)
    return Design.of(rows.X, rows.weights, intercept=intercept, penalised=True)


def _by_code(estimator: Any) -> Any:
    """Return the class weights of a classifier by code of the class."""
    given = estimator.class_weight
    if not isinstance(given, dict):
        return given
    return {code: given.get(label, 1.0) for code, label in enumerate(estimator.classes_)}


def _balance(class_weight: Any, codes: NDArray[Any], sizes: Array) -> Balance | None:
    if not isinstance(class_weight, str):
        return None
    adapts = np.ones(int(codes.max()) + 1, dtype=np.bool_)
    return Balance(codes.astype(np.int64), sizes, adapts)


def _class_weights(estimator: Any, rows: _Rows) -> tuple[Array, Balance | None]:
    """Return the weight of each class, and how it depends on the rows."""
    classes = np.arange(len(estimator.classes_))
    given = _by_code(estimator)
    if given is None:
        return np.ones(len(classes)), None
    sizes, extra = np.ones(len(rows.y)), {}
    if "sample_weight" in signature(compute_class_weight).parameters:
        sizes, extra = rows.weights, {"sample_weight": rows.weights}
    weights = compute_class_weight(given, classes=classes, y=rows.y, **extra)
    return np.asarray(weights, dtype=np.float64), _balance(given, rows.y, sizes)


def _read_logistic(estimator: Any, rows: _Rows) -> LinearModel:
    strength = _inverse_strength(estimator)
    n_classes = len(estimator.classes_)
    if getattr(estimator, "multi_class", "auto") == "ovr" or (
        n_classes > 2 and estimator.solver == "liblinear"
    ):
        raise _refuse(estimator, "one problem per class: wrap it in OneVsRestClassifier")
    if n_classes == 2 and getattr(estimator, "multi_class", "auto") == "multinomial":
        raise _refuse(estimator, "multi_class='multinomial' and two classes")
    penalised = estimator.solver == "liblinear"
    design = _liblinear_design(estimator, rows) if penalised else _free_design(estimator, rows)
    by_class, balance = _class_weights(estimator, rows)
    scale = strength if np.isfinite(strength) else 1.0
    loss: Loss = LogLoss() if n_classes == 2 else SoftmaxLoss()
    objective = Objective(
        design=design.matrix(rows.X),
        targets=rows.y.astype(np.float64),
        weights=scale * rows.weights * by_class[rows.y],
        penalty=_penalty(design, float(np.isfinite(strength)), intercept=penalised),
        loss=loss,
        theta=design.theta(estimator.coef_, estimator.intercept_),
        balance=balance,
        scale=scale,
    )
    coding = Coding("indicator" if n_classes == 2 else "class", 1)
    return LinearModel(design, coding, (objective,))


def _inverse_strength(estimator: Any) -> float:
    """Return C, infinite without a penalty."""
    penalty = getattr(estimator, "penalty", "l2")
    ratio = getattr(estimator, "l1_ratio_", getattr(estimator, "l1_ratio", 0.0))
    mixed = np.any(np.asarray(0.0 if ratio is None else ratio, dtype=np.float64) != 0.0)
    if penalty == "l1" or (mixed and penalty != "l2"):
        raise _refuse(estimator, "an L1 penalty")
    if penalty is None:
        return np.inf
    return float(np.ravel(getattr(estimator, "C_", estimator.C))[0])


def _read_glm(estimator: Any, rows: _Rows) -> LinearModel:
    power = float({PoissonRegressor: 1, GammaRegressor: 2}.get(type(estimator), 0))
    link = "log"
    if isinstance(estimator, TweedieRegressor):
        power, link = float(estimator.power), estimator.link
    if link == "auto":
        link = "identity" if power <= 0 else "log"
    if link == "identity" and power != 0.0:
        raise _refuse(estimator, f"power={power:g} and the identity link")
    design = _free_design(estimator, rows)
    objective = Objective(
        design=design.matrix(rows.X),
        targets=np.asarray(rows.y, dtype=np.float64),
        weights=rows.weights,
        penalty=_penalty(design, float(estimator.alpha) * rows.weights.sum()),
        loss=SquaredError() if link == "identity" else Deviance(power),
        theta=design.theta(estimator.coef_, np.asarray(estimator.intercept_)),
        shares=rows.weights,
    )
    return LinearModel(design, Coding("number", 1), (objective,))


def _read_support_vectors(estimator: Any, rows: _Rows) -> LinearModel:
    if estimator.loss != "squared_hinge" or estimator.penalty != "l2":
        raise _refuse(estimator, f"loss={estimator.loss!r} and penalty={estimator.penalty!r}")
    if estimator.multi_class != "ovr":
        raise _refuse(estimator, f"multi_class={estimator.multi_class!r}")
    design = _liblinear_design(estimator, rows)
    by_class, balance = _class_weights(estimator, rows)
    theta = design.theta(estimator.coef_, estimator.intercept_)
    coding, matrix, objectives = Coding("sign", len(theta)), design.matrix(rows.X), []
    for k, target in enumerate(coding.targets(rows.y)):
        factors, own = by_class[rows.y], balance
        if len(theta) > 1:  # liblinear weighs the class by its own weight and all others by 1
            factors = np.where(target > 0, by_class[k], 1.0)
            own = None if balance is None else _only(balance, k)
        objectives.append(
            Objective(
                design=matrix,
                targets=target,
                weights=estimator.C * rows.weights * factors,
                penalty=_penalty(design, 1.0, intercept=True),
                loss=SquaredHinge(),
                theta=theta[k : k + 1],
                balance=own,
                scale=float(estimator.C),
            )
        )
    return LinearModel(design, coding, tuple(objectives))


def _only(balance: Balance, code: int) -> Balance:
    adapts = np.arange(len(balance.adapts)) == code
    return Balance(balance.codes, balance.sizes, adapts)


_READERS: tuple[tuple[tuple[type, ...], Callable[[Any, _Rows], LinearModel]], ...] = (
    ((RidgeClassifier, RidgeClassifierCV), _read_ridge_classifier),
    ((LinearRegression, Ridge, RidgeCV), _read_least_squares),
    ((LogisticRegression,), _read_logistic),
    ((PoissonRegressor, GammaRegressor, TweedieRegressor), _read_glm),
    ((LinearSVC,), _read_support_vectors),
)
