"""Algorithms of captum as explainers of this package."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from surrogates._params import ANY_CALLABLE, NONE, Constraint, Instance, Interval, Options
from surrogates.attribution.gradients.answers import Answer, Owners
from surrogates.attribution.gradients.baselines import BASELINES, choose_baselines
from surrogates.attribution.gradients.explainer import SHARED_CONSTRAINTS, GradientExplainer
from surrogates.attribution.gradients.reference_inputs import ReferenceInputs
from surrogates.blackbox.differentiable import Differentiable

__all__ = ["CaptumAttribution"]

_PLAIN = (str, int, float, bool, type(None))


class CaptumAttribution(GradientExplainer):
    """What an algorithm of captum attributes, to the columns of a table.

    The algorithm is given the network as a module of its numeric inputs, with the rows of
    embeddings in the place of codes; what it finds is summed over the inputs of each column, also
    behind encoders and column-wise preprocessing in a Pipeline. It works on a copy of the module.

    Parameters
    ----------
    estimator : object
        `surrogates.torch.TorchClassifier`, `surrogates.torch.TorchRegressor`, or a Pipeline ending
        in one.
    method : str, class or callable, default="IntegratedGradients"
        A class of `captum.attr` that attributes to inputs, by itself or by name; or a function
        that makes an algorithm of a module, such as one that wraps it in a `NoiseTunnel`.
    options : mapping, default=None
        Keywords of its ``attribute``, such as ``n_steps``.
    baseline : {"mean", "zero", "background"}, default="mean"
        Given to algorithms that take ``baselines``: the mean of the inputs over the reference
        rows, inputs of zero, or all rows of the background, for those that take a distribution
        (`GradientShap`, `DeepLiftShap`).
    response_method : str, default="auto"
        "auto" takes the logits of a classifier and the prediction of a regressor.
    target : label or list of labels, default=None
        Outputs to explain, by class label or name. None is the positive class ``classes_[1]`` of
        a binary classifier, and every output otherwise.
    groups : mapping of str to list, default=None
        Columns that are masked, or whose attributions are summed, together: name -> columns.
    n_background : int or None, default=100
        Reference rows drawn for ``baseline="background"``; None keeps every row.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw of reference rows, and of the algorithm.

    Attributes
    ----------
    estimator_ : object
        The model explained.
    model_ : Model
        The model as a function to float64, with ``output_names``.
    differentiable_ : Differentiable
        Its inside.
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
    IntegratedGradients : Exact for networks of ReLUs, without captum.
    DeepLIFT : Right for functional and re-used activations, too.

    Notes
    -----
    Algorithms that take a ``feature_mask`` are given one that masks all inputs of a player at
    once. ``base_values`` are the response of the baseline, or the mean response where the
    algorithm takes none; ``additivity_gap`` is what the algorithm leaves unexplained.

    References
    ----------
    .. [1] N. Kokhlikyan et al., "Captum: a unified and generic model interpretability library for
       PyTorch", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from surrogates import CaptumAttribution
    >>> from surrogates.torch import TorchRegressor
    >>> X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    >>> model = TorchRegressor(torch.nn.Linear(3, 1))
    >>> explainer = CaptumAttribution(model, method="IntegratedGradients", options={"n_steps": 20})
    >>> explainer.fit(X).explain(X[:2]).values.shape
    (2, 3, 1)
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        **SHARED_CONSTRAINTS,
        "method": [Instance(str, "a str"), ANY_CALLABLE],
        "options": [Instance(Mapping, "a mapping of keywords"), NONE],
        "baseline": [Options(*BASELINES)],
        "n_background": [Interval("int", 1, None), NONE],
    }
    _prefers_logits = True

    def __init__(
        self,
        estimator: Any,
        *,
        method: str | Callable[[Any], Any] = "IntegratedGradients",
        options: Mapping[str, Any] | None = None,
        baseline: str = "mean",
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        groups: Mapping[str, Sequence[Any]] | None = None,
        n_background: int | None = 100,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.options = options
        self.baseline = baseline
        self.response_method = response_method
        self.target = target
        self.groups = groups
        self.n_background = n_background
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _make_engine(
        self, model: Differentiable, owners: Owners, reference: ReferenceInputs, seed: int
    ) -> "_Algorithm":
        if not hasattr(getattr(model, "network", None), "adapter"):
            raise ValueError(
                f"captum explains networks of torch, and {type(self.estimator_).__name__} is "
                "none: use surrogates.torch.TorchClassifier or TorchRegressor, or "
                "IntegratedGradients, DeepLIFT or LRP."
            )
        from surrogates.torch.captum_bridge import Response, find_algorithm, takes

        make, response = find_algorithm(self.method), Response(model)  # type: ignore[arg-type]
        algorithm = make(response)
        if not hasattr(algorithm, "attribute"):
            raise TypeError(
                "The 'method' parameter of CaptumAttribution must be a class of captum.attr, or "
                f"make an algorithm of a module. Got {self.method!r} instead."
            )
        self.baselines_ = choose_baselines(self.baseline, model, reference, self.reference_)
        options = dict(self.options or {})
        base_values = reference.mean_response
        if takes(algorithm, "baselines"):
            options = {"baselines": self.baselines_.inputs} | options
            base_values = self.baselines_.mean_response
        return _Algorithm(model, owners, make, response, options, base_values, seed)

    def _record(self) -> dict[str, Any]:
        method = self.method
        name = method if isinstance(method, str) else getattr(method, "__name__", repr(method))
        given = dict(self.options or {})
        options = {key: one if isinstance(one, _PLAIN) else repr(one) for key, one in given.items()}
        return {"algorithm": name, "baseline": self.baseline, "options": options}


@dataclass(frozen=True)
class _Algorithm:
    """Attributions of blocks of rows."""

    model: Differentiable
    owners: Owners
    make: Callable[[Any], Any]
    response: Any
    options: Mapping[str, Any]
    base_values: Any
    seed: int
    rows_per_block: int = 256

    def explain(self, rows: Any) -> Answer:
        from surrogates.torch.captum_bridge import attribute

        inputs = self.model.encode(rows)
        of_input = self.owners.of_input
        values = attribute(self.make, self.response, inputs, of_input, self.options, self.seed)
        return Answer(
            self.owners.sums(values),
            np.tile(self.base_values, (len(inputs), 1)),
            self.model.responses(inputs),
            len(inputs),
        )
