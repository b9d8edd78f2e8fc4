"""Influence functions: what a model would have said without a training row."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from surrogates._params import (
    BOOLEAN,
    NONE,
    Constraint,
    Instance,
    Interval,
    Options,
    check_params,
)
from surrogates.blackbox.table import row_labels
from surrogates.influence.forest_changes import ForestEngine
from surrogates.influence.last_step import find_last_step
from surrogates.influence.parametric import ParametricEngine
from surrogates.influence.regression_diagnostics import dfbetas_frame
from surrogates.influence.row_removal import RowRemoval
from surrogates.influence.suspects import neighbor_values, suspects_frame
from surrogates.influence.validation import (
    Case,
    choose_rows,
    compare_with_refits,
    refuse_neighbors,
)

__all__ = ["InfluenceFunctions"]


class InfluenceFunctions(RowRemoval):
    """Influence of training rows on the losses or predictions of a fitted model.

    ``values[i, j]`` is the loss on test row i of the model fitted without training row j, minus
    the loss of the model: a positive influence is a helpful row. For models with a smooth
    objective the change of the parameters is computed from its curvature [1]_; the leverage of
    the removed row is taken out of the curvature [2]_, and rows whose removal leaves a large
    gradient are polished by further Newton steps. Preprocessing before the last step of a
    Pipeline stays as it is.

    Parameters
    ----------
    estimator : object
        A fitted estimator or Pipeline, or an unfitted one. A fitted model is never refitted or
        changed.
    method : {"auto", "first_order", "newton", "exact", "retrain"}, default="auto"
        "first_order" is the classical formula, linear in the weight of the removed row; "newton"
        one Newton step without the row; "auto" polishes the steps until what is left is below a
        hundredth of the typical change; "exact" until it is below a ten millionth. "retrain" fits
        the whole model again without each row, for any estimator. What they mean for trees,
        neighbors and networks is said in the notes.
    of : {"loss", "prediction"}, default="loss"
        Whose change is reported.
    target : label, default=None
        The output followed by ``of="prediction"``. None is the positive class ``classes_[1]``, or
        the only output of a regressor.
    damping : {"auto"} or float, default="auto"
        Networks only: added to the curvature of the mean loss. "auto" is 0 where the curvature is
        nowhere negative, and 1e-3 elsewhere and for conjugate gradients.
    layers : {"all", "last"} or list of str, default="all"
        Torch modules only: the parameters that a removal may change. "all" are those that require
        a gradient; "last" those of the last linear layer, above features that stay as they are;
        a list names parameters, or modules that hold them.
    penalty : float or mapping, default=0.0
        Torch modules only: what training added, ``penalty / 2 * |parameters|^2`` on the sum of the
        losses; a mapping names the parameters, as in ``module.named_parameters()``. The
        `weight_decay` of an optimizer belongs to the mean loss: times the number of rows it is
        the penalty; of a squared error that was not halved, times half of it.
    tol : float, default=None
        Error at which polishing stops, relative to the typical change of the parameters. None is
        1e-2 for "auto" and 1e-7 for "exact". Of conjugate gradients, what is left of a
        right-hand side: None is 1e-6.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows that `validate` refits.

    Attributes
    ----------
    estimator_ : object
        The model explained.
    engine_ : object
        The way in which influence is measured.
    self_influence_ : ndarray of shape (n_train,)
        Influence of every training row on itself.
    train_data_ : {ndarray, DataFrame} of shape (n_train, n_columns)
        The training rows.
    details_ : dict
        What was found in `fit`; part of every result.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    surrogates.explanation.Influence : What `explain` returns.

    Notes
    -----
    Least squares and ridge are exact by every method but "first_order". For boosting,
    "first_order" is BoostIn [3]_, and "newton" and "auto" replay boosting without the row on the
    same splits (LeafRefit; "auto" is BoostIn beyond 3e9 leaf entries). For forests and trees the
    leaf means are taken without the row, and the loss of a classifier is the Brier score. For
    votes of nearest neighbors the values are exact Shapley values [4]_, and those of a group their
    sum. For networks of up to 2500 parameters "auto" chooses, row by row, the better of the
    first-order and the Newton step, and "exact" trains on without the row. Larger torch modules
    have first-order influence by conjugate gradients on the damped Gauss-Newton curvature [5]_:
    ``self_influence_``, which needs as many solutions as there are rows, is computed when it is
    asked for, and NaN in results before. "structure",
    "noise_ceiling" and "stationarity_residual" in ``details_`` say how far to trust the answer,
    and `validate` measures it. The only row of a class has no model without it: its influence
    follows the parameters towards infinity until the gradient is negligible.

    References
    ----------
    .. [1] P. W. Koh and P. Liang, "Understanding black-box predictions via influence functions",
       ICML 2017.
    .. [2] D. Pregibon, "Logistic regression diagnostics", Annals of Statistics 9, 1981.
    .. [3] J. Brophy, Z. Hammoudeh and D. Lowd, "Adapting and evaluating influence-estimation
       methods for gradient-boosted decision trees", JMLR 24(154), 2023.
    .. [4] R. Jia et al., "Efficient task-specific data valuation for nearest neighbor algorithms",
       VLDB 12, 2019.
    .. [5] N. N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient
       descent", Neural Computation 14, 2002.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from surrogates import InfluenceFunctions
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:400], y[:400])
    >>> explainer = InfluenceFunctions(model).fit(X[:400], y[:400])
    >>> influence = explainer.explain(X[400:], y[400:])
    >>> influence
    Influence(auto, 169 test rows x 400 training rows)
    >>> influence.details["unit"]
    'log loss'
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "method": [Options("auto", "first_order", "newton", "exact", "retrain")],
        "of": [Options("loss", "prediction")],
        "damping": [Options("auto"), Interval("float", 0, None)],
        "layers": [Options("all", "last"), Instance((list, tuple), "a list of names")],
        "penalty": [Interval("float", 0, None), Instance(Mapping, "a mapping")],
        "tol": [Interval("float", 0, None, "neither"), NONE],
        "n_jobs": [Instance((int, np.integer), "an int"), NONE],
        "verbose": [BOOLEAN, Interval("int", 0, None)],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "auto",
        of: str = "loss",
        target: Any = None,
        damping: str | float = "auto",
        layers: Any = "all",
        penalty: Any = 0.0,
        tol: float | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.of = of
        self.target = target
        self.damping = damping
        self.layers = layers
        self.penalty = penalty
        self.tol = tol
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def validate(self, n: int = 20, X: Any = None, y: Any = None) -> pd.DataFrame:
        """Fit the model again without some rows, and print how well their influence agrees.

        Parameters
        ----------
        n : int, default=20
            Rows to leave out, one at a time: half of them those with the largest influence on
            themselves (or, where that is costly and was not asked for, the largest loss), half
            at random.
        X : {array-like, DataFrame} of shape (n_test, n_columns), default=None
            Rows to compare the influence on; None takes the training rows and their labels.
        y : array-like of shape (n_test,), default=None
            Their labels.

        Returns
        -------
        frame : DataFrame
            One line per kind of refit (the last step on frozen preprocessing, the whole
            Pipeline; networks also, and torch modules only, trained on from where they are;
            forests also the agreement of two seeds with each other, which no method can exceed)
            with the columns pearson, spearman and relative_error, in the Frobenius norm.

        Raises
        ------
        ValueError
            `n` is no positive integer, or the model is a vote of neighbors.
        """
        check_is_fitted(self)
        check_params("validate", {"n": n}, {"n": [Interval("int", 1, None)]})
        refuse_neighbors(self.engine_)
        if X is None:
            X, y = self.train_data_, self.train_targets_
        rows, codes = self._check_test(X, y)
        chosen = choose_rows(self._size_of_rows(), self._removable(), n, self._seed)
        values = self._fill(
            self.engine_.worker, self._last.transform(rows), codes, self.train_data_.shape[0]
        )[:, chosen]
        case = Case(
            self.engine_, self.estimator_, self.train_data_, self.train_targets_,
            self._weights, rows, codes,
        )  # fmt: skip
        frame = compare_with_refits(case, values, chosen, n_jobs=self.n_jobs, seed=self._seed)
        print(f"{len(chosen)} rows left out one at a time, {len(values)} rows judged:")
        print(frame.to_string(float_format="{:.4f}".format))
        return frame

    def label_suspects(self, k: int = 20, sort_by: str = "rank") -> pd.DataFrame:
        """Return the training rows whose labels are most likely to be wrong.

        Parameters
        ----------
        k : int, default=20
            More than there are lists all.
        sort_by : {"rank", "loss", "self_influence", "knn_shapley"}, default="rank"
            "rank" is the mean of the ranks by loss and by Shapley value.

        Returns
        -------
        frame : DataFrame
            Indexed by training position, most suspect first, with the columns label, loss (of the
            row under the model), self_influence, knn_shapley (mean value for the votes of the 5
            nearest neighbors about all other rows; NaN for regressors and columns that are no
            numbers) and rank.

        Raises
        ------
        ValueError
            `k` is no positive integer, or `sort_by` is unknown.

        Notes
        -----
        Plain loss often finds more wrong labels than influence does.
        """
        check_is_fitted(self)
        check_params("label_suspects", {"k": k}, {"k": [Interval("int", 1, None)]})
        X = self._last.transform(self.train_data_)
        neighbors = None
        if self.labels_.classes is not None:
            given = X if self.method != "retrain" else find_last_step(self.estimator_).transform(X)
            neighbors = neighbor_values(given, self._codes)
        measures = {
            "loss": self.engine_.losses(X, self._codes),
            "self_influence": self.self_influence_,
            "knn_shapley": neighbors,
        }
        return suspects_frame(measures, self.train_targets_, sort_by, k)

    def dfbetas(self) -> pd.DataFrame:
        """Return by how many standard errors each training row moves each coefficient.

        Returns
        -------
        frame : DataFrame of shape (n_train, n_coefficients)
            ``(b - b_(i)) / se``: the coefficient minus that of the model without the row, over its
            standard error. For squared error, the noise is estimated without the row, as in
            Belsley, Kuh and Welsch (1980). The rows have the caller's labels, the columns the
            names of the columns of the last step, and "intercept".

        Raises
        ------
        ValueError
            The last step is no linear model with a likelihood.
        """
        check_is_fitted(self)
        if not isinstance(self.engine_, ParametricEngine):
            raise ValueError(
                "dfbetas belong to linear models; the last step is "
                f"{type(self._last.final).__name__}."
            )
        names = self._last.output_names(self.train_data_)
        classes = self.labels_.classes
        outputs = range(len(self.engine_.optima)) if classes is None else classes
        frame = dfbetas_frame(self.engine_, names, tuple(map(str, outputs)))
        return frame.set_axis(row_labels(self.train_data_))

    def similarity(self, X: Any) -> NDArray[np.float64]:
        """Return how much each training row weighs in the prediction for each row.

        Only for averaged trees.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_test, n_columns)

        Returns
        -------
        weights : ndarray of shape (n_test, n_train)
            They add up to 1 in every row, and the prediction is their sum over the targets.

        Raises
        ------
        ValueError
            The last step is no forest and no tree.
        """
        check_is_fitted(self)
        if not isinstance(self.engine_, ForestEngine):
            raise ValueError(
                "similarity belongs to forests; the last step is "
                f"{type(self._last.final).__name__}."
            )
        rows = self._check_rows(X, self.train_data_)
        weights: NDArray[np.float64] = self.engine_.similarity(self._last.transform(rows))
        return weights

    def _size_of_rows(self) -> NDArray[np.float64]:
        """Return the influence of rows on themselves, or their losses where that is costly."""
        if self._self_influence is None and getattr(self.engine_, "is_costly", False):
            X = self._last.transform(self.train_data_)
            losses: NDArray[np.float64] = self.engine_.losses(X, self._codes)
            return losses
        return self.self_influence_

    def _removable(self) -> NDArray[np.int64]:
        """Return the rows that are not the only ones of their class."""
        if self.labels_.classes is None:
            return np.arange(self.train_data_.shape[0])
        counts = np.bincount(self._codes, minlength=len(self.labels_.classes))
        return np.flatnonzero(counts[self._codes] > 1)
