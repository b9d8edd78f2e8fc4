"""Counterfactuals: the nearest rows that a model decides otherwise, under the user's rules."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from surrogates._params import (
    ANY_CALLABLE,
    BOOLEAN,
    NONE,
    Constraint,
    Instance,
    Interval,
    Options,
)
from surrogates.base import Explainer, run_blocks
from surrogates.blackbox.reference import ReferenceRows
from surrogates.blackbox.table import is_frame, row_labels, take_rows
from surrogates.counterfactuals.assembly import assemble
from surrogates.counterfactuals.columns import encode
from surrogates.counterfactuals.constraints import read_constraints
from surrogates.counterfactuals.costs import read_scales
from surrogates.counterfactuals.engines import choose_engines
from surrogates.counterfactuals.goal import Goal, read_goal, read_outputs
from surrogates.counterfactuals.moves import make_parts
from surrogates.counterfactuals.oracle import make_oracle
from surrogates.counterfactuals.plausibility import read_plausibility
from surrogates.counterfactuals.robustness import Robustness, read_robustness, refit
from surrogates.counterfactuals.search import Task, search_block
from surrogates.explanation import CounterfactualSet

__all__ = ["Counterfactuals"]


class Counterfactuals(Explainer):
    """The cheapest changes of a row that lead to another decision.

    A counterfactual is a row of the original table, as near to the explained row as possible, for
    which the model decides otherwise [1]_. Constraints say what may change, in names of columns.
    They bind what changes: a value that stays as it is breaks none of them.

    Parameters
    ----------
    estimator : object
        A fitted estimator or Pipeline, an unfitted one (then `fit` needs y), or a callable
        ``f(X) -> (n,) or (n, n_outputs)``. A fitted model is never refitted or changed.
    response_method : str or callable, default="auto"
        Method of the model whose responses guide the search; "auto" takes the first of
        predict_proba, decision_function and predict. What ``predict`` says decides.
    desired_class : label, default="opposite"
        The class wanted; "opposite" is any class but the one predicted for the row.
    desired_range : tuple of (float or None, float or None), default=None
        The interval wanted of a number, both ends included; for regressors.
    min_probability : float, default=None
        Least response of the class reached, beside being predicted.
    n_counterfactuals : int, default=1
        Counterfactuals of each row: the cheapest, and others that differ from it and from each
        other.
    immutable : sequence of columns, default=()
        Columns that stay as they are.
    increasing, decreasing : sequence of columns, default=()
        Columns (numbers, booleans, ordered categories) that only grow, or only shrink.
    ranges : mapping of column to (low, high), default=None
        Where new numbers may lie; None is no bound.
    relative_ranges : mapping of column to (low, high), default=None
        Where the new number less the old one may lie.
    steps : mapping of column to float, default=None
        New numbers are multiples of the step. Integers, and floats that are whole in all reference
        rows, have the step 1 unless a step is given; 0 allows any float.
    allowed : mapping of column to values or to mapping, default=None
        Values that a column may change to; or, for each level, the levels that it may change to.
    coupled : sequence of sequences of columns, default=()
        Columns that move together: only combinations seen in the reference rows are taken.
    rules : sequence of callable, default=()
        ``f(before, after) -> array of bool`` on tables of equal length: which changes may be
        made.
    derived : mapping of column to callable, default=None
        ``f(table) -> array`` that recomputes a column from the others. It costs nothing.
    weights : mapping of column to float, default=None
        Factors of the costs; infinity is immutable.
    max_changes : int, default=None
        Columns that may change at once.
    cost : {"mad", "range"} or callable, default="mad"
        The sum over numeric columns of the change, divided by the median absolute deviation of
        the column (its standard deviation where that is 0) or by its range, plus 1 for each
        level changed and each missing number given. Or ``f(before, after) -> array`` on tables.
    plausibility : float or mapping, default=None
        A share in (0, 1]: answers are no further from real rows with the outcome wanted than
        this share of those rows is. Or a mapping with "limit" (such a share), "penalty" (what a
        distance of 1 costs) and "measure" ("distance" or "lof").
    robustness : mapping, default=None
        "noise" (standard deviation, in units of the cost) and "draws", or "refits" (models fitted
        on resampled rows): the share of them that keep the outcome is reported. With "level",
        only answers that reach this share are returned.
    method : {"auto", "beam", "exact"}, default="auto"
        "beam" treats the model as a black box. "auto" also proves what is cheapest where the model
        allows it: trees, forests and boosting, linear models, each also behind column-wise
        preprocessing; and lets the gradients of networks propose where to search. "exact" makes it
        an error where nothing can be proved.
    max_model_rows : int, default=2000
        Rows that the model is asked for each explained row, at most.
    time_limit : float, default=None
        Seconds that the proof for a row may take, at most. Without it the proof has a budget of
        steps, so that answers do not depend on the machine.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise and of the refits; the search itself draws nothing.

    Attributes
    ----------
    estimator_ : object
        The model explained.
    reference_ : ReferenceRows
        The rows passed to `fit`.
    model_ : Model
        The model as a function to float64, with ``output_names``.
    task_ : Task
        Constraints, costs and engines, resolved.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    surrogates.explanation.CounterfactualSet : What `explain` returns.

    Notes
    -----
    Categories are limited to levels seen in the reference rows; numbers are unbounded unless
    `ranges` says otherwise. No value becomes missing. A missing number may be given any value
    between those seen.

    The search for black boxes tries single changes, adds up their effects to choose among
    combinations, refines numbers along lines and undoes what need not change. No part of the
    changes of an answer can be undone: up to six changes all subsets are tried, beyond that all
    single ones, as far as the budget goes; ``irreducible`` says whether that was verified.

    References
    ----------
    .. [1] S. Wachter, B. Mittelstadt and C. Russell, "Counterfactual explanations without opening
       the black box", Harvard Journal of Law & Technology 31, 2018.
    .. [2] R. K. Mothilal, A. Sharma and C. Tan, "Explaining machine learning classifiers through
       diverse counterfactual explanations", FAT* 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from surrogates import Counterfactuals
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    >>> found = Counterfactuals(tree, desired_class=1).fit(X).explain(X.iloc[:1])
    >>> found.status
    array(['optimal'], dtype='<U14')
    >>> found.changes[["feature", "before", "after"]].round(2)
                feature before after
    0  petal width (cm)    0.2   0.8
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "response_method": [Instance(str, "a str"), ANY_CALLABLE],
        "desired_range": [Instance((tuple, list), "a pair (low, high)"), NONE],
        "min_probability": [Instance((float, int, np.number), "a float"), NONE],
        "n_counterfactuals": [Interval("int", 1, None)],
        "immutable": [Instance((str, Sequence, np.ndarray, set, frozenset), "columns")],
        "increasing": [Instance((str, Sequence, np.ndarray, set, frozenset), "columns")],
        "decreasing": [Instance((str, Sequence, np.ndarray, set, frozenset), "columns")],
        "ranges": [Instance(Mapping, "a mapping"), NONE],
        "relative_ranges": [Instance(Mapping, "a mapping"), NONE],
        "steps": [Instance(Mapping, "a mapping"), NONE],
        "allowed": [Instance(Mapping, "a mapping"), NONE],
        "coupled": [Instance((tuple, list), "groups of columns")],
        "rules": [Instance((tuple, list), "callables"), ANY_CALLABLE],
        "derived": [Instance(Mapping, "a mapping"), NONE],
        "weights": [Instance(Mapping, "a mapping"), NONE],
        "max_changes": [Interval("int", 1, None), NONE],
        "cost": [Options("mad", "range"), ANY_CALLABLE],
        "method": [Options("auto", "beam", "exact")],
        "max_model_rows": [Interval("int", 1, None)],
        "time_limit": [Interval("float", 0, None, "neither"), NONE],
        "n_jobs": [Instance((int, np.integer), "an int"), NONE],
        "verbose": [BOOLEAN, Interval("int", 0, None)],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        desired_class: Any = "opposite",
        desired_range: tuple[float | None, float | None] | None = None,
        min_probability: float | None = None,
        n_counterfactuals: int = 1,
        immutable: Sequence[Any] = (),
        increasing: Sequence[Any] = (),
        decreasing: Sequence[Any] = (),
        ranges: Mapping[Any, Any] | None = None,
        relative_ranges: Mapping[Any, Any] | None = None,
        steps: Mapping[Any, float] | None = None,
        allowed: Mapping[Any, Any] | None = None,
        coupled: Sequence[Sequence[Any]] = (),
        rules: Any = (),
        derived: Mapping[Any, Callable[[Any], Any]] | None = None,
        weights: Mapping[Any, float] | None = None,
        max_changes: int | None = None,
        cost: str | Callable[[Any, Any], Any] = "mad",
        plausibility: Any = None,
        robustness: Mapping[str, float] | None = None,
        method: str = "auto",
        max_model_rows: int = 2000,
        time_limit: float | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.desired_class = desired_class
        self.desired_range = desired_range
        self.min_probability = min_probability
        self.n_counterfactuals = n_counterfactuals
        self.immutable = immutable
        self.increasing = increasing
        self.decreasing = decreasing
        self.ranges = ranges
        self.relative_ranges = relative_ranges
        self.steps = steps
        self.allowed = allowed
        self.coupled = coupled
        self.rules = rules
        self.derived = derived
        self.weights = weights
        self.max_changes = max_changes
        self.cost = cost
        self.plausibility = plausibility
        self.robustness = robustness
        self.method = method
        self.max_model_rows = max_model_rows
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what the columns hold, and read the constraints.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Reference rows, in the form that the model takes: they give levels, scales and real
            rows to stay close to.
        y : array-like of shape (n_rows,), default=None
            Needed to fit an unfitted model, and for ``robustness={"refits": ...}``.

        Returns
        -------
        self : Counterfactuals

        Raises
        ------
        ValueError
            A parameter out of range, a column that does not exist, an unusable table, an unknown
            class, an unfitted model without y, or ``method="exact"`` for a model that has no
            exact engine.
        ModelOutputError
            The model raised, or returned something other than finite numbers.
        """
        self._check_params()
        X = self._check_reference(X)
        seed = self._root_seed()
        self.estimator_ = self._fit_estimator(X, y, None)
        n_rows = X.shape[0]
        self.reference_ = ReferenceRows(X, np.full(n_rows, 1.0 / n_rows), n_rows)
        self.model_, responses, has_classes = read_outputs(self.estimator_, self.response_method, X)
        goal = read_goal(self.model_, responses, self.get_params(deep=False), has_classes)
        self.task_ = self._task(X, y, goal, responses, seed)
        return self

    def _task(self, X: Any, y: Any, goal: Goal, responses: Any, seed: int) -> Task:
        constraints = read_constraints(X, self.get_params(deep=False))
        codes = encode(constraints.columns, X)
        oracle = make_oracle(self.model_, goal, X, responses)
        predicted = oracle.predicted_from(X, responses)
        task = Task(
            reference=self.reference_,
            constraints=constraints,
            parts=make_parts(constraints, codes),
            cost=read_scales(X, constraints, self.cost),
            oracle=oracle,
            plausibility=read_plausibility(
                self.plausibility, constraints.columns, codes, responses, predicted, goal
            ),
            prover=None,
            descent=None,
            robustness=self._robustness(X, y, oracle, seed),
            n_answers=int(self.n_counterfactuals),
            max_model_rows=int(self.max_model_rows),
            method=self.method,
        )
        return choose_engines(task, self.time_limit)

    def _robustness(self, X: Any, y: Any, oracle: Any, seed: int) -> Robustness | None:
        asked = read_robustness(self.robustness, seed)
        if not asked:
            return None
        models: list[Any] = []
        if asked["refits"]:
            models = refit(self.estimator_, X, y, asked["refits"], seed, take_rows)
        return Robustness(**{**asked, "refits": tuple(oracle.of(model) for model in models)})

    def explain(self, X: Any) -> CounterfactualSet:
        """Search counterfactuals of rows.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Rows with the columns seen in `fit`. An array given to an explainer fitted on a frame
            takes the names of that frame.

        Returns
        -------
        found : CounterfactualSet

        Raises
        ------
        NotFittedError
            `fit` was not called.
        ValueError
            No rows, columns other than those seen in `fit`, or a regressor and no
            `desired_range`.
        ModelOutputError
            The model raised, or returned something other than finite numbers.
        """
        check_is_fitted(self)
        self._check_goal()
        rows = self._check_rows(X, self.reference_.rows)
        return self._explain(rows, X, row_labels(X if is_frame(X) else rows))

    def explain_batches(self, X: Any, size: int = 1000) -> Iterator[CounterfactualSet]:
        """Explain a large table in bounded memory.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
        size : int, default=1000
            Rows in a batch; it does not change the answers.

        Returns
        -------
        found : iterator of CounterfactualSet
            Of consecutive batches of rows, labelled as in the whole table.

        Raises
        ------
        ValueError
            As `explain`, at the call and not at the first batch; or the size is out of range.
        """
        check_is_fitted(self)
        self._check_goal()
        rows = self._check_rows(X, self.reference_.rows)
        labels = row_labels(X if is_frame(X) else rows)
        like = X if is_frame(X) else rows
        return (
            self._explain(take_rows(rows, batch), take_rows(like, batch), labels[batch])
            for batch in self._batches(len(labels), size)
        )

    def _check_goal(self) -> None:
        goal = self.task_.oracle.goal
        if not goal.is_class and self.desired_range is None:
            raise ValueError(
                "The 'desired_range' parameter of Counterfactuals must be a pair (low, high) for a "
                "model that predicts a number. Got None instead."
            )

    def _explain(self, rows: Any, given: Any, labels: Any) -> CounterfactualSet:
        task = self.task_
        size = task.rows_per_block
        blocks = run_blocks(
            search_block,
            [(task, take_rows(rows, slice(at, at + size))) for at in range(0, len(labels), size)],
            n_jobs=self.n_jobs,
            verbose=bool(self.verbose),
            label=type(self).__name__,
        )
        return assemble(task, rows, given, labels, blocks, method=type(self).__name__)
