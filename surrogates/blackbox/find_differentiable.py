"""Find the open inside of a model: networks, linear models, and what offers its derivatives."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from surrogates.blackbox.columnwise import trace_columns
from surrogates.blackbox.heads import LINKS_OF_HEADS, Head, binary_head, plain_head
from surrogates.blackbox.inside import Inside, look_inside
from surrogates.blackbox.model import Model
from surrogates.blackbox.open_model import OpenModel
from surrogates.blackbox.perceptron import ACTIVATIONS, Perceptron
from surrogates.blackbox.table import is_frame, take_rows
from surrogates.blackbox.wrappers import unwrap

__all__ = ["find_differentiable", "logit_model"]

Floats = NDArray[np.float64]

_LINEAR_FAMILIES = ("sklearn.linear_model", "sklearn.svm", "sklearn.discriminant_analysis")
_MARGIN = "decision_function"
_N_TRIED = 256
_TOLERANCE = 1e-5  # structure is tested, in whatever precision the model has
_SUPPORTED = (
    "MLPClassifier, MLPRegressor, linear models, surrogates.torch.TorchClassifier and "
    "TorchRegressor, also behind column-wise preprocessing in a Pipeline"
)


def find_differentiable(
    model: Model, rows: Any, *, logits: bool = False, inside: Inside | None = None
) -> OpenModel:
    """Open a model, and prove by trial that the inside gives the same responses.

    Known are scikit-learn's `MLPClassifier` and `MLPRegressor`, linear models, and every estimator
    with a method ``differentiate(method, rows) -> OpenModel``; also in a Pipeline, after
    preprocessing each column of which depends on one column of the table, and in wrappers that
    hand on their answers.

    Parameters
    ----------
    model : Model
        The response, with its outputs selected.
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
        Rows that the model accepts.
    logits : bool, default=False
        Open the logits of a classifier whose probabilities the model asks for. scikit-learn's
        `MLPClassifier` has no method that returns them.
    inside : Inside, default=None
        What `look_inside` found, where somebody looked before.

    Returns
    -------
    opened : OpenModel
        Its inputs are owned by columns of the table.

    Raises
    ------
    ValueError
        The model is no such model.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from surrogates.blackbox.model import make_model
    >>> X = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]])
    >>> ridge = Ridge().fit(X, X @ [3.0, 1.0])
    >>> opened = find_differentiable(make_model(ridge, "auto", None, X)[0], X)
    >>> responses, gradients = opened.gradients(opened.encode(X))
    >>> bool(np.allclose(gradients[0, :, 0], ridge.coef_))
    True
    """
    if not isinstance(model.method, str) or model.method == "__call__":
        raise _unknown("A function", "it hides what is inside")
    if model.indicator_of is not None:
        raise _unknown(
            f"{model.method_name} of {type(model.predictor).__name__}",
            "labels have no derivatives, but predict_proba and decision_function have",
        )
    inside = look_inside(model, rows) if inside is None else inside
    as_array = inside.model.as_array
    table = inside.table(take_rows(rows, slice(0, _N_TRIED)))
    given = table.to_numpy() if as_array and is_frame(table) else table
    opened = _open(inside.estimator, model.method, given).behind(inside.preprocessing, as_array)
    _prove(opened.select(model), model, rows)
    if not logits:
        return opened.select(model)
    return _open(inside.estimator, _MARGIN, given).behind(inside.preprocessing, as_array)


def logit_model(model: Model, opened: OpenModel) -> tuple[Model, OpenModel]:
    """Return the logits of a classifier as a model, and the same outputs of its open inside.

    Parameters
    ----------
    model : Model
        Asks for the probabilities.
    opened : OpenModel
        The logits, as `find_differentiable` returned them.
    """
    is_single = opened.n_outputs == 1 and len(model.labels) == 2
    signs = tuple(-1.0 if is_single and column == 0 else 1.0 for column in model.columns)
    margins = replace(model, method=_Logits(opened), signs=signs, as_array=False)
    return margins, opened.select(margins)


@dataclass(frozen=True)
class _Logits:
    """The logits of a classifier that has no method for them."""

    opened: OpenModel

    @property
    def __name__(self) -> str:
        return _MARGIN

    def __call__(self, _: Any, X: Any) -> Floats:
        return self.opened.responses(self.opened.encode(X))


def _unknown(what: str, why: str) -> ValueError:
    return ValueError(
        f"{what} cannot be differentiated: {why}. Known are {_SUPPORTED}. For other models use "
        "KernelSHAP, LIME or Occlusion."
    )


def _open(estimator: Any, method: str, table: Any) -> OpenModel:
    name = f"{method} of {type(estimator).__name__}"
    if hasattr(estimator, "differentiate"):
        opened: OpenModel = estimator.differentiate(method, table)
        return opened
    if isinstance(estimator, (MLPClassifier, MLPRegressor)):
        return OpenModel(_perceptron(estimator), _head_of_perceptron(estimator, method), name)
    if isinstance(estimator, BaseEstimator) and _has_coefficients(estimator):
        network, head = _linear(estimator, method)
        return OpenModel(network, head, name)
    if isinstance(estimator, Pipeline):
        return _open(unwrap(_only_step(estimator), method), method, table)
    raise _unknown(name, "its inside is not known")


def _only_step(pipeline: Any) -> Any:
    """Return the last step of a Pipeline, if no other step does anything."""
    for _, step in pipeline.steps[:-1]:
        if step is not None and step != "passthrough":
            raise _unknown("Pipeline", f"its step {type(step).__name__} {_fault(step)}")
    return pipeline.steps[-1][1]


def _fault(step: Any) -> str:
    known = trace_columns(step, np.arange(getattr(step, "n_features_in_", 0)))
    return "mixes columns" if known is None else "was not proved to work on single columns"


def _perceptron(estimator: Any) -> Perceptron:
    if estimator.activation not in ACTIVATIONS:
        raise _unknown(type(estimator).__name__, f"its activation is {estimator.activation!r}")
    return Perceptron(
        tuple(np.asarray(part, dtype=np.float64) for part in estimator.coefs_),
        tuple(np.asarray(part, dtype=np.float64) for part in estimator.intercepts_),
        str(estimator.activation),
    )


def _head_of_perceptron(estimator: Any, method: str) -> Head:
    link, n_last = str(estimator.out_activation_), len(estimator.intercepts_[-1])
    name = f"{method} of {type(estimator).__name__}"
    if link not in LINKS_OF_HEADS or method not in ("predict_proba", "predict", _MARGIN):
        why = f"with the output activation {link!r} it" if link not in LINKS_OF_HEADS else "it"
        raise _unknown(name, f"{why} is not known")
    if method == _MARGIN:
        return plain_head("identity", n_last)
    return (
        binary_head(link) if method == "predict_proba" and n_last == 1 else plain_head(link, n_last)
    )


def _has_coefficients(estimator: Any) -> bool:
    return hasattr(estimator, "coef_") and type(estimator).__module__.startswith(_LINEAR_FAMILIES)


def _linear(estimator: Any, method: str) -> tuple[Perceptron, Head]:
    coef = estimator.coef_.toarray() if hasattr(estimator.coef_, "toarray") else estimator.coef_
    coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    intercept = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), (len(coef),))
    network = Perceptron((coef.T,), (intercept,), "identity")
    if method == ("decision_function" if is_classifier(estimator) else "predict"):
        return network, plain_head("identity", len(coef))
    if method != "predict_proba":
        raise _unknown(f"{method} of {type(estimator).__name__}", "it is not known")
    if not _is_logistic(estimator, len(coef)):
        raise _unknown(f"{method} of {type(estimator).__name__}", "it is no softmax of its margins")
    return network, binary_head("logistic") if len(coef) == 1 else plain_head("softmax", len(coef))


def _is_logistic(estimator: Any, n_margins: int) -> bool:
    """Tell whether probabilities are the logistic function, or softmax, of margins.

    Rows of which a model is sure do not show it.
    """
    if isinstance(estimator, SGDClassifier):
        return bool(estimator.loss == "log_loss" and n_margins == 1)
    parameters = (getattr(estimator, name, None) for name in ("multi_class", "solver"))
    is_one_by_one = any(value in ("ovr", "liblinear") for value in parameters)
    return n_margins == 1 or not is_one_by_one


def _prove(opened: OpenModel, model: Model, rows: Any) -> None:
    """Compare the inside with the model on some rows."""
    some = take_rows(rows, slice(0, _N_TRIED))
    expected = model(some)
    try:
        inputs = opened.encode(some)
        found = opened.responses(inputs)
    except (IndexError, ValueError) as error:
        raise _unknown(opened.name, f"its inside does not fit the rows ({error})") from error
    scale = max(1.0, float(np.abs(expected).max()))
    if found.shape != expected.shape or np.abs(found - expected).max() > _TOLERANCE * scale:
        raise _unknown(opened.name, "its responses are not those of the inside that it should have")
