"""Linear models: Shapley values in closed form, against the whole reference table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier

from surrogates.attribution.shapley.result import BlockResult
from surrogates.blackbox.inside import Inside
from surrogates.blackbox.model import Model
from surrogates.blackbox.table import take_rows

__all__ = ["LinearEngine", "linear_engine", "may_be_linear"]

_LINEAR_FAMILIES = ("sklearn.linear_model", "sklearn.svm", "sklearn.discriminant_analysis")
_ROWS_AT_A_TIME = 10_000
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class LinearEngine:
    """``coef * (x - mean of the reference rows)``, summed over the columns of each player.

    Parameters
    ----------
    inside : Inside
    slopes : ndarray of shape (n_columns, n_outputs)
    mean : ndarray of shape (n_columns,)
    mean_response : ndarray of shape (n_outputs,)
    owner : ndarray of shape (n_columns, n_players)
        1 where a player owns a column.
    n_references : int
    interactions : bool
        Whether the interactions are wanted too; there are none.
    """

    inside: Inside
    slopes: NDArray[np.float64]
    mean: NDArray[np.float64]
    mean_response: NDArray[np.float64]
    owner: NDArray[np.float64]
    n_references: int
    interactions: bool
    rows_per_block: int = _ROWS_AT_A_TIME
    stops: bool = False

    @property
    def record(self) -> Mapping[str, Any]:
        """How the values are computed."""
        return {"method": "linear"}

    def explain(self, rows: Any) -> BlockResult:
        """Explain a block of rows."""
        table = self.inside.table(rows)
        predictions = self.inside.model(table)  # raises where the model cannot answer
        centred = np.asarray(table, dtype=np.float64) - self.mean
        values = np.einsum("nc,cp,ck->npk", centred, self.owner, self.slopes, optimize=True)
        n_players = self.owner.shape[1]
        result = BlockResult.empty(n_players, predictions, interactions=self.interactions)
        result.values[:] = values
        if result.interactions is not None:
            diagonal = np.arange(n_players)
            result.interactions[:, diagonal, diagonal] = values
        return result


def linear_engine(
    model: Model,
    inside: Inside,
    X: Any,
    sample_weight: NDArray[np.float64] | None,
    *,
    interactions: bool,
) -> LinearEngine | None:
    """Return the closed form where a model is linear in its preprocessed columns, else None.

    Parameters
    ----------
    model : Model
    inside : Inside
    X : ndarray or DataFrame of shape (n_rows, n_columns)
        The whole reference table.
    sample_weight : ndarray of shape (n_rows,) or None
    interactions : bool
    """
    final = inside.estimator
    if not may_be_linear(final, model.method):
        return None
    coef = np.atleast_2d(np.asarray(final.coef_, dtype=np.float64))
    if len(coef) not in (1, len(model.labels)):
        return None
    slopes = coef[[0] * len(model.columns) if len(coef) == 1 else list(model.columns)].T
    slopes = slopes * np.asarray(model.signs)
    weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    try:
        mean, mean_response = _means(model, inside, slopes, X, weights / weights.sum())
    except _NotLinearError:
        return None
    owner = (inside.players.of_column[:, None] == np.arange(len(inside.players))).astype(float)
    n_references = int((weights > 0).sum())
    return LinearEngine(inside, slopes, mean, mean_response, owner, n_references, interactions)


def may_be_linear(estimator: Any, method: Any) -> bool:
    """Tell whether an estimator has coefficients that its response could be linear in."""
    if not isinstance(estimator, BaseEstimator) or not hasattr(estimator, "coef_"):
        return False
    linear_method = "decision_function" if is_classifier(estimator) else "predict"
    return method == linear_method and type(estimator).__module__.startswith(_LINEAR_FAMILIES)


class _NotLinearError(Exception):
    """The responses are not the linear function that the coefficients say."""


def _means(
    model: Model,
    inside: Inside,
    slopes: NDArray[np.float64],
    X: Any,
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means of columns and responses, if the responses are linear in the columns."""
    mean, mean_response = np.zeros(len(slopes)), np.zeros(slopes.shape[1])
    offset: NDArray[np.float64] | None = None
    for start in range(0, X.shape[0], _ROWS_AT_A_TIME):
        block = slice(start, start + _ROWS_AT_A_TIME)
        rows = take_rows(X, block)
        responses = model(rows)
        try:
            columns = _numbers(inside, rows)
        except (TypeError, ValueError) as error:
            raise _NotLinearError from error
        if columns.shape[1] != len(slopes):
            raise _NotLinearError
        linear = columns @ slopes
        offset = responses[0] - linear[0] if offset is None else offset
        scale = np.abs(columns) @ np.abs(slopes) + np.abs(responses) + 1.0
        if not (np.abs(responses - linear - offset) <= _TOLERANCE * scale).all():
            raise _NotLinearError
        mean += weights[block] @ columns
        mean_response += weights[block] @ responses
    return mean, mean_response


def _numbers(inside: Inside, rows: Any) -> NDArray[np.float64]:
    return np.asarray(inside.table(rows), dtype=np.float64)
