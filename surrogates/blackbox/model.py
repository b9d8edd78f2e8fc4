"""Any predictor as a function from a table to float64 responses of shape (n_rows, n_outputs)."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from surrogates.blackbox.table import is_frame
from surrogates.exceptions import ModelOutputError

__all__ = ["Model", "can_be_asked", "is_fitted", "make_model"]

_AUTO_METHODS = ("predict_proba", "decision_function", "predict")
_NAMED = "X has feature names, but"


def is_fitted(estimator: Any) -> bool:
    """Tell whether `estimator` can be asked as it is: fitted, a callable, or no BaseEstimator."""
    if not isinstance(estimator, BaseEstimator) or not hasattr(estimator, "fit"):
        return True
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def can_be_asked(estimator: Any, response_method: Any) -> bool:
    """Tell whether `estimator` is a model, fitted or not, and no other kind of object."""
    if isinstance(estimator, BaseEstimator) or callable(estimator) or callable(response_method):
        return True
    return any(hasattr(estimator, name) for name in (*_AUTO_METHODS, response_method))


@dataclass(frozen=True)
class Model:
    """A predictor with its outputs chosen and named.

    Parameters
    ----------
    predictor : object
        A fitted estimator, any object with the method, or a callable.
    method : str or callable
        Name of the method asked, "__call__" for a callable predictor, or a function
        ``(predictor, X) -> array``.
    labels : tuple
        The label of each raw output: classes, names of columns, or positions.
    columns : tuple of int
        The raw outputs explained, in order.
    signs : tuple of float
        -1 where the margin of a binary classifier is read for the first class.
    indicator_of : tuple or None
        The labels whose indicators are the raw outputs of a predictor of labels.
    as_array : bool
        Whether frames are sent as arrays, to a model that was fitted on arrays.
    """

    predictor: Any
    method: str | Callable[[Any, Any], Any]
    labels: tuple[Any, ...]
    columns: tuple[int, ...]
    signs: tuple[float, ...]
    indicator_of: tuple[Any, ...] | None = None
    as_array: bool = False

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs explained."""
        return tuple(str(self.labels[column]) for column in self.columns)

    @property
    def method_name(self) -> str:
        """How the predictor is asked, for messages and records."""
        return _method_name(self.method)

    @property
    def everything(self) -> "Model":
        """The same predictor with all of its outputs."""
        n_outputs = len(self.labels)
        return replace(self, columns=tuple(range(n_outputs)), signs=(1.0,) * n_outputs)

    def __call__(self, X: Any) -> NDArray[np.float64]:
        """Return the responses to the rows of `X`, of shape (n_rows, n_outputs)."""
        answer = _ask(self.predictor, self.method, X, as_array=self.as_array)
        return self.read(answer, X.shape[0])

    def read(self, answer: Any, n_rows: int) -> NDArray[np.float64]:
        """Return what the predictor answered for some rows as responses: (n_rows, n_outputs)."""
        who = _name_of(self.predictor, self.method)
        values = _one_array(answer, n_rows, who)
        if self.indicator_of is not None:
            matrix = _indicators(values, self.indicator_of, who)
        else:
            matrix = _finite(values, who).reshape(len(values), -1)
        if matrix.shape[1] == 1 and len(self.labels) == 2:
            return np.ascontiguousarray(matrix * np.asarray(self.signs))
        if matrix.shape[1] != len(self.labels):
            raise ModelOutputError(
                f"{who} returned {matrix.shape[1]} outputs where it returned {len(self.labels)} "
                "for the reference rows."
            )
        if self.columns == tuple(range(len(self.labels))):
            return np.ascontiguousarray(matrix)
        return np.ascontiguousarray(matrix[:, self.columns])


