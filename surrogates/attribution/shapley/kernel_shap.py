"""KernelSHAP: which columns drove a prediction, by how much, and how sure that is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from surrogates._params import ANY_CALLABLE, BOOLEAN, NONE, Constraint, Instance, Interval, Options
from surrogates.attribution.shapley.book import DesignBook
from surrogates.attribution.shapley.engines import Task, choose_engine
from surrogates.attribution.shapley.relevance import Relevances
from surrogates.attribution.shapley.result import BlockResult, Engine, explain_block
from surrogates.attribution.shapley.threshold import Threshold, rows_at_threshold
from surrogates.base import AttributionExplainer
from surrogates.blackbox.links import LINKS, MOVED, apply_link
from surrogates.blackbox.model import make_model
from surrogates.blackbox.players import make_players
from surrogates.blackbox.reference import draw_reference
from surrogates.blackbox.table import column_names, is_frame
from surrogates.explanation import Attribution, Reference

__all__ = ["KernelSHAP"]

_FEWEST_COALITIONS = 4
_AUTO_COALITIONS = 2048  # beside two for each player, where the standard errors ask for them
_FIRST_STAGE, _PER_PLAYER = 128, 6
_AUTO_ACCURACY = 0.01  # norm of the standard errors over the norm of the attributions
_MOST_ENUMERATED = 20  # players


class KernelSHAP(AttributionExplainer):
    """Shapley values of the columns, for any model, with standard errors.

    A prediction is divided among the columns by asking the model about mixtures: the columns of
    a coalition keep the values of the explained row, all others take those of a reference row.
    The Shapley value of a column is its mean contribution over all orders in which columns can
    join [1]_. A sample of coalitions is evaluated, in complementary pairs, without replacement,
    spread by leverage [2]_, other ones for every reference row; the rest is predicted by kriging,
    which halves the error of least squares [3]_ at the same number of model rows. Where all
    coalitions fit the budget the values are exact.

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
    link : {"identity", "logit", "log"} or callable, default="identity"
        Scale on which the attributions add up. Applied to the mean response of a coalition.
    n_coalitions : int or "auto", default="auto"
        Coalition evaluations per explained row, the empty and the full one included, so that a
        row costs at most ``n_coalitions * n_background`` model rows. "auto" is at most
        2048 + 2 per player, and stops each row as soon as the norm of its standard errors is 1 %
        of the norm of its attributions.
    design : {"auto", "crossed", "shared"}, default="auto"
        Whether every reference row has its own coalitions ("crossed", more accurate), or all
        share them. A link other than the identity needs "shared".
    method : {"auto", "sampling", "exact", "tree", "linear"}, default="auto"
        "exact" enumerates all coalitions (up to 20 players); "linear" is the closed form of
        linear models, against the whole reference table; "tree" the exact sum over the leaves of
        trees, forests and boosting (its raw margin); "sampling" takes coalitions in any case.
        "auto" is the first of "linear" and "tree" that applies, else coalitions.
    groups : mapping of str to list, default=None
        Columns that are present or absent together: name -> columns (names for frames, positions
        for arrays). Columns in no group stay players of their own.
    n_background : int or None, default=100
        Reference rows drawn from the table given to `fit`; None keeps every row.
    background : {"population", "at_threshold"}, default="population"
        Which of the rows given to `fit` are the reference group: a sample of all, or the
        `n_background` rows that just pass the decision.
    threshold : float, default=None
        Where the decision is made, in units of the model's response; None is 0.5 for
        probabilities and 0 for margins.
    passing : {"above", "below"}, default="above"
        The side of the threshold that passes; a response at the threshold passes.
    interactions : bool, default=False
        Whether to add pairwise Shapley interactions, (rows, players, players, outputs): each half
        of the interaction index, the diagonal such that rows sum to the attributions. From the
        same evaluations; exact where the values are.
    tol : float, default=None
        Stop a row when its largest standard error over the draw of coalitions, divided by the
        range of its attributions, is below; reported in ``converged``.
    max_model_rows : int, default=None
        Bound on the model rows per explained row.
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
        Names of the players, and the columns they own.
    reference_ : ReferenceRows
        The reference rows kept and their weights.
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
    surrogates.explanation.Attribution : What `explain` returns.

    References
    ----------
    .. [1] L. S. Shapley, "A value for n-person games", Contributions to the Theory of Games II,
       1953.
    .. [2] C. Musco and R. T. Witter, "Provably accurate Shapley value estimation via leverage
       score sampling", ICLR 2025, arXiv:2410.01917.
    .. [3] S. Lundberg and S.-I. Lee, "A unified approach to interpreting model predictions",
       NeurIPS 2017, theorem 2; A. O'Hagan, "Bayes-Hermite quadrature", 1991.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from surrogates import KernelSHAP
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> explainer = KernelSHAP(model, n_background=None, random_state=0).fit(X)
    >>> explanation = explainer.explain(X.iloc[:1])
    >>> explanation.top(3)[["feature", "attribution"]].round(2)
      feature  attribution
    0      s1        35.03
    1     bmi        32.07
    2      s2       -16.60
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "response_method": [Instance(str, "a str"), ANY_CALLABLE],
        "link": [Options(*LINKS), ANY_CALLABLE],
        "n_coalitions": [Interval("int", _FEWEST_COALITIONS, None), Options("auto")],
        "design": [Options("auto", "crossed", "shared")],
        "method": [Options("auto", "sampling", "exact", "tree", "linear")],
        "groups": [Instance(Mapping, "a mapping of names to columns"), NONE],
        "n_background": [Interval("int", 1, None), NONE],
        "background": [Options("population", "at_threshold")],
        "threshold": [Interval("float", None, None), NONE],
        "passing": [Options("above", "below")],
        "interactions": [BOOLEAN],
        "tol": [Interval("float", 0, None, "neither"), NONE],
        "max_model_rows": [Interval("int", _FEWEST_COALITIONS, None), NONE],
        "n_jobs": [Instance((int, np.integer), "an int"), NONE],
        "verbose": [BOOLEAN, Interval("int", 0, None)],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        link: str | Callable[[NDArray[np.float64]], Any] = "identity",
        n_coalitions: int | str = "auto",
        design: str = "auto",
        method: str = "auto",
        groups: Mapping[str, Sequence[Any]] | None = None,
        n_background: int | None = 100,
        background: str = "population",
        threshold: float | None = None,
        passing: str = "above",
        interactions: bool = False,
        tol: float | None = None,
        max_model_rows: int | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.link = link
        self.n_coalitions = n_coalitions
        self.design = design
        self.method = method
        self.groups = groups
        self.n_background = n_background
        self.background = background
        self.threshold = threshold
        self.passing = passing
        self.interactions = interactions
        self.tol = tol
        self.max_model_rows = max_model_rows
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the reference group that explained rows are compared with.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Reference rows, in the form that the model takes.
        y : array-like of shape (n_rows,), default=None
            Needed to fit an unfitted model, ignored otherwise.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the reference rows; given to an unfitted model as well.

        Returns
        -------
        self : KernelSHAP

        Raises
        ------
        ValueError
            A parameter out of range, an unusable table, an unknown target, or an unfitted model
            without y.
        ModelOutputError
            The model raised, or returned something other than finite numbers.
        """
        self._check_params()
        crossed = self._crosses()
        X = self._check_reference(X)
        weights = self._check_weights(X, sample_weight)
        seed = self._root_seed()
        self.estimator_ = self._fit_estimator(X, y, weights)
        self.players_ = make_players(
            column_names(X), self.groups, named=is_frame(X), owner=type(self).__name__
        )
        self.reference_ = draw_reference(X, weights, self.n_background, seed)
        self.model_, responses = make_model(
            self.estimator_, self.response_method, self.target, self.reference_.rows
        )
        group: dict[str, Any] = {"background": self.background}
        if self.background == "at_threshold":
            line = Threshold(self.threshold, self.passing)
            self.reference_, band = rows_at_threshold(
                self.model_, X, weights, line, self.n_background, seed
            )
            responses, group = self.model_(self.reference_.rows), group | band
            X, weights = self.reference_.rows, self.reference_.weights
        apply_link(self.link, responses)
        task = Task(
            model=self.model_,
            players=self.players_,
            link=self.link,
            table=X,
            sample_weight=weights,
            reference=self.reference_,
            responses=responses,
            interactions=bool(self.interactions),
        )
        self.engine_ = self._engine(task, crossed, seed)
        self.record_ = self._record(group, seed)
        return self

    def _engine(self, task: Task, crossed: bool, seed: int) -> Engine:
        adaptive = self.n_coalitions == "auto" and self.tol is None and self.method != "exact"
        return choose_engine(
            task,
            self.method,
            self._book(crossed, seed),
            crossed=crossed,
            tol=self.tol,
            accuracy=_AUTO_ACCURACY if adaptive else None,
        )

    def _book(self, crossed: bool, seed: int) -> DesignBook:
        """Return the designs; a single reference row needs one for each number of players."""
        book = DesignBook(self._budgets(), seed, Relevances.even(len(self.players_), seed))
        return replace(book, most_designs=1) if crossed and len(self.reference_) == 1 else book

    def _crosses(self) -> bool:
        if self.link == "identity":
            return self.design != "shared"
        if self.design == "crossed":
            raise ValueError(
                "The 'design' parameter of KernelSHAP must be 'shared' or 'auto' under a link "
                f"other than 'identity', which is taken of a mean. Got design='crossed' and "
                f"link={self.link!r} instead."
            )
        return False

    def _budgets(self) -> tuple[int, ...]:
        """Return the numbers of coalition evaluations of the stages."""
        n_players = len(self.players_)
        if self.method == "exact":
            return (self._all_coalitions(n_players),)
        auto = self.n_coalitions == "auto"
        most = 2 * n_players + _AUTO_COALITIONS if auto else int(self.n_coalitions)
        if self.max_model_rows is not None:
            most = max(_FEWEST_COALITIONS, min(most, self.max_model_rows // len(self.reference_)))
        enumerable = 1 << n_players <= most
        if enumerable or (self.tol is None and not auto):
            return (most,)
        first = _FIRST_STAGE
        while first < _PER_PLAYER * n_players:
            first *= 2
        stages = []
        while first < most:
            stages.append(first)
            first *= 2
        return (*stages, most)

    @staticmethod
    def _all_coalitions(n_players: int) -> int:
        if n_players > _MOST_ENUMERATED:
            raise ValueError(
                f"The 'method' parameter of KernelSHAP is 'exact', which enumerates 2^{n_players} "
                f"coalitions: the limit is {_MOST_ENUMERATED} players. Use groups, or "
                "method='auto'."
            )
        return max(_FEWEST_COALITIONS, 1 << n_players)

    def _explain(self, X: Any) -> Attribution:
        blocks = self._explain_blocks(explain_block, self.engine_, X)
        return self._attribution(X, BlockResult.joined(blocks))

    def _attribution(self, X: Any, result: BlockResult) -> Attribution:
        mean = self.engine_.mean_response
        coalition, reference = result.coalition_variances, result.reference_variances
        return Attribution(
            values=result.values,
            base_values=np.tile(apply_link(self.link, mean), (len(result.values), 1)),
            predictions=result.predictions,
            interactions=result.interactions,
            std_errors=np.sqrt(coalition + np.nan_to_num(reference)),
            data=X,
            feature_names=self.players_.names,
            output_names=self.model_.output_names,
            reference=Reference(self.background, self.engine_.n_references, tuple(mean.tolist())),
            method=type(self).__name__,
            params=self.record_,
            details={
                "coalition_std_errors": np.sqrt(coalition),
                "reference_std_errors": np.sqrt(reference),
                "n_model_rows": result.n_model_rows,
            },
            n_model_rows=int(result.n_model_rows.sum()),
            converged=result.converged if self.engine_.stops else None,
        )

    def _record(self, group: dict[str, Any], seed: int) -> dict[str, Any]:
        """Return how the values are computed, in words and numbers that a file can keep."""
        link = self.link if isinstance(self.link, str) else _name_of(self.link)
        record = {
            **self.engine_.record,
            **group,
            "response_method": self.model_.method_name,
            "link": link,
            "seed": seed,
            "groups": self.players_.groups or None,
        }
        if link in ("logit", "log"):
            record["moved"] = f"responses at the end of the link's domain are moved by {MOVED:g}"
        return record


def _name_of(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
