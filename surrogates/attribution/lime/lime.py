"""LIME: which columns a linear surrogate around a row uses, by how much, and how sure that is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import has_fit_parameter

from surrogates._params import (
    ANY_CALLABLE,
    BOOLEAN,
    NONE,
    Constraint,
    Instance,
    Interval,
    Options,
    check_params,
)
from surrogates.attribution.lime.engines import Task, choose_engine, default_width, make_surrogate
from surrogates.attribution.lime.pick import cover_greedily, sparse_weights
from surrogates.attribution.lime.representation import make_representation
from surrogates.attribution.lime.result import BlockResult, explain_block
from surrogates.attribution.lime.trust import warn_of_limits
from surrogates.base import AttributionExplainer
from surrogates.blackbox.model import make_model
from surrogates.blackbox.players import make_players
from surrogates.blackbox.reference import draw_reference
from surrogates.blackbox.table import column_names, is_frame, take_rows
from surrogates.explanation import Attribution, Reference

__all__ = ["LIME"]


class LIME(AttributionExplainer):
    """Coefficients of a local surrogate of any model, with standard errors and fidelity.

    Neighbours of a row are drawn and weighted by their similarity to it, and a linear model is
    fitted to what the model answers to them [1]_. A column is seen as 1 where a neighbour lies in
    the bin of the explained row and as 0 elsewhere: a coefficient is how much the mean response
    changes when the column enters the bin of the row [2]_. Neighbours do not depend on the row:
    one set of scrambled Sobol points is asked about in `fit` and serves every row. For linear and
    additive models and for ensembles of trees the values are the exact limit of infinitely many
    neighbours.

    Parameters
    ----------
    estimator : object
        A fitted estimator or Pipeline, an unfitted one (then `fit` needs y), or a callable
        ``f(X) -> (n,) or (n, n_outputs)``. A fitted model is never refitted or changed.
    response_method : str or callable, default="auto"
        Method of the model to explain; "auto" takes the first of predict_proba,
        decision_function and predict. Or a function ``(estimator, X) -> array``.
    target : label or list of labels, default=None
        Outputs to explain, by class label or name. None is the positive class ``classes_[1]`` of
        a binary classifier, and every output otherwise.
    discretizer : {"quartile", "decile", "entropy"}, int or None, default="quartile"
        Bins of numeric columns: as many as an int says, of equal shares of the rows; "entropy"
        takes the thresholds of a shallow tree for y. None sees numbers as they are: values are
        then slopes per unit of the column.
    kernel_width : float, default=None
        Neighbours weigh ``exp(-distance^2 / (2 * kernel_width^2))``; None is
        ``0.75 * sqrt(n_columns)``. Where the kernel leaves a row fewer than a tenth of the shared
        neighbours, the row draws its own from the weighted distribution.
    n_samples : int, default=5000
        Neighbours that a surrogate is fitted on, at most. They are divided into 8 independent
        scrambles, 64 with `tol`. An eighth more, and at least 256, are drawn to measure fidelity.
    n_features : int, default=None
        Columns that a surrogate uses; the values of all others are 0. None is all of them.
    feature_selection : {"auto", "forward_selection", "highest_weights", "lasso_path"}, \
