"""A tree of scikit-learn on the answers of the model, its tests improved by turns."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogates._params import Interval
from surrogates.distillation.alternating import (
    Alternation,
    in_order,
    pool_rows,
    revalued,
    with_refined_tests,
)
from surrogates.distillation.bisection import Bisection
from surrogates.distillation.distiller import SHARED_CONSTRAINTS, Constraints, Distiller
from surrogates.distillation.oracle import Oracle
from surrogates.distillation.plain_trees import plain_tree
from surrogates.distillation.pool import Pool, Task
from surrogates.distillation.predictors import LabelDistiller, NumberDistiller
from surrogates.distillation.pruning import nested_trees
from surrogates.distillation.refinement import Refinement
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.search import SearchLimits
from surrogates.distillation.selection import Choice, drawn_answers

__all__ = ["DistilledTreeClassifier", "DistilledTreeRegressor"]

_REFINEMENT_SHARE = 0.2
_TRIAL_LEAVES = 8
_MOST_CUTS = 64


class _DistilledTree(Distiller):
    """A tree of scikit-learn on reference and drawn rows."""

    n_passes: int

    _constraints: ClassVar[Constraints] = {
        **SHARED_CONSTRAINTS,
        "n_passes": [Interval("int", 0, None)],
    }

    def _grow(
        self, pool: Pool, task: Task, oracle: Oracle, choice: Choice, rng: np.random.Generator
    ) -> RuleTree:
        kept = int(_REFINEMENT_SHARE * oracle.limit)
        if choice.sampler is not None and oracle.left > kept:
            n = oracle.left - kept
            answers = drawn_answers(choice.sampler, n, oracle, pool.n_reference, rng)
            pool.add(answers.coded, answers.targets, task.weights_of(answers.targets))
        weights = self._weights(pool)
        size = int(self.max_leaves)
        tree = self._fitted(pool, task, weights, size)
        if self._signs.any():
            return in_order(tree, self._signs, task, pool.coded, pool.targets, weights)
        if len(tree.leaves) == 1:
            return tree
        min_support = self._min_support(pool.n_reference)
        bisection = Bisection(oracle, self.coding_.spans, oracle.left)
        refinement = Refinement(self.coding_, task.criterion, min_support, bisection)
        larger = self._fitted(pool, task, weights, 2 * size)
        larger = with_refined_tests(larger, refinement, task, pool, weights)
        # leaves that say the same, or lie between a threshold and its estimate, are merged first
        tree = nested_trees(larger, by_label=self._teaches() == "labels")[:size][-1]
        limits = SearchLimits(1, 1, 1.0, 0.0, min_support)
        alternation = Alternation(
            task, limits, self._columns(), _MOST_CUTS, None, int(self.n_passes)
        )
        tree = alternation.improved(tree, *pool_rows(pool, weights))
        return with_refined_tests(tree, refinement, task, pool, weights)

    def _trial(self, pool: Pool, task: Task) -> RuleTree:
        return self._fitted(
            pool, task, self._weights(pool), min(int(self.max_leaves), _TRIAL_LEAVES)
        )

    def _weights(self, pool: Pool) -> NDArray[np.float64]:
        """Return the weights of all rows, which sum to one."""
        weights = pool.weights.copy()
        reference = weights[: pool.n_reference].sum()
        drawn = weights[pool.n_reference :].sum()
        if drawn > 0.0:
            share = float(self.real_weight)
            weights[pool.n_reference :] *= (1.0 - share) / drawn
            reference /= share if share > 0.0 else 1.0
        if reference > 0.0:
            weights[: pool.n_reference] /= reference
        return weights

    def _fitted(
        self, pool: Pool, task: Task, weights: NDArray[np.float64], n_leaves: int
    ) -> RuleTree:
        tree = plain_tree(
            pool.coded,
            pool.targets,
            weights,
            self.coding_,
            self._columns(),
            self._signs,
            is_labels=self._teaches() == "labels",
            max_leaf_nodes=n_leaves,
            min_samples_leaf=max(int(self._min_support(pool.n_reference)), 1),
            random_state=0,
        )
        return revalued(tree, task, *pool_rows(pool, weights))


class DistilledTreeClassifier(LabelDistiller, _DistilledTree):
    """A tree of scikit-learn that predicts what a model predicts.

    The tree is fitted to the answers of the model about the reference rows and about rows drawn
    beside them; then its thresholds are moved to where the model changes its answer, and its tests
    are improved in turn [1]_. Levels keep their names, missing values are routed.

    Parameters
    ----------
    estimator : object
        A fitted estimator or Pipeline, an unfitted one (then `fit` needs y), or a callable
        that returns labels (n,) or probabilities (n, n_classes). A fitted model is never refitted
        or changed.
    targets : {"labels", "proba"}, default="labels"
        Imitate the labels that the model predicts, or its probabilities, which tell more where
        they are to be trusted.
    max_leaves : int, default=8
    n_queries : int, default=3000
        Rows that the model is asked about beside the reference rows, at most: drawn rows, the
        choice of the sampler and the search for thresholds.
    sampler : {"auto", "none", "marginal", "kde", "gmm", "smote"}, default="auto"
        Where drawn rows come from: each column from its own distribution ("marginal"), reference
        rows moved a little ("kde"), groups of similar rows with independent columns ("gmm"), rows
        between neighbors ("smote"). "auto" takes those that do best on reference rows held out, and
        none where drawn rows do harm.
    real_weight : float in [0, 1], default=0.3
        Share of the weight that the reference rows have all together.
    n_passes : int, default=3
        Rounds of tree alternating optimization, in which each test is improved in turn.
    min_support : int or float, default=2
        Reference rows in each leaf, as a number or as a share of all.
    validation_fraction : float in (0, 1), default=None
        Share of the reference rows that is held out, to choose the size of the tree by its
        fidelity on them. None keeps the largest tree.
    monotone : mapping, default=None
        Columns (names, or positions in arrays) to 1 or -1: along them the share of
        ``classes_[1]`` may only grow or fall.
    forbidden_features : sequence, default=()
        Columns that tests may not use.
    class_weight : mapping or "balanced", default=None
        Weights of rows by the label that the model gives them.
    response_method : str or callable, default="auto"
        Method of the model to imitate; "auto" takes predict for labels and predict_proba for
        probabilities. Or a function
        ``(estimator, X) -> array``.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Attributes
    ----------
    estimator_ : object
        The model imitated.
    classes_ : ndarray of shape (n_classes,)
    tree_ : RuleTree
        Tests, children, values and support of the nodes.
    n_leaves_, n_literals_ : int
    n_queries_ : int
        Rows that the model was asked about beside the reference rows.
    n_reference_rows_ : int
        Reference rows, asked about once.
    sampler_ : str
        The sampler used; with "auto" the best.
    sampler_fidelity_ : dict
        With "auto", the fidelity of trial trees on reference rows held out, by sampler.
    fidelity_path_ : DataFrame
        n_leaves, n_literals, fidelity (on the rows that the tree was grown from, which flatters)
        and held_out (NaN without `validation_fraction`) of the nested trees of all sizes.
    rules_ : DataFrame
        One line per leaf: rule, prediction, support and fidelity.
    feature_importances_ : ndarray of shape (n_columns,)
        What the tests gain, shared among their columns.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where `fit` was given a frame.

    See Also
    --------
    TrepanClassifier : Tests of several literals.
    DistilledTreeRegressor : For models that predict numbers.

    References
    ----------
    .. [1] M. A. Carreira-Perpinan and P. Tavallali, "Alternating optimization of decision trees",
       NeurIPS 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from surrogates import DistilledTreeClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> forest = RandomForestClassifier(50, random_state=0).fit(X, y)
    >>> tree = DistilledTreeClassifier(forest, max_leaves=3, random_state=0).fit(X)
    >>> tree.fidelity(X) > 0.9
    True
    """

    _constraints: ClassVar[Constraints] = {
        **_DistilledTree._constraints,
        **LabelDistiller._own_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        *,
        targets: str = "labels",
        max_leaves: int = 8,
        n_queries: int = 3000,
        sampler: str = "auto",
        real_weight: float = 0.3,
        n_passes: int = 3,
        min_support: int | float = 2,
        validation_fraction: float | None = None,
        monotone: Mapping[Any, int] | None = None,
        forbidden_features: Any = (),
        class_weight: Mapping[Any, float] | str | None = None,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.targets = targets
        self.max_leaves = max_leaves
        self.n_queries = n_queries
        self.sampler = sampler
        self.real_weight = real_weight
        self.n_passes = n_passes
        self.min_support = min_support
        self.validation_fraction = validation_fraction
        self.monotone = monotone
        self.forbidden_features = forbidden_features
        self.class_weight = class_weight
        self.response_method = response_method
        self.random_state = random_state


class DistilledTreeRegressor(NumberDistiller, _DistilledTree):
    """A tree of scikit-learn that follows the numbers of a model.

    The tree is fitted to the answers of the model about the reference rows and about rows drawn
    beside them; then its thresholds are moved to where the model changes its answer, and its tests
    are improved in turn [1]_. Levels keep their names, missing values are routed.

    Parameters
    ----------
    estimator : object
        A fitted estimator or Pipeline, an unfitted one (then `fit` needs y), or a callable
        ``f(X) -> (n,) or (n, n_outputs)``. A fitted model is never refitted or changed.
    max_leaves : int, default=8
    n_queries : int, default=3000
        Rows that the model is asked about beside the reference rows, at most: drawn rows, the
        choice of the sampler and the search for thresholds.
    sampler : {"auto", "none", "marginal", "kde", "gmm", "smote"}, default="auto"
        Where drawn rows come from: each column from its own distribution ("marginal"), reference
        rows moved a little ("kde"), groups of similar rows with independent columns ("gmm"), rows
        between neighbors ("smote"). "auto" takes those that do best on reference rows held out, and
        none where drawn rows do harm.
    real_weight : float in [0, 1], default=0.3
        Share of the weight that the reference rows have all together.
    n_passes : int, default=3
        Rounds of tree alternating optimization, in which each test is improved in turn.
    min_support : int or float, default=2
        Reference rows in each leaf, as a number or as a share of all.
    validation_fraction : float in (0, 1), default=None
        Share of the reference rows that is held out, to choose the size of the tree by its
        fidelity on them. None keeps the largest tree.
    monotone : mapping, default=None
        Columns (names, or positions in arrays) to 1 or -1: along them the prediction may only
        grow or fall.
    forbidden_features : sequence, default=()
        Columns that tests may not use.
    response_method : str or callable, default="auto"
        Method of the model to imitate; "auto" takes the first of predict_proba, decision_function
        and predict. Or a function
        ``(estimator, X) -> array``.
    target : label or list of labels, default=None
        Outputs to imitate, of a model with several. None is the positive class of a binary
        classifier, and every output otherwise.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Attributes
    ----------
    estimator_ : object
        The model imitated.
    tree_ : RuleTree
        Tests, children, values and support of the nodes.
    n_leaves_, n_literals_ : int
    n_queries_ : int
        Rows that the model was asked about beside the reference rows.
    n_reference_rows_ : int
        Reference rows, asked about once.
    sampler_ : str
        The sampler used; with "auto" the best.
    sampler_fidelity_ : dict
        With "auto", the fidelity of trial trees on reference rows held out, by sampler.
    fidelity_path_ : DataFrame
        n_leaves, n_literals, fidelity (on the rows that the tree was grown from, which flatters)
        and held_out (NaN without `validation_fraction`) of the nested trees of all sizes.
    rules_ : DataFrame
        One line per leaf: rule, prediction, support and fidelity.
    feature_importances_ : ndarray of shape (n_columns,)
        What the tests gain, shared among their columns.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where `fit` was given a frame.

    See Also
    --------
    TrepanRegressor : Tests of several literals.
    DistilledTreeClassifier : For models that predict labels.

    References
    ----------
    .. [1] M. A. Carreira-Perpinan and P. Tavallali, "Alternating optimization of decision trees",
       NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates import DistilledTreeRegressor
    >>> def tariff(X):
    ...     return np.where(X[:, 0] > 0.25, 10.0, 4.0)
    >>> X = np.random.default_rng(0).random((200, 2))
    >>> tree = DistilledTreeRegressor(tariff, random_state=0).fit(X)
    >>> print(tree.n_leaves_, tree.predict([[0.2500001, 0.0], [0.25, 1.0]]))
    2 [10.  4.]
    """

    _constraints: ClassVar[Constraints] = {
        **_DistilledTree._constraints,
        **NumberDistiller._own_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        *,
        max_leaves: int = 8,
        n_queries: int = 3000,
        sampler: str = "auto",
        real_weight: float = 0.3,
        n_passes: int = 3,
        min_support: int | float = 2,
        validation_fraction: float | None = None,
        monotone: Mapping[Any, int] | None = None,
        forbidden_features: Any = (),
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.max_leaves = max_leaves
        self.n_queries = n_queries
        self.sampler = sampler
        self.real_weight = real_weight
        self.n_passes = n_passes
        self.min_support = min_support
        self.validation_fraction = validation_fraction
        self.monotone = monotone
        self.forbidden_features = forbidden_features
        self.response_method = response_method
        self.target = target
        self.random_state = random_state
