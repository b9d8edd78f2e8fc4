"""DeepLIFT with the rescale rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogates._params import NONE, Constraint, Interval, Options
from surrogates.attribution.gradients.answers import Answer, Owners
from surrogates.attribution.gradients.baselines import BASELINES, Baselines, choose_baselines
from surrogates.attribution.gradients.explainer import SHARED_CONSTRAINTS, GradientExplainer
from surrogates.attribution.gradients.reference_inputs import ReferenceInputs
from surrogates.blackbox.differentiable import Differentiable

__all__ = ["DeepLIFT"]

Floats = NDArray[np.float64]


class DeepLIFT(GradientExplainer):
    """How the difference from a baseline is handed down through the layers of a network.

    Every activation has the quotient of the differences of what it returns and what it is given in
    the place of its derivative (the rescale rule of [1]_): contributions add up to the response
    minus that of the baseline, at the cost of one gradient. The mean slope of softmax, which is no
    function of one number, is integrated on the way between the two logits, so that probabilities
    add up too.

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
    baseline : {"mean", "zero", "background"}, default="mean"
        What rows are compared with: the mean of the inputs of the network over the reference
        rows, in which the inputs of a one-hot column are the frequencies of its levels; inputs of
        zero; or each row of the background in turn, averaged [2]_. A single row in `fit` is a
        baseline of one's own.
    groups : mapping of str to list, default=None
        Columns whose contributions are summed: name -> columns (names for frames, positions for
        arrays). Columns in no group stay players of their own.
    n_background : int or None, default=100
        Reference rows drawn for ``baseline="background"``; None keeps every row.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw of reference rows.

    Attributes
    ----------
    estimator_ : object
        The model explained.
    model_ : Model
        The model as a function to float64, with ``output_names``.
    differentiable_ : Differentiable
        Its inside: `encode`, `responses` and `gradients`.
    baselines_ : Baselines
        The inputs compared with, their weights and responses.
    players_ : Players
        Names of the players, and the columns they own.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    IntegratedGradients : The integral, which is the same for one hidden layer.

    Notes
    -----
    ``base_values`` are the response of the baseline, or the mean over baselines; ``std_errors``
    those of the draw of baselines, for ``baseline="background"``. Where an activation is given
    the same twice, its derivative is taken.

    References
    ----------
    .. [1] A. Shrikumar, P. Greenside and A. Kundaje, "Learning important features through
       propagating activation differences", ICML 2017.
    .. [2] S. M. Lundberg and S.-I. Lee, "A unified approach to interpreting model predictions",
       NeurIPS 2017: DeepSHAP.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPRegressor
    >>> from surrogates import DeepLIFT
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 1] ** 2 + X[:, 0]
    >>> model = MLPRegressor(hidden_layer_sizes=(9, 9), learning_rate_init=0.05, random_state=0)
    >>> model = model.fit(X, y)
    >>> explanation = DeepLIFT(model).fit(X).explain(X[:5])
    >>> bool(np.abs(explanation.additivity_gap).max() < 1e-12)
    True
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        **SHARED_CONSTRAINTS,
        "baseline": [Options(*BASELINES)],
        "n_background": [Interval("int", 1, None), NONE],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        baseline: str = "mean",
        groups: Mapping[str, Sequence[Any]] | None = None,
        n_background: int | None = 100,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.baseline = baseline
        self.groups = groups
        self.n_background = n_background
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _make_engine(
        self,
        model: Differentiable,
        owners: Owners,
        reference: ReferenceInputs,
        seed: int,  # noqa: ARG002
    ) -> "_Differences":
        self.baselines_ = choose_baselines(self.baseline, model, reference, self.reference_)
        model.rescale(self.baselines_.inputs[:1], self.baselines_.inputs[:1])  # or refuse now
        return _Differences(model, owners, self.baselines_)

    def _record(self) -> dict[str, Any]:
        return {"baseline": self.baseline}


@dataclass(frozen=True)
class _Differences:
    """Contributions of differences from every baseline, averaged."""

    model: Differentiable
    owners: Owners
    baselines: Baselines
    rows_per_block: int = 8192

    def explain(self, rows: Any) -> Answer:
        inputs = self.model.encode(rows)
        if len(self.baselines) == 1:
            return self._against_one(inputs)
        shape = len(inputs), self.owners.n_players, self.model.n_outputs
        values, squares = np.zeros(shape), np.zeros(shape)
        for baseline, weight in zip(self.baselines.inputs, self.baselines.weights, strict=True):
            predictions, contributions = self.model.rescale(inputs, baseline[None])
            own = self.owners.sums(contributions)
            values += weight * own
            squares += weight * own**2
        return Answer(
            values,
            np.tile(self.baselines.mean_response, (len(inputs), 1)),
            predictions,
            len(inputs) * len(self.baselines),
            std_errors=self.baselines.errors(values, squares),
        )

    def _against_one(self, inputs: Floats) -> Answer:
        predictions, contributions = self.model.rescale(inputs, self.baselines.inputs)
        values = self.owners.sums(contributions)
        base_values = np.tile(self.baselines.mean_response, (len(inputs), 1))
        errors = self.baselines.errors(values, values**2)
        return Answer(values, base_values, predictions, len(inputs), std_errors=errors)
