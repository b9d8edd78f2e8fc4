"""TREPAN: small trees of m-of-n tests, grown by asking the model."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from surrogates.distillation.distiller import Constraints
from surrogates.distillation.expansion import Expansion
from surrogates.distillation.predictors import LabelDistiller, NumberDistiller

__all__ = ["TrepanClassifier", "TrepanRegressor"]


class TrepanClassifier(LabelDistiller, Expansion):
    """A small tree of m-of-n tests that predicts what a model predicts.

    The model is asked about the reference rows and about rows drawn beside them. The leaf that
    loses most is divided next, by the best test that a beam search finds; rows are drawn under all
    tests above a node, thresholds are moved to where the model changes its answer, and at the end
    all tests are improved in turn [1]_ [2]_.

    Parameters
    ----------
    estimator : object
        A fitted estimator or Pipeline, an unfitted one (then `fit` needs y), or a callable
        that returns labels (n,) or probabilities (n, n_classes). A fitted model is never refitted
        or changed.
    splits : {"m-of-n", "single"}, default="m-of-n"
        Tests of the kind "at least m of these n literals hold", or of a single literal.
    targets : {"labels", "proba"}, default="labels"
        Imitate the labels that the model predicts, or its probabilities, which tell more where
        they are to be trusted.
    max_leaves : int, default=8
    max_literals : int, default=None
        Literals in the whole tree; None does not limit them.
    max_literals_per_test : int, default=10
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
    beam_width : int, default=2
        Tests that are kept at each step of the search.
    significance : float in (0, 1], default=0.5
        Level of the chi-square test that another literal must pass; 1 tests nothing.
    literal_penalty : float, default=0.0005
        What another literal must gain: bits (or units of variance) per row at the node.
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
    DistilledTreeClassifier : Tests of one literal, by scikit-learn.
    TrepanRegressor : For models that predict numbers.

    Notes
    -----
    Where the reference rows are fewer than `n_queries`, literals are not limited and the tree errs,
    extremely randomized trees learn all answers, and a second tree is grown on what they say about
    many more rows; its leaves get their values from the model's own answers.

    References
    ----------
    .. [1] M. W. Craven and J. W. Shavlik, "Extracting tree-structured representations of trained
       networks", NIPS 1995.
    .. [2] M. A. Carreira-Perpinan and P. Tavallali, "Alternating optimization of decision trees",
       NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates import TrepanClassifier
    >>> def committee(X):
    ...     return np.where((X > 0.5).sum(axis=1) >= 2, "pass", "fail")
    >>> X = np.random.default_rng(0).random((200, 3))
    >>> tree = TrepanClassifier(committee, random_state=0).fit(X)
    >>> print(tree.export_text())
    if at least 2 of 3: ...
        predict ...
    else
        predict ...
    >>> tree.fidelity(np.random.default_rng(1).random((1000, 3)))
    1.0
    """

    _constraints: ClassVar[Constraints] = {
        **Expansion._constraints,
        **LabelDistiller._own_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        *,
        splits: str = "m-of-n",
        targets: str = "labels",
        max_leaves: int = 8,
        max_literals: int | None = None,
        max_literals_per_test: int = 10,
        n_queries: int = 3000,
        sampler: str = "auto",
        real_weight: float = 0.3,
        beam_width: int = 2,
        significance: float = 0.5,
        literal_penalty: float = 0.0005,
        min_support: int | float = 2,
        validation_fraction: float | None = None,
        monotone: Mapping[Any, int] | None = None,
        forbidden_features: Any = (),
        class_weight: Mapping[Any, float] | str | None = None,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.splits = splits
        self.targets = targets
        self.max_leaves = max_leaves
        self.max_literals = max_literals
        self.max_literals_per_test = max_literals_per_test
        self.n_queries = n_queries
        self.sampler = sampler
        self.real_weight = real_weight
        self.beam_width = beam_width
        self.significance = significance
        self.literal_penalty = literal_penalty
        self.min_support = min_support
        self.validation_fraction = validation_fraction
        self.monotone = monotone
        self.forbidden_features = forbidden_features
        self.class_weight = class_weight
        self.response_method = response_method
        self.random_state = random_state


class TrepanRegressor(NumberDistiller, Expansion):
    """A small tree of m-of-n tests that follows the numbers of a model.

    The model is asked about the reference rows and about rows drawn beside them. The leaf that
    loses most is divided next, by the best test that a beam search finds; rows are drawn under all
    tests above a node, thresholds are moved to where the model changes its answer, and at the end
    all tests are improved in turn [1]_ [2]_.

    Parameters
    ----------
    estimator : object
        A fitted estimator or Pipeline, an unfitted one (then `fit` needs y), or a callable
        ``f(X) -> (n,) or (n, n_outputs)``. A fitted model is never refitted or changed.
    splits : {"m-of-n", "single"}, default="m-of-n"
        Tests of the kind "at least m of these n literals hold", or of a single literal.
    max_leaves : int, default=8
    max_literals : int, default=None
        Literals in the whole tree; None does not limit them.
    max_literals_per_test : int, default=10
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
    beam_width : int, default=2
        Tests that are kept at each step of the search.
    significance : float in (0, 1], default=0.5
        Level of the chi-square test that another literal must pass; 1 tests nothing.
    literal_penalty : float, default=0.0005
        What another literal must gain: bits (or units of variance) per row at the node.
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
    DistilledTreeRegressor : Tests of one literal, by scikit-learn.
    TrepanClassifier : For models that predict labels.

    Notes
    -----
    Where the reference rows are fewer than `n_queries`, literals are not limited and the tree errs,
    extremely randomized trees learn all answers, and a second tree is grown on what they say about
    many more rows; its leaves get their values from the model's own answers.

    References
    ----------
    .. [1] M. W. Craven and J. W. Shavlik, "Extracting tree-structured representations of trained
       networks", NIPS 1995.
    .. [2] M. A. Carreira-Perpinan and P. Tavallali, "Alternating optimization of decision trees",
       NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates import TrepanRegressor
    >>> def tariff(X):
    ...     return np.where(X[:, 0] > 0.25, 10.0, 4.0)
    >>> X = np.random.default_rng(0).random((200, 2))
    >>> tree = TrepanRegressor(tariff, random_state=0).fit(X)
    >>> print(tree.n_leaves_, tree.predict([[0.2500001, 0.0], [0.25, 1.0]]))
    2 [10.  4.]
    """

    _constraints: ClassVar[Constraints] = {
        **Expansion._constraints,
        **NumberDistiller._own_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        *,
        splits: str = "m-of-n",
        max_leaves: int = 8,
        max_literals: int | None = None,
        max_literals_per_test: int = 10,
        n_queries: int = 3000,
        sampler: str = "auto",
        real_weight: float = 0.3,
        beam_width: int = 2,
        significance: float = 0.5,
        literal_penalty: float = 0.0005,
        min_support: int | float = 2,
        validation_fraction: float | None = None,
        monotone: Mapping[Any, int] | None = None,
        forbidden_features: Any = (),
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.splits = splits
        self.max_leaves = max_leaves
        self.max_literals = max_literals
        self.max_literals_per_test = max_literals_per_test
        self.n_queries = n_queries
        self.sampler = sampler
        self.real_weight = real_weight
        self.beam_width = beam_width
        self.significance = significance
        self.literal_penalty = literal_penalty
        self.min_support = min_support
        self.validation_fraction = validation_fraction
        self.monotone = monotone
        self.forbidden_features = forbidden_features
        self.response_method = response_method
        self.target = target
        self.random_state = random_state
