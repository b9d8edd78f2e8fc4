"""The last step of a model, and the preprocessing before it, which influence keeps frozen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from surrogates.blackbox.table import column_names, is_frame, take_rows
from surrogates.blackbox.wrappers import unwrap
from surrogates.exceptions import ModelOutputError

__all__ = ["LastStep", "find_last_step", "weight_parameter"]

_SCORES = "decision_function"


@dataclass(frozen=True)
class LastStep:
    """A model as fitted transformers and a fitted predictor.

    Parameters
    ----------
    steps : tuple
        Transformers, applied one after the other.
    final : object
        The predictor.
    as_array : bool
        Whether frames are sent as arrays, to a model that was fitted on arrays.
    """

    steps: tuple[Any, ...]
    final: Any
    as_array: bool = False

    def whole(self, estimator: Any) -> "LastStep":
        """Return the same model without looking into it."""
        return LastStep((), estimator, self.as_array)

    def output_names(self, X: Any) -> tuple[str, ...]:
        """Return the names of the columns that the predictor is given."""
        names: Any = np.array(column_names(X), dtype=object)
        for step in self.steps:
            if not hasattr(step, "get_feature_names_out"):
                table = self.transform(take_rows(X, slice(0, 1)))
                return column_names(table) if is_frame(table) else _numbered(table.shape[1])
            seen = getattr(step, "feature_names_in_", None)
            names = step.get_feature_names_out(names if seen is None else None)
        return tuple(map(str, names))

    def transform(self, X: Any) -> Any:
        """Return what the predictor is given for some rows.

        Raises
        ------
        ModelOutputError
            A transformer raised.
        """
        table = X.to_numpy() if self.as_array and is_frame(X) else X
        for step in self.steps:
            try:
                table = step.transform(table)
            except Exception as error:
                raise ModelOutputError(
                    f"transform of {type(step).__name__} raised {type(error).__name__}: {error}"
                ) from error
        return table


def _numbered(n_columns: int) -> tuple[str, ...]:
    return tuple(f"x{position}" for position in range(n_columns))


def find_last_step(estimator: Any) -> LastStep:
    """Look through searches, frozen estimators, thresholds and Pipelines.

    Parameters
    ----------
    estimator : object
        A fitted estimator.

    Returns
    -------
    last : LastStep
    """
    as_array = not hasattr(estimator, "feature_names_in_")
    steps: tuple[Any, ...] = ()
    inner = unwrap(estimator, _SCORES)
    while isinstance(inner, Pipeline):
        steps += tuple(
            step for _, step in inner.steps[:-1] if step is not None and not isinstance(step, str)
        )
        inner = unwrap(inner.steps[-1][1], _SCORES)
    return LastStep(steps, inner, as_array)


def weight_parameter(estimator: Any) -> str:
    """Return the name under which `fit` takes the sample weights of the last step."""
    inner, name = estimator, "sample_weight"
    prefix = ""
    while isinstance(inner, Pipeline):
        step, inner = inner.steps[-1]
        prefix += f"{step}__"
    return prefix + name