def make_model(
    predictor: Any,
    response_method: str | Callable[[Any, Any], Any],
    target: Any,
    reference: Any,
) -> tuple[Model, NDArray[np.float64]]:
    """Find out what a predictor answers, by asking it about the reference rows.

    Parameters
    ----------
    predictor : object
        A fitted estimator, an object with a predicting method, or a callable ``f(X)``.
    response_method : str or callable
        "auto" takes the first of predict_proba, decision_function and predict that exists. A
        function ``(predictor, X) -> array`` is asked instead of a method.
    target : label, list of labels or None
        The outputs to explain. None is the positive class ``classes_[1]`` of a binary classifier
        and every output otherwise.
    reference : ndarray or DataFrame
        Rows that the predictor accepts.

    Returns
    -------
    model : Model
    responses : ndarray of shape (n_reference, n_outputs)
        The model's responses to the reference rows.

    Raises
    ------
    ModelOutputError
        The predictor raised or returned something that is no finite response.
    ValueError
        Unknown method or target.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> classifier = LogisticRegression().fit(X, ["good", "good", "bad", "bad"])
    >>> model, responses = make_model(classifier, "auto", "bad", X)
    >>> model.method, model.output_names, responses.shape
    ('predict_proba', ('bad',), (4, 1))
    """
    method = _find_method(predictor, response_method)
    answer, as_array = _first_answer(predictor, method, reference)
    values = _one_array(answer, reference.shape[0], _name_of(predictor, method))
    labels, indicators = _label_outputs(predictor, method, answer, values)
    columns = _select(labels, target, binary=_is_binary(predictor, labels))
    is_margin = indicators is None and values.size == len(values) and len(labels) == 2
    signs = tuple(-1.0 if is_margin and column == 0 else 1.0 for column in columns)
    model = Model(predictor, method, labels, columns, signs, indicators, as_array)
    return model, model.read(answer, reference.shape[0]).copy()  # not a view of the caller's table


def _find_method(predictor: Any, wanted: Any) -> str | Callable[[Any, Any], Any]:
    if callable(wanted):
        checked: Callable[[Any, Any], Any] = wanted
        return checked
    candidates = _AUTO_METHODS if wanted == "auto" else (wanted,)
    for name in candidates:
        if hasattr(predictor, name):
            return str(name)
    if wanted == "auto" and callable(predictor):
        return "__call__"
    raise ValueError(
        f"{type(predictor).__name__} has no method {' or '.join(candidates)}: "
        "pass another response_method, or a callable as the estimator."
    )


def _method_name(method: str | Callable[[Any, Any], Any]) -> str:
    if isinstance(method, str):
        return "the callable" if method == "__call__" else method
    return getattr(method, "__name__", type(method).__name__)


def _name_of(predictor: Any, method: str | Callable[[Any, Any], Any]) -> str:
    name = getattr(predictor, "__name__", type(predictor).__name__)
    joint = " " if method == "__call__" else " of "
    return f"{_method_name(method)}{joint}{name}"


def _ask(predictor: Any, method: Any, X: Any, *, as_array: bool) -> Any:
    table = X.to_numpy() if as_array and is_frame(X) else X
    try:
        if method == "__call__":
            return predictor(table)
        if callable(method):
            return method(predictor, table)
        return getattr(predictor, method)(table)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelOutputError(
            f"{_name_of(predictor, method)} raised {type(error).__name__}: {error}"
        ) from error


def _first_answer(predictor: Any, method: Any, reference: Any) -> tuple[Any, bool]:
    """Ask about the reference rows, and tell whether to send frames as arrays from now on.

    A scikit-learn model that was fitted on an array would warn about every frame.
    """
    if not is_frame(reference) or hasattr(predictor, "feature_names_in_"):
        return _ask(predictor, method, reference, as_array=False), False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = _ask(predictor, method, reference, as_array=False)
    others = [warned for warned in caught if not str(warned.message).startswith(_NAMED)]
    for warned in others:
        warnings.warn_explicit(warned.message, warned.category, warned.filename, warned.lineno)
    if len(others) == len(caught):
        return answer, False
    return _ask(predictor, method, reference, as_array=True), True


def _one_array(answer: Any, n_rows: int, who: str) -> NDArray[Any]:
    """Return an answer as an array with a row for each row asked about."""
    try:
        values: NDArray[Any] = np.hstack(answer) if _is_multioutput(answer) else np.asarray(answer)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelOutputError(f"{who} returned something that is no array: {error}") from error
    if values.ndim == 0 or len(values) != n_rows:
        found = len(values) if values.ndim else "no"
        raise ModelOutputError(f"{who} returned {found} rows for {n_rows} rows.")
    if values.ndim > 2 or values.size == 0:
        raise ModelOutputError(
            f"{who} returned an array of shape {values.shape}. It must be (n_rows,) or "
            "(n_rows, n_outputs)."
        )
    return values


