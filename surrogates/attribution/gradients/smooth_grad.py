"""SmoothGrad and VarGrad: gradients around a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Constraint, Interval, Options
from surrogates.attribution.gradients.answers import Answer, Owners
from surrogates.attribution.gradients.explainer import SHARED_CONSTRAINTS, GradientExplainer
from surrogates.attribution.gradients.reference_inputs import ReferenceInputs
from surrogates.attribution.gradients.units import Units, read_units
from surrogates.blackbox.differentiable import Differentiable

__all__ = ["SmoothGrad"]

Floats = NDArray[np.float64]

_STATISTICS = ("mean", "variance", "mean_square")


class SmoothGrad(GradientExplainer):
    """How fast the response changes per unit of each column, on average around the row.

    Gradients at the row plus normal noise are averaged [1]_; or their variance is taken, which
    tells where the slope changes (VarGrad, [2]_); or the mean of their squares. Every row has the
    same draws, so that equal rows have equal answers.

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
    noise : float, default=0.15
        Standard deviation of the noise, relative to that of each column in the reference data.
    statistic : {"mean", "variance", "mean_square"}, default="mean"
        What is returned of the gradients: SmoothGrad, VarGrad or SmoothGrad-squared, in units of
        the response per unit of the column, or their squares.
    n_draws : int, default=50
        Draws of noise.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

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
    Gradient : The slope at the row itself.

    Notes
    -----
    ``std_errors`` are those of the draws of noise. ``base_values`` are the mean response of the
    reference rows: slopes do not add up to the response. Columns must be numeric, behind affine
    preprocessing, as for `Gradient`.

    References
    ----------
    .. [1] D. Smilkov, N. Thorat, B. Kim, F. Viégas and M. Wattenberg, "SmoothGrad: removing noise
       by adding noise", 2017.
    .. [2] J. Adebayo, J. Gilmer, I. Goodfellow and B. Kim, "Local explanation methods for deep
       neural networks lack sensitivity to parameter values", ICLR workshop 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from surrogates import SmoothGrad
    >>> X = np.array([[0.0, 10.0], [1.0, 20.0], [2.0, 50.0]])
    >>> model = LinearRegression().fit(X, X @ [3.0, 0.5])
    >>> SmoothGrad(model, random_state=0).fit(X).explain(X[:1]).values[0, :, 0].round(6)
    array([3. , 0.5])
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        **{name: words for name, words in SHARED_CONSTRAINTS.items() if name != "groups"},
        "noise": [Interval("float", 0, None, "neither")],
        "statistic": [Options(*_STATISTICS)],
        "n_draws": [Interval("int", 2, None)],
    }
    groups = None

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        noise: float = 0.15,
        statistic: str = "mean",
        n_draws: int = 50,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.noise = noise
        self.statistic = statistic
        self.n_draws = n_draws
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _make_engine(
        self, model: Differentiable, owners: Owners, reference: ReferenceInputs, seed: int
    ) -> "_Draws":
        units = read_units(model, self.reference_.rows, type(self).__name__)
        draws = np.random.default_rng(seed).normal(size=(self.n_draws, len(reference.std)))
        noise = draws * reference.std * float(self.noise)
        return _Draws(model, owners, units, reference.mean_response, noise, self.statistic)

    def _record(self) -> dict[str, Any]:
        return {
            "noise": float(self.noise),
            "statistic": self.statistic,
            "n_draws": int(self.n_draws),
        }


@dataclass(frozen=True)
class _Draws:
    """Moments of the gradients at rows plus noise."""

    model: Differentiable
    owners: Owners
    units: Units
    mean_response: Floats
    noise: Floats
    statistic: str
    rows_per_block: int = 64

    def explain(self, rows: Any) -> Answer:
        inputs = self.model.encode(rows)
        self.units.check(inputs, rows)
        slopes = self.units.slopes[:, None]
        n_players, n_outputs = self.owners.n_players, self.model.n_outputs
        gradients = np.empty((len(self.noise), len(inputs), n_players, n_outputs))
        for draw, shift in enumerate(self.noise):
            by_input = self.model.gradients(inputs + shift)[1]
            gradients[draw] = self.owners.sums(by_input * slopes)
        values, errors = _moments(gradients, self.statistic)
        return Answer(
            values,
            np.tile(self.mean_response, (len(inputs), 1)),
            self.model.responses(inputs),
            len(inputs) * len(self.noise),
            std_errors=errors,
        )


def _moments(gradients: Floats, statistic: str) -> tuple[Floats, Floats]:
    """Return a statistic over the draws, which are the first axis, and its standard error."""
    n_draws = len(gradients)
    if statistic == "variance":
        squares = (gradients - gradients.mean(axis=0)) ** 2
        variance = squares.sum(axis=0) / (n_draws - 1)
        excess = np.maximum((squares**2).mean(axis=0) - variance**2, 0.0)
        return variance, np.sqrt(excess / n_draws)
    terms = gradients if statistic == "mean" else gradients**2
    return terms.mean(axis=0), terms.std(axis=0, ddof=1) / np.sqrt(n_draws)
