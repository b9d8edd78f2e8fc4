"""What the explainers of the gradient family share."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from surrogates._params import ANY_CALLABLE, BOOLEAN, NONE, Constraint, Instance, Interval
from surrogates.attribution.gradients.answers import GradientEngine, Owners, explain_block, joined
from surrogates.attribution.gradients.opening import open_response
from surrogates.attribution.gradients.reference_inputs import ReferenceInputs, read_reference
from surrogates.base import AttributionExplainer
from surrogates.blackbox.differentiable import Differentiable
from surrogates.blackbox.players import make_players
from surrogates.blackbox.reference import draw_reference
from surrogates.blackbox.table import column_names, is_frame
from surrogates.explanation import Attribution, Reference

__all__ = ["SHARED_CONSTRAINTS", "GradientExplainer"]

_TOLERANCE = 1e-4  # of a network in single precision, on another device

SHARED_CONSTRAINTS: Mapping[str, Sequence[Constraint]] = {
    "response_method": [Instance(str, "a str"), ANY_CALLABLE],
    "groups": [Instance(Mapping, "a mapping of names to columns"), NONE],
    "n_jobs": [Instance((int, np.integer), "an int"), NONE],
    "verbose": [BOOLEAN, Interval("int", 0, None)],
}


class GradientExplainer(AttributionExplainer):
    """Base of explainers that ask for derivatives, through `Differentiable`.

    Subclasses name what they need from the inside of a model by building an engine.
    """

    _prefers_logits: ClassVar[bool] = False

    response_method: str | Callable[[Any, Any], Any]
    target: Any
    groups: Mapping[str, Sequence[Any]] | None
    n_background: int | None = 100

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Open the model and learn the reference table.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Reference rows, in the form that the model takes.
        y : array-like of shape (n_rows,), default=None
            Needed to fit an unfitted model, ignored otherwise.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the reference rows; given to an unfitted model as well.

        Returns
        -------
        self : object
            The explainer.

        Raises
        ------
        ValueError
            A parameter out of range, an unusable table, an unknown target, an unfitted model
            without y, or a model whose inside is not known.
        ModelOutputError
            The model raised, or returned something other than finite numbers.
        """
        self._check_params()
        X = self._check_reference(X)
        weights = self._check_weights(X, sample_weight)
        seed = self._root_seed()
        self.estimator_ = self._fit_estimator(X, y, weights)
        self.players_ = make_players(
            column_names(X), self.groups, named=is_frame(X), owner=type(self).__name__
        )
        self.reference_ = draw_reference(X, weights, self.n_background, seed)
        self.model_, self.differentiable_ = open_response(
            self.estimator_,
            self.response_method,
            self.target,
            self.reference_.rows,
            prefers_logits=self._prefers_logits,
        )
        self.reference_inputs_ = read_reference(self.differentiable_, X, weights)
        reference = self.reference_inputs_
        self._asked = reference.mean + np.outer([-1.0, 1.0], reference.std)
        self._known = self.differentiable_.responses(self._asked)
        owners = Owners(self.players_.of_column[self.differentiable_.owners], len(self.players_))
        self.engine_ = self._make_engine(self.differentiable_, owners, self.reference_inputs_, seed)
        self.record_ = {
            **self._record(),
            "response_method": self.model_.method_name,
            "seed": seed,
            "groups": self.players_.groups or None,
        }
        return self

    @abstractmethod
    def _make_engine(
        self, model: Differentiable, owners: Owners, reference: ReferenceInputs, seed: int
    ) -> GradientEngine:
        """Return what explains blocks of rows."""

    def _record(self) -> dict[str, Any]:
        """Return how the values are computed, in words and numbers that a file can keep."""
        return {}

    def _check_unchanged(self) -> None:
        """Refuse a network with which baselines and its anatomy were not found."""
        known, found = self._known, self.differentiable_.responses(self._asked)
        if np.abs(found - known).max() > _TOLERANCE * np.abs(known).max():
            raise ValueError(
                f"The {type(self.estimator_).__name__} answers otherwise than when this "
                f"{type(self).__name__} was fitted: call fit again after a model has changed."
            )

    def _explain(self, X: Any) -> Attribution:
        self._check_unchanged()
        answer = joined(self._explain_blocks(explain_block, self.engine_, X))
        reference = self.reference_inputs_
        return Attribution(
            values=answer.values,
            base_values=answer.base_values,
            predictions=answer.predictions,
            std_errors=answer.std_errors,
            converged=answer.converged,
            data=X,
            feature_names=self.players_.names,
            output_names=self.model_.output_names,
            reference=Reference(
                "population", reference.n_rows, tuple(reference.mean_response.tolist())
            ),
            method=type(self).__name__,
            params=self.record_,
            details=dict(answer.details),
            n_model_rows=answer.n_gradients,
        )