def _is_multioutput(answer: Any) -> bool:
    """Tell whether an answer is a list of matrices: the probabilities of several targets."""
    return isinstance(answer, list) and all(
        isinstance(part, np.ndarray) and part.ndim == 2 for part in answer
    )


def _finite(values: NDArray[Any], who: str) -> NDArray[np.float64]:
    if values.dtype.kind in "cSU":
        raise ModelOutputError(f"{who} returned values that are no real numbers: {values.dtype}.")
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelOutputError(f"{who} returned values that are no numbers.") from error
    # a finite sum needs finite values, and is taken in a fraction of the time
    if not np.isfinite(numbers.sum()) and not np.isfinite(numbers).all():
        raise ModelOutputError(f"{who} returned NaN or infinite values.")
    return numbers


def _indicators(values: NDArray[Any], labels: tuple[Any, ...], who: str) -> NDArray[np.float64]:
    if values.size != len(values):
        raise ModelOutputError(f"{who} returned {values.shape[1]} labels for each row.")
    answers = values.ravel()
    if pd.isna(answers).any():
        raise ModelOutputError(f"{who} returned missing labels.")
    return np.column_stack([answers == label for label in labels]).astype(np.float64)


def _label_outputs(
    predictor: Any, method: Any, answer: Any, values: NDArray[Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """Return the label of each output, and the labels that a predictor of labels can return."""
    if _is_multioutput(answer):
        return _labels_of_targets(predictor, answer), None
    if is_frame(answer):
        return tuple(answer.columns), None
    classes = _classes(predictor)
    if _predicts_labels(predictor, method, values, classes):
        seen = pd.unique(values[~pd.isna(values)])
        labels = classes or tuple(sorted(seen, key=_sort_key))
        return labels, labels
    n_outputs = values.size // len(values)
    is_margin = method == "decision_function" and n_outputs == 1 and len(classes) == 2
    if is_margin or 0 < len(classes) == n_outputs:
        return classes, None
    return (("prediction",) if n_outputs == 1 else tuple(range(n_outputs))), None


def _classes(predictor: Any) -> tuple[Any, ...]:
    """Return the classes of a classifier of one target, and nothing for all else."""
    classes = getattr(predictor, "classes_", None)
    if classes is None or any(np.ndim(label) for label in classes):
        return ()
    return tuple(classes)


def _labels_of_targets(predictor: Any, answer: list[Any]) -> tuple[Any, ...]:
    classes = getattr(predictor, "classes_", None)
    levels = classes if classes is not None else [range(part.shape[1]) for part in answer]
    return tuple(f"y{target}={level}" for target, some in enumerate(levels) for level in some)


def _predicts_labels(
    predictor: Any, method: Any, values: NDArray[Any], classes: tuple[Any, ...]
) -> bool:
    if method not in ("predict", "__call__") or values.size != len(values):
        return False
    if classes:
        return method == "predict"
    if isinstance(predictor, BaseEstimator) and is_regressor(predictor):
        return False
    if values.dtype.kind == "O":
        return not all(isinstance(value, (float, np.floating)) for value in values.ravel())
    return values.dtype.kind in "biuSU"


def _sort_key(label: Any) -> tuple[bool, Any]:
    return (isinstance(label, str), label)


def _is_binary(predictor: Any, labels: tuple[Any, ...]) -> bool:
    return len(labels) == 2 and labels == _classes(predictor)


def _select(labels: tuple[Any, ...], target: Any, *, binary: bool) -> tuple[int, ...]:
    if target is None:
        columns = (1,) if binary else tuple(range(len(labels)))
    else:
        wanted = list(target) if isinstance(target, (list, tuple, np.ndarray)) else [target]
        columns = tuple(_position(labels, label) for label in wanted)
    if not columns or len(set(columns)) < len(columns):
        raise ValueError(
            "The 'target' parameter must name at least one output, and none twice. "
            f"Got {target!r} instead."
        )
    return columns


def _position(labels: tuple[Any, ...], wanted: Any) -> int:
    for position, label in enumerate(labels):
        if label == wanted or str(label) == str(wanted):
            return position
    raise ValueError(
        f"The 'target' parameter names no output of the model: got {wanted!r}, "
        f"the outputs are {[_plain(label) for label in labels]}."
    )


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