default="auto"
        How they are chosen. "auto" is forward selection of up to 6 columns, else the largest
        coefficients.
    sampling : {"marginal", "local", "background"}, default="marginal"
        "marginal" draws every column from its distribution over the reference rows, "local" from
        a normal distribution around the row, and "background" replaces columns of the row by
        those of reference rows: no value or combination among the replaced columns is invented.
        Then a value is the effect of keeping the column.
    exact : {"auto"} or bool, default="auto"
        Whether to compute the limit itself where the model allows; True makes it an error where
        it does not.
    surrogate : {"ridge", "lasso"} or estimator, default="ridge"
        "ridge" is least squares with a negligible ridge; "lasso" takes the point of the lasso path
        with the lowest BIC; or a regressor with ``coef_`` or ``feature_importances_`` that takes
        ``sample_weight``, cloned for every row.
    tol : float, default=None
        Stop a row when the 95 % intervals are narrower than `tol` times its largest coefficient
        on either side, or when its `n_features` largest coefficients are told from all others;
        reported in ``converged``.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws. `explain` gives the same answer every time it is called.

    Attributes
    ----------
    estimator_ : object
        The model explained.
    model_ : Model
        The model as a function to float64, with ``output_names``.
    players_ : Players
        One player per column.
    reference_ : ReferenceRows
        The distinct reference rows and their weights.
    representation_ : Representation
        Bins and distributions of the columns.
    kernel_width_ : float
        The width used.
    engine_ : Engine
        The way in which the values are computed.
    record_ : dict
        The same in words; ``params`` of every explanation.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    KernelSHAP : Attributions that add up to the prediction.
    surrogates.explanation.Attribution : What `explain` returns.

    Notes
    -----
    `explain` returns surrogate coefficients as ``values`` and intercepts as ``base_values``;
    ``fidelity`` is the R2 on neighbours that the surrogate was not fitted on. ``details`` holds
    "surrogate_predictions" (what the surrogate says at the row), "effective_sample_size" and
    "n_neighbours". Standard errors come from the spread of the scrambles and are widened as
    Student's t asks for their number; with `n_features` they are conditional on the choice.

    In bins and under marginal sampling the surrogate is estimated as its limit is defined, by
    contrasts of means. A control variate, a smooth function of an additive model of the draws,
    takes away what columns do by themselves; its own limit is known exactly.

    References
    ----------
    .. [1] M. T. Ribeiro, S. Singh and C. Guestrin, "Why should I trust you? Explaining the
       predictions of any classifier", KDD 2016.
    .. [2] D. Garreau and U. von Luxburg, "Looking deeper into tabular LIME", arXiv:2008.11092.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from surrogates import LIME
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = RandomForestRegressor(50, random_state=0).fit(X, y)
    >>> explanation = LIME(model, n_features=2, random_state=0).fit(X).explain(X.iloc[:1])
    >>> explanation.top(2)[["feature", "attribution"]].round(1)
      feature  attribution
    0     bmi         52.8
    1      s5         20.3
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "response_method": [Instance(str, "a str"), ANY_CALLABLE],
        "discretizer": [
            Options("quartile", "decile", "entropy"),
            Interval("int", 2, None),
            NONE,
        ],
        "kernel_width": [Interval("float", 0, None, "neither"), NONE],
        "n_samples": [Interval("int", 16, None)],
        "n_features": [Interval("int", 1, None), NONE],
        "feature_selection": [
            Options("auto", "forward_selection", "highest_weights", "lasso_path")
        ],
        "sampling": [Options("marginal", "local", "background")],
        "exact": [Options("auto"), BOOLEAN],
        "surrogate": [
            Options("ridge", "lasso"),
            Instance(BaseEstimator, "a regressor of scikit-learn"),
        ],
        "tol": [Interval("float", 0, None, "neither"), NONE],
        "n_jobs": [Instance((int, np.integer), "an int"), NONE],
        "verbose": [BOOLEAN, Interval("int", 0, None)],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        discretizer: str | int | None = "quartile",
        kernel_width: float | None = None,
        n_samples: int = 5000,
        n_features: int | None = None,
        feature_selection: str = "auto",
        sampling: str = "marginal",
        exact: str | bool = "auto",
        surrogate: Any = "ridge",
        tol: float | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.discretizer = discretizer
        self.kernel_width = kernel_width
        self.n_samples = n_samples
        self.n_features = n_features
        self.feature_selection = feature_selection
        self.sampling = sampling
        self.exact = exact
        self.surrogate = surrogate
        self.tol = tol
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn how the reference rows are distributed, and ask the model about neighbours.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Reference rows, in the form that the model takes.
        y : array-like of shape (n_rows,), default=None
            Needed to fit an unfitted model and by ``discretizer="entropy"``, ignored otherwise.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the reference rows; given to an unfitted model as well.

        Returns
        -------
        self : LIME

        Raises
        ------
        ValueError
            A parameter out of range, an unusable table, an unknown target, an unfitted model
            without y, or ``exact=True`` for a model whose limit is not known.
        ModelOutputError
            The model raised, or returned something other than finite numbers.
        """
        self._check_params()
        self._check_surrogate()
        X = self._check_reference(X)
        weights = self._check_weights(X, sample_weight)
        seed = self._root_seed()
        self.estimator_ = self._fit_estimator(X, y, weights)
        owner = type(self).__name__
        self.players_ = make_players(column_names(X), None, named=is_frame(X), owner=owner)
        self.reference_ = draw_reference(X, weights, None, seed=0)
        self.model_, responses = make_model(
            self.estimator_, self.response_method, self.target, self.reference_.rows
        )
        self.representation_ = self._representation(X, y, weights)
        n_columns = X.shape[1]
        self.kernel_width_ = self.kernel_width or default_width(n_columns)
        task = Task(
            model=self.model_,
            reference=self.reference_,
            responses=responses,
            representation=self.representation_,
            width=float(self.kernel_width_),
            seed=seed,
        )
        self.engine_ = choose_engine(
            task,
            exact=self.exact,
            sampling=self.sampling,
            surrogate=make_surrogate(
                self.surrogate, self.feature_selection, self.n_features, n_columns
            ),
            n_samples=int(self.n_samples),
            n_features=self.n_features,
            tol=self.tol,
        )
        self._mean_response = self.reference_.weights @ responses
        self.record_ = self._record(seed)
        return self

    def pick(self, X: Any, k: int = 5) -> Attribution:
        """Explain a few rows that together show as much as possible of what matters (SP-LIME).

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Rows to choose from.
        k : int, default=5
            How many to choose; more than there are chooses all.

        Returns
        -------
        explanation : Attribution
            Of the rows chosen, in the order of their choice; ``details`` holds "position" (in X)
            and "coverage", the share of the importance of all columns that is covered by the rows
            up to each one. A row covers the columns of its explanation: `n_features`, or the 10
            with the largest values.

        Raises
        ------
        ValueError
            As `explain`; or `k` is out of range.
        """
        check_params("pick", {"k": k}, {"k": [Interval("int", 1, None)]})
        explanation = self.explain(X)
        rows, coverage = cover_greedily(sparse_weights(explanation.values, self.n_features), k)
        picked = explanation[rows]
        found = {"position": rows, "coverage": coverage}
        return replace(picked, details={**picked.details, **found})

    def _check_surrogate(self) -> None:
        chosen = self.surrogate
        if not isinstance(chosen, str) and not has_fit_parameter(chosen, "sample_weight"):
            raise ValueError(
                "The 'surrogate' parameter of LIME must be 'ridge', 'lasso' or a regressor whose "
                f"fit takes sample_weight. {type(chosen).__name__} does not."
            )

    def _representation(self, X: Any, y: Any, weights: NDArray[np.float64] | None) -> Any:
        if self.discretizer != "entropy":
            reference = self.reference_
            return make_representation(reference.rows, reference.weights, self.discretizer)
        if y is None:
            raise ValueError(
                "The 'discretizer' parameter of LIME is 'entropy', which needs the target: pass y "
                "to fit."
            )
        shares = np.ones(X.shape[0]) if weights is None else weights
        present = np.flatnonzero(shares > 0.0)
        return make_representation(
            take_rows(X, present),
            shares[present] / shares.sum(),
            "entropy",
            np.asarray(y)[present],
        )

    def _explain(self, X: Any) -> Attribution:
        blocks = self._explain_blocks(explain_block, self.engine_, X)
        result = BlockResult.joined(blocks)
        warn_of_limits(self.players_.names, result)
        return self._attribution(X, result)

    def _attribution(self, X: Any, result: BlockResult) -> Attribution:
        return Attribution(
            values=result.values,
            base_values=result.base_values,
            predictions=result.predictions,
            std_errors=result.std_errors,
            fidelity=result.fidelity,
            data=X,
            feature_names=self.players_.names,
            output_names=self.model_.output_names,
            reference=Reference(
                "population", len(self.reference_), tuple(self._mean_response.tolist())
            ),
            method=type(self).__name__,
            params=self.record_,
            details={
                "surrogate_predictions": result.surrogate_predictions,
                "effective_sample_size": result.effective_sizes,
                "n_neighbours": result.n_neighbours,
            },
            n_model_rows=int(result.n_model_rows.sum()),
            converged=None if self.tol is None else result.converged,
        )

    def _record(self, seed: int) -> dict[str, Any]:
        """Return how the values are computed, in words and numbers that a file can keep."""
        chosen = self.surrogate
        return {
            **self.engine_.record,
            "discretizer": self.discretizer,
            "kernel_width": float(self.kernel_width_),
            "n_features": self.n_features,
            "feature_selection": self.feature_selection,
            "surrogate": chosen if isinstance(chosen, str) else type(chosen).__name__,
            "response_method": self.model_.method_name,
            "seed": seed,
        }
