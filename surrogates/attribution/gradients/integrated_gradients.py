"""Integrated gradients: exact where the network is piecewise linear."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from surrogates._params import NONE, Constraint, Interval, Options
from surrogates.attribution.gradients.answers import Answer, Owners
from surrogates.attribution.gradients.baselines import BASELINES, Baselines, choose_baselines
from surrogates.attribution.gradients.explainer import SHARED_CONSTRAINTS, GradientExplainer
from surrogates.attribution.gradients.paths import integrate
from surrogates.attribution.gradients.reference_inputs import ReferenceInputs
from surrogates.blackbox.differentiable import Differentiable

__all__ = ["IntegratedGradients"]


class IntegratedGradients(GradientExplainer):
    """How each column carries the response from a baseline to the row.

    The gradients on the straight way from the baseline to the row are integrated, times the way
    [1]_: contributions add up to the response minus that of the baseline. For networks of ReLUs
    the integral is a finite sum over the pieces on which the network is linear, and no number of
    steps has to be chosen: logits and probabilities are exact to rounding. So is every network with
    one hidden layer. Other networks are integrated by Gauss-Legendre, refined until nothing
    changes.

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
        zero; or each row of the background in turn, averaged. A single row in `fit` is a baseline
        of one's own.
    smoothing : float, default=0.0
        Standard deviation of normal noise on the baseline, relative to that of each input: the
        mean over baselines near the one chosen ([2]_, algorithm 5).
    n_draws : int, default=20
        Draws of that noise.
    groups : mapping of str to list, default=None
        Columns whose contributions are summed: name -> columns (names for frames, positions for
        arrays). Columns in no group stay players of their own.
    tol : float, default=1e-6
        Where a quadrature is needed, no contribution changes by more than this, relative to the
        largest one, when its steps are halved.
    max_steps : int, default=2048
        Pieces, or steps of a quadrature, per row and baseline. A row that needs more has
        ``converged`` False, and its ``additivity_gap`` tells how far off it is.
    n_background : int or None, default=100
        Reference rows drawn for ``baseline="background"``; None keeps every row.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws of reference rows and noise.

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
    DeepLIFT : One step instead of an integral; the same for one hidden layer.
    KernelSHAP : Averages over all ways from reference rows, for any model.

    Notes
    -----
    ``base_values`` are the response of the baseline, or the mean over baselines; ``std_errors``
    those of the draw of baselines, for ``baseline="background"``. ``details`` has
    ``n_gradients``, the gradients of each row, and ``is_exact``.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic attribution for deep networks",
       ICML 2017.
    .. [2] W. Samek, G. Montavon, S. Lapuschkin, C. J. Anders and K.-R. Müller, "Explaining deep
       neural networks and beyond: a review of methods and applications", Proc. IEEE 109, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPRegressor
    >>> from surrogates import IntegratedGradients
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 1] ** 2 + X[:, 0]
    >>> model = MLPRegressor(hidden_layer_sizes=(9, 9), learning_rate_init=0.05, random_state=0)
    >>> model = model.fit(X, y)
    >>> explanation = IntegratedGradients(model).fit(X).explain(X[:5])
    >>> bool(np.abs(explanation.additivity_gap).max() < 1e-12)
    True
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        **SHARED_CONSTRAINTS,
        "baseline": [Options(*BASELINES)],
        "smoothing": [Interval("float", 0, None)],
        "n_draws": [Interval("int", 1, None)],
        "tol": [Interval("float", 0, None, "neither")],
        "max_steps": [Interval("int", 32, None)],
        "n_background": [Interval("int", 1, None), NONE],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        baseline: str = "mean",
        smoothing: float = 0.0,
        n_draws: int = 20,
        groups: Mapping[str, Sequence[Any]] | None = None,
        tol: float = 1e-6,
        max_steps: int = 2048,
        n_background: int | None = 100,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.baseline = baseline
        self.smoothing = smoothing
        self.n_draws = n_draws
        self.groups = groups
        self.tol = tol
        self.max_steps = max_steps
        self.n_background = n_background
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _make_engine(
        self, model: Differentiable, owners: Owners, reference: ReferenceInputs, seed: int
    ) -> "_Paths":
        noise = None
        if self.smoothing:
            draws = np.random.default_rng(seed).normal(size=(self.n_draws, len(reference.std)))
            noise = draws * reference.std * float(self.smoothing)
        self.baselines_ = choose_baselines(self.baseline, model, reference, self.reference_, noise)
        return _Paths(model, owners, self.baselines_, float(self.tol), int(self.max_steps))

    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "baseline": self.baseline,
            "tol": float(self.tol),
            "max_steps": int(self.max_steps),
        }
        if self.smoothing:
            record |= {"smoothing": float(self.smoothing), "n_draws": int(self.n_draws)}
        return record


@dataclass(frozen=True)
class _Paths:
    """Integrals from every baseline, averaged."""

    model: Differentiable
    owners: Owners
    baselines: Baselines
    tol: float
    max_steps: int

    @property
    def rows_per_block(self) -> int:
        """Rows that make a unit of work: few, where each has many points on its way."""
        n_stages = self.model.n_stages
        return 8192 if n_stages is not None and n_stages <= 1 else 32

    def explain(self, rows: Any) -> Answer:
        inputs = self.model.encode(rows)
        shape = len(inputs), self.owners.n_players, self.model.n_outputs
        values, squares = np.zeros(shape), np.zeros(shape)
        n_gradients = np.zeros(len(inputs), dtype=np.int64)
        exact, settled = np.ones(len(inputs), dtype=bool), np.ones(len(inputs), dtype=bool)
        for baseline, weight in zip(self.baselines.inputs, self.baselines.weights, strict=True):
            found = integrate(self.model, inputs, baseline, self.tol, self.max_steps)
            own = self.owners.sums(found.values)
            values += weight * own
            squares += weight * own**2
            n_gradients += found.n_gradients
            exact &= found.is_exact
            settled &= found.settled
        base_values = np.tile(self.baselines.mean_response, (len(inputs), 1))
        predictions = self.model.responses(inputs)
        gap = np.abs(predictions - base_values - values.sum(axis=1)).max(axis=1)
        complete = gap <= self.tol * np.abs(values).sum(axis=1).max(axis=1)
        return Answer(
            values,
            base_values,
            predictions,
            int(n_gradients.sum()),
            std_errors=self.baselines.errors(values, squares),
            converged=exact | (settled & complete),
            details={"n_gradients": n_gradients, "is_exact": exact},
        )
