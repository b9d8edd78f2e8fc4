"""A tree of filters: every node weighs all columns at once and sends rows both ways."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, column_or_1d, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from surrogates._params import ANY_CALLABLE, Constraint, Instance, Interval, Options
from surrogates.base import Explainer
from surrogates.blackbox.model import is_fitted
from surrogates.blackbox.table import is_frame, row_labels
from surrogates.distillation.coding import make_coding
from surrogates.distillation.soft_gates import (
    SoftGates,
    descended,
    leaf_chances,
    log_gates,
    loss_and_slope,
)
from surrogates.distillation.soft_inputs import make_inputs
from surrogates.distillation.teacher import Teacher, make_teacher

__all__ = ["SoftDecisionTreeClassifier"]

_SPREAD = 0.5
_LEAF_SPREAD = 0.1


class SoftDecisionTreeClassifier(ClassifierMixin, Explainer):
    """A soft decision tree, distilled from the probabilities of a model or learned from labels.

    Every inner node is a filter, one weight for each column: it sends a row to the right with
    probability ``sigmoid(w x + b)``. Every leaf holds one distribution over the classes. All
    filters and leaves are learned together by gradient descent [1]_.

    Parameters
    ----------
    estimator : object, default=None
        The model to imitate: a fitted estimator or Pipeline, an unfitted one (then `fit` needs y),
        or a callable that returns probabilities (n, n_classes) or labels (n,). A fitted model is
        never refitted or changed. None: there is no model, learn from y.
    max_depth : int, default=4
        Filters on a path; the tree has ``2 ** max_depth`` leaves.
    targets : {"proba", "labels"}, default="proba"
        Imitate the probabilities of the model, which tell more, or its labels.
    path : {"max", "mixture"}, default="max"
        Predict by the leaf that a row most likely reaches, or by all leaves, each with the
        probability that it is reached.
    penalty : float, default=0.1
        How strongly each node is kept from sending all rows the same way; half as strongly one
        level below.
    max_iter : int, default=400
        Steps of the descent.
    batch_size : int, default=128
        Rows in a step.
    learning_rate : float, default=0.02
        Size of the first steps; they shrink to nothing.
    n_init : int, default=6
        Descents from other first filters, of which the one that loses least is kept.
    response_method : str or callable, default="auto"
        Method of the model to imitate; "auto" takes predict_proba for probabilities and predict
        for labels. Or a function ``(estimator, X) -> array``.
    random_state : int, RandomState instance or None, default=None
        Seed of the first filters and of the order of rows.

    Attributes
    ----------
    estimator_ : object
        The model imitated, None without one.
    classes_ : ndarray of shape (n_classes,)
    filters_ : ndarray of shape (2 ** max_depth - 1, n_inputs)
        Weights of the nodes for standardized inputs. The children of node i are ``2 * i + 1``
        (left) and ``2 * i + 2`` (right).
    biases_ : ndarray of shape (2 ** max_depth - 1,)
    leaf_probabilities_ : ndarray of shape (2 ** max_depth, n_classes)
    input_names_ : ndarray of str
        Columns, and ``column = level`` for levels.
    loss_ : float
        Mean loss of all rows, penalty included.
    loss_curve_ : ndarray of shape (max_iter,)
        Mean loss of the rows of each step.
    n_iter_ : int
        Steps of each descent.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where `fit` was given a frame.

    See Also
    --------
    TrepanClassifier : Tests of few columns, which are easier to read.

    References
    ----------
    .. [1] N. Frosst and G. Hinton, "Distilling a neural network into a soft decision tree",
       arXiv 1711.09784, 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from surrogates import SoftDecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier(max_iter=2000, random_state=0).fit(X, y)
    >>> tree = SoftDecisionTreeClassifier(net, max_depth=2, random_state=0).fit(X)
    >>> tree.fidelity(X) > 0.9
    True
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "max_depth": [Interval("int", 1, 12, "both")],
        "targets": [Options("proba", "labels")],
        "path": [Options("max", "mixture")],
        "penalty": [Interval("float", 0, None)],
        "max_iter": [Interval("int", 1, None)],
        "batch_size": [Interval("int", 1, None)],
        "learning_rate": [Interval("float", 0, None, "neither")],
        "n_init": [Interval("int", 1, None)],
        "response_method": [Instance(str, "a str"), ANY_CALLABLE],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        max_depth: int = 4,
        targets: str = "proba",
        path: str = "max",
        penalty: float = 0.1,
        max_iter: int = 400,
        batch_size: int = 128,
        learning_rate: float = 0.02,
        n_init: int = 6,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.max_depth = max_depth
        self.targets = targets
        self.path = path
        self.penalty = penalty
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_init = n_init
        self.response_method = response_method
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.estimator is None:
            tags.target_tags.required = True
        return tags

    def _check_estimator(self) -> None:
        if self.estimator is not None:
            super()._check_estimator()

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn filters and leaves.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Rows in the form that the model takes; it is asked about each once. Levels become one
            input each.
        y : array-like of shape (n_rows,), default=None
            Labels; needed without a model, or to fit an unfitted one, ignored otherwise.

        Returns
        -------
        self : SoftDecisionTreeClassifier

        Raises
        ------
        ValueError
            A parameter out of range, an unusable table, no y where it is needed, or missing
            values where there is no fitted model that takes them.
        ModelOutputError
            The model raised, or returned something other than labels or finite numbers.
        """
        self._check_params()
        X = self._check_reference(X)
        rng = np.random.default_rng(self._root_seed())
        targets = self._learn_targets(X, y)
        self.coding_, coded = make_coding(X)
        self._check_finite(coded)
        self.inputs_ = make_inputs(self.coding_, coded)
        inputs = self.inputs_(coded)
        self.loss_ = np.inf
        for _ in range(self.n_init):
            gates, losses = self._descended(inputs, targets, rng)
            loss, _ = loss_and_slope(gates, inputs, targets, float(self.penalty))
            if loss < self.loss_:
                self.gates_, self.loss_, self.loss_curve_ = gates, loss, np.array(losses)
        self.n_iter_ = len(self.loss_curve_)
        self.filters_, self.biases_ = self.gates_.weights, self.gates_.biases
        self.leaf_probabilities_ = self.gates_.shares
        self.input_names_ = np.array(self.inputs_.names, dtype=object)
        return self

    def _learn_targets(self, X: Any, y: Any) -> NDArray[np.float64]:
        """Return probabilities of the classes, of shape (n_rows, n_classes)."""
        if self.estimator is not None:
            self.estimator_ = self._fit_estimator(X, y, None)
            teacher, targets = make_teacher(
                self.estimator_, self.response_method, self.targets, None, X
            )
            self.teacher_: Teacher | None = teacher
            self.classes_ = np.asarray(teacher.classes)
            return targets
        self.estimator_ = self.teacher_ = None
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None. Without a model to imitate, labels are needed."
            )
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        check_consistent_length(X, labels)
        self.classes_, places = np.unique(labels, return_inverse=True)
        return np.eye(len(self.classes_))[places]

    def _descended(
        self, inputs: NDArray[np.float64], targets: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[SoftGates, list[float]]:
        n_nodes, n_inputs = 2**self.max_depth - 1, inputs.shape[1]
        spread = _SPREAD / np.sqrt(n_inputs)
        start = SoftGates(
            spread * rng.standard_normal((n_nodes, n_inputs)),
            np.zeros(n_nodes),
            _LEAF_SPREAD * rng.standard_normal((n_nodes + 1, targets.shape[1])),
        )
        return descended(
            start,
            inputs,
            targets,
            penalty=float(self.penalty),
            max_iter=int(self.max_iter),
            batch_size=int(self.batch_size),
            learning_rate=float(self.learning_rate),
            rng=rng,
        )

    def _check_finite(self, coded: NDArray[np.float64]) -> None:
        """Refuse infinite numbers, and missing ones where no model is there to take them."""
        takes_missing = self.estimator is not None and (
            is_fitted(self.estimator) or get_tags(self).input_tags.allow_nan
        )
        for at, column in enumerate(self.coding_.columns):
            if not column.is_nominal:
                assert_all_finite(
                    coded[:, at], allow_nan=takes_missing, input_name=f"X, column {column.name!r},"
                )

    def _rows(self, X: Any) -> tuple[Any, NDArray[np.float64]]:
        """Check rows and return them with their inputs."""
        check_is_fitted(self)
        rows = self._check_rows(X, self.coding_.rows)
        coded = self.coding_.encode(rows)
        self._check_finite(coded)
        return rows, self.inputs_(coded)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_classes)
            Of the likeliest leaf, or of all leaves together; in the order of ``classes_``.
        """
        return self._probabilities(self._rows(X)[1])

    def _probabilities(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        chances = leaf_chances(self.gates_, inputs)
        if self.path == "mixture":
            mixed: NDArray[np.float64] = chances @ self.gates_.shares
            return mixed / mixed.sum(axis=1, keepdims=True)
        return self.gates_.shares[chances.argmax(axis=1)]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        labels : ndarray of shape (n_rows,)
        """
        places = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[places]
        return labels

    def fidelity(self, X: Any) -> float:
        """Return the share of rows with the label that the model gives.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Rows that the tree has not been fitted on; on others the answer flatters.

        Returns
        -------
        fidelity : float

        Raises
        ------
        ValueError
            The tree was learned from labels, without a model to imitate.
        """
        rows, inputs = self._rows(X)
        if self.teacher_ is None:
            raise ValueError(
                "fidelity needs a model to imitate, but the 'estimator' parameter of "
                f"{type(self).__name__} is None: use score(X, y)."
            )
        labels = self.teacher_(rows).argmax(axis=1)
        return float((self._probabilities(inputs).argmax(axis=1) == labels).mean())

    def explain(self, X: Any) -> pd.DataFrame:
        """Return the filters on the way to the leaf that each row most likely reaches.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        DataFrame
            One line for each row, node and input: row, depth, node, goes ("left" or "right"),
            probability (of going there), input, weight, contribution. The contributions of a node,
            and the line "(bias)", sum to the logit of going right.
        """
        rows, inputs = self._rows(X)
        gates, n_nodes = self.gates_, len(self.gates_.biases)
        right, _ = log_gates(gates, inputs)
        leaves = leaf_chances(gates, inputs).argmax(axis=1) + n_nodes
        labels, parts = row_labels(X if is_frame(X) else rows), []
        names = [*self.inputs_.names, "(bias)"]
        for label, row, leaf, chances in zip(labels, inputs, leaves, np.exp(right), strict=True):
            path = [leaf]
            while path[-1]:
                path.append((path[-1] - 1) // 2)
            for depth, (node, child) in enumerate(zip(path[:0:-1], path[-2::-1], strict=True)):
                goes_right = child == 2 * node + 2
                weights = np.append(gates.weights[node], gates.biases[node])
                fields = {
                    "row": label,
                    "depth": depth,
                    "node": node,
                    "goes": "right" if goes_right else "left",
                    "probability": chances[node] if goes_right else 1.0 - chances[node],
                    "input": names,
                    "weight": weights,
                    "contribution": weights * np.append(row, 1.0),
                }
                parts.append(pd.DataFrame(fields))
        return pd.concat(parts, ignore_index=True)
