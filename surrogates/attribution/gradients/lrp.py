"""Layer-wise relevance propagation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from surrogates._params import Constraint, Interval, Options
from surrogates.attribution.gradients.answers import Answer, Owners
from surrogates.attribution.gradients.explainer import SHARED_CONSTRAINTS, GradientExplainer
from surrogates.attribution.gradients.reference_inputs import ReferenceInputs
from surrogates.blackbox.differentiable import Differentiable
from surrogates.blackbox.relevance import RULES, RelevanceRule

__all__ = ["LRP"]

_ZERO = 0


class LRP(GradientExplainer):
    """How the logit of a network is handed down to its inputs, layer by layer.

    Every unit hands its relevance on to the units below in proportion to what they gave it
    [1]_ [2]_. What no column gets is returned beside: the share of the biases, and what the
    stabilizer of small denominators absorbs. Together they are ``base_values``, so that columns
    and base value add up to the prediction.

    Parameters
    ----------
    estimator : object
        A fitted network, linear model or Pipeline ending in one; or an unfitted one (then `fit`
        needs y): `MLPClassifier`, `MLPRegressor`, scikit-learn's linear models, the adapters of
        `surrogates.torch`. A fitted model is never refitted or changed.
    rule : {"zero", "epsilon", "gamma", "zB", "w2", "composite"} or 0, default="epsilon"
        "zero", or 0: shares are ``a_j w_jk / z_k``. "epsilon": the magnitude of the denominator
        is enlarged by `epsilon`. "gamma": positive weights and biases count ``1 + gamma`` times.
        "zB" and "w2": rules of the first layer, for inputs within the range of the reference rows
        and for inputs of any range, with "epsilon" above. "composite": "zB" in the first layer,
        "gamma" in the middle and "epsilon" in the last.
    epsilon : float, default=1e-9
        Added to the magnitude of denominators, but for "zero".
    gamma : float, default=0.25
        How much more positive weights count.
    response_method : str, default="auto"
        "auto" takes the logits of a classifier (decision_function; those of `MLPClassifier`,
        too) and the prediction of a regressor. Relevance cannot be conserved through a softmax,
        whose outputs depend on differences of logits: probabilities are refused.
    target : label or list of labels, default=None
        Outputs to explain, by class label or name. None is the positive class ``classes_[1]`` of
        a binary classifier, and every output otherwise.
    groups : mapping of str to list, default=None
        Columns whose relevances are summed: name -> columns (names for frames, positions for
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
        Its inside: `encode`, `responses` and `relevance`.
    players_ : Players
        Names of the players, and the columns they own.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    DeepLIFT : Shares of a difference from a baseline, also for probabilities.

    Notes
    -----
    ``details`` has ``bias_share`` and ``stabilizer_share``, which sum to ``base_values``. Where
    denominators are near zero, relevances of both signs grow without bound: "gamma" in the first
    layer of standardised inputs is such a case.

    References
    ----------
    .. [1] S. Bach, A. Binder, G. Montavon, F. Klauschen, K.-R. Müller and W. Samek, "On pixel-wise
       explanations for non-linear classifier decisions by layer-wise relevance propagation",
       PLoS ONE 10, 2015.
    .. [2] W. Samek, G. Montavon, S. Lapuschkin, C. J. Anders and K.-R. Müller, "Explaining deep
       neural networks and beyond: a review of methods and applications", Proc. IEEE 109, 2021:
       equation (2) and table I.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPRegressor
    >>> from surrogates import LRP
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 1] ** 2 + X[:, 0]
    >>> model = MLPRegressor(hidden_layer_sizes=(9, 9), learning_rate_init=0.05, random_state=0)
    >>> model = model.fit(X, y)
    >>> explanation = LRP(model, rule="composite").fit(X).explain(X[:5])
    >>> bool(np.abs(explanation.additivity_gap).max() < 1e-9)
    True
    >>> explanation.details["bias_share"].shape
    (5, 1)
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        **SHARED_CONSTRAINTS,
        "rule": [Options(*RULES), Interval("int", 0, 0, "both")],
        "epsilon": [Interval("float", 0, None)],
        "gamma": [Interval("float", 0, None)],
    }
    _prefers_logits = True

    def __init__(
        self,
        estimator: Any,
        *,
        rule: str | int = "epsilon",
        epsilon: float = 1e-9,
        gamma: float = 0.25,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        groups: Mapping[str, Sequence[Any]] | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.rule = rule
        self.epsilon = epsilon
        self.gamma = gamma
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
    ) -> "_Relevances":
        if not model.is_linear_above or self.model_.method_name == "predict_proba":
            raise ValueError(
                f"LRP explains logits, and {self.model_.method_name} returns probabilities: use "
                "response_method='decision_function' (or 'auto'), or DeepLIFT for probabilities."
            )
        rule = RelevanceRule(
            self._rule_name(),
            float(self.epsilon),
            float(self.gamma),
            reference.low,
            reference.high,
        )
        model.relevance(reference.mean[None], rule)  # or refuse now
        return _Relevances(model, owners, rule)

    def _rule_name(self) -> str:
        return "zero" if self.rule == _ZERO else str(self.rule)

    def _record(self) -> dict[str, Any]:
        name = self._rule_name()
        record: dict[str, Any] = {"rule": name}
        if name != "zero":
            record["epsilon"] = float(self.epsilon)
        if name in ("gamma", "composite"):
            record["gamma"] = float(self.gamma)
        return record


@dataclass(frozen=True)
class _Relevances:
    """Relevances of blocks of rows."""

    model: Differentiable
    owners: Owners
    rule: RelevanceRule
    rows_per_block: int = 8192

    def explain(self, rows: Any) -> Answer:
        inputs = self.model.encode(rows)
        found = self.model.relevance(inputs, self.rule)
        return Answer(
            self.owners.sums(found.inputs),
            found.bias + found.stabilizer,
            found.responses,
            len(inputs),
            details={"bias_share": found.bias, "stabilizer_share": found.stabilizer},
        )
