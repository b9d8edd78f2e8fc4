"""Gradient times input: the contributions of a linear model with the same slopes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Constraint
from surrogates.attribution.gradients.answers import Answer, Owners
from surrogates.attribution.gradients.explainer import SHARED_CONSTRAINTS, GradientExplainer
from surrogates.attribution.gradients.reference_inputs import ReferenceInputs
from surrogates.blackbox.differentiable import Differentiable

__all__ = ["GradientTimesInput"]


class GradientTimesInput(GradientExplainer):
    """The derivative by each input of the network, times the input, summed over each column.

    Inputs are what the network gets: standardised numbers, one-hot levels, rows of embeddings. A
    standardised number is its distance from the mean, so that the mean is what is compared with;
    without a scaler it is zero. For piecewise-linear networks without biases the contributions
    add up to the response, and equal `LRP` with the rule "zero" and integrated gradients from zero
    [1]_.

    Parameters
    ----------
    estimator : object
        A fitted network, linear model or Pipeline ending in one; or an unfitted one (then `fit`
        needs y): `MLPClassifier`, `MLPRegressor`, scikit-learn's linear models, the adapters of
        `surrogates.torch`. A fitted model is never refitted or changed.
    response_method : str, default="auto"
        Method of the model to explain; "auto" takes the first of predict_proba,
        decision_function and predict. "decision_function" of an `MLPClassifier` are its logits.
    target : label or list of labels, default=None
        Outputs to explain, by class label or name. None is the positive class ``classes_[1]`` of
        a binary classifier, and every output otherwise.
    groups : mapping of str to list, default=None
        Columns whose contributions are summed: name -> columns (names for frames, positions for
        arrays). Columns in no group stay players of their own.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed; the method itself has nothing random.

    Attributes
    ----------
    estimator_ : object
        The model explained.
    model_ : Model
        The model as a function to float64, with ``output_names``.
    differentiable_ : Differentiable
        Its inside: `encode`, `responses` and `gradients`.
    players_ : Players
        Names of the players, and the columns they own.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    IntegratedGradients : Adds up to the response for every network.

    Notes
    -----
    ``base_values`` are the response to inputs of zero. ``additivity_gap`` is zero for linear
    models.

    References
    ----------
    .. [1] M. Ancona, E. Ceolini, C. Öztireli and M. Gross, "Towards better understanding of
       gradient-based attribution methods for deep neural networks", ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from surrogates import GradientTimesInput
    >>> X = np.array([[0.0, 10.0], [1.0, 20.0], [2.0, 50.0]])
    >>> model = LinearRegression().fit(X, X @ [3.0, 0.5])
    >>> GradientTimesInput(model).fit(X).explain(X[1:2]).values[0, :, 0].round(6)
    array([ 3., 10.])
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = SHARED_CONSTRAINTS

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        groups: Mapping[str, Sequence[Any]] | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.groups = groups
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _make_engine(
        self,
        model: Differentiable,
        owners: Owners,
        reference: ReferenceInputs,
        seed: int,  # noqa: ARG002
    ) -> "_Products":
        return _Products(model, owners, model.responses(np.zeros_like(reference.mean)[None]))


@dataclass(frozen=True)
class _Products:
    """Gradients times inputs."""

    model: Differentiable
    owners: Owners
    at_zero: NDArray[np.float64]
    rows_per_block: int = 8192

    def explain(self, rows: Any) -> Answer:
        inputs = self.model.encode(rows)
        predictions, gradients = self.model.gradients(inputs)
        values = self.owners.sums(gradients * inputs[:, :, None])
        return Answer(values, np.tile(self.at_zero, (len(inputs), 1)), predictions, len(inputs))
