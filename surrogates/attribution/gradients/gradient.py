"""The derivative of a response by the value of each column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Constraint
from surrogates.attribution.gradients.answers import Answer, Owners
from surrogates.attribution.gradients.explainer import SHARED_CONSTRAINTS, GradientExplainer
from surrogates.attribution.gradients.reference_inputs import ReferenceInputs
from surrogates.attribution.gradients.units import Units, read_units
from surrogates.blackbox.differentiable import Differentiable

__all__ = ["Gradient"]


class Gradient(GradientExplainer):
    """How fast the response changes per unit of each column.

    The derivative at the row [1]_, in the units of the raw table: behind scalers, by the chain
    rule. A column that is not numeric, or whose preprocessing is no affine function of it, has no
    such derivative and is refused by name.

    Parameters
    ----------
    estimator : object
        A fitted network, linear model or Pipeline ending in one; or an unfitted one (then `fit`
        needs y): `MLPClassifier`, `MLPRegressor`, scikit-learn's linear models, the adapters of
        `surrogates.torch`. A fitted model is never refitted or changed.
    response_method : str, default="auto"
        Method of the model to explain; "auto" takes the first of predict_proba,
        decision_function and predict. "decision_function" of an `MLPClassifier` are its logits,
        for which scikit-learn has no method.
    target : label or list of labels, default=None
        Outputs to explain, by class label or name. None is the positive class ``classes_[1]`` of
        a binary classifier, and every output otherwise.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed; the derivative itself has nothing random.

    Attributes
    ----------
    estimator_ : object
        The model explained.
    model_ : Model
        The model as a function to float64, with ``output_names``.
    differentiable_ : Differentiable
        Its inside: `encode`, `responses` and `gradients`.
    players_ : Players
        Names of the columns.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    GradientTimesInput : Contributions instead of slopes, for columns of any kind.
    IntegratedGradients : Contributions that add up to the response.
    SmoothGrad : The mean slope around a row.

    Notes
    -----
    Derivatives do not add up to anything; ``base_values`` are the mean response of the reference
    rows. At a kink the derivative is that of the side where the unit is off.

    References
    ----------
    .. [1] K. Simonyan, A. Vedaldi and A. Zisserman, "Deep inside convolutional networks:
       visualising image classification models and saliency maps", ICLR workshop 2014. They take
       the magnitude; the sign is kept here.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from surrogates import Gradient
    >>> X = np.array([[0.0, 10.0], [1.0, 20.0], [2.0, 50.0]])
    >>> model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, X @ [3.0, 0.5])
    >>> Gradient(model).fit(X).explain(X[:1]).values[0, :, 0].round(6)
    array([3. , 0.5])
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        name: words for name, words in SHARED_CONSTRAINTS.items() if name != "groups"
    }
    groups = None

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _make_engine(
        self,
        model: Differentiable,
        owners: Owners,
        reference: ReferenceInputs,
        seed: int,  # noqa: ARG002
    ) -> "_Derivatives":
        units = read_units(model, self.reference_.rows, type(self).__name__)
        return _Derivatives(model, owners, units, reference.mean_response)


@dataclass(frozen=True)
class _Derivatives:
    """Gradients by inputs, times what inputs change per unit of their columns."""

    model: Differentiable
    owners: Owners
    units: Units
    mean_response: NDArray[np.float64]
    rows_per_block: int = 8192

    def explain(self, rows: Any) -> Answer:
        inputs = self.model.encode(rows)
        self.units.check(inputs, rows)
        predictions, gradients = self.model.gradients(inputs)
        values = self.owners.sums(gradients * self.units.slopes[:, None])
        base_values = np.tile(self.mean_response, (len(inputs), 1))
        return Answer(values, base_values, predictions, len(inputs))
