"""What all distilled trees share: asking the model, predictions, fidelity, reading and pruning."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite, get_tags
from sklearn.utils.validation import check_is_fitted

from surrogates._params import NONE, Constraint, Instance, Interval, Options, check_params
from surrogates.base import Explainer
from surrogates.blackbox.model import is_fitted
from surrogates.blackbox.table import is_frame, row_labels
from surrogates.distillation.coding import make_coding
from surrogates.distillation.columns import column_positions, monotone_signs
from surrogates.distillation.exporting import Exportable
from surrogates.distillation.fidelity import agreement, path_frame, report
from surrogates.distillation.oracle import Oracle
from surrogates.distillation.pool import Pool, Task
from surrogates.distillation.pruning import nested_trees, simplified, supported
from surrogates.distillation.reading import decision_paths, importances, rule_frame, tree_display
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.samplers import SAMPLERS, make_sampler
from surrogates.distillation.selection import Choice, choose_sampler, drawn_answers, make_pool
from surrogates.distillation.teacher import Teacher, make_teacher
from surrogates.distillation.wording import Wording
from surrogates.explanation import DecisionPaths

__all__ = ["SHARED_CONSTRAINTS", "Constraints", "Distiller"]

Constraints = Mapping[str, Sequence[Constraint]]

SHARED_CONSTRAINTS: Constraints = {
    "max_leaves": [Interval("int", 1, None)],
    "n_queries": [Interval("int", 0, None)],
    "sampler": [Options("auto", "none", *SAMPLERS)],
    "real_weight": [Interval("float", 0, 1, "both")],
    "min_support": [Interval("int", 1, None), Interval("float", 0, 1, "neither")],
    "validation_fraction": [Interval("float", 0, 1, "neither"), NONE],
    "forbidden_features": [
        Instance((list, tuple, set, frozenset, np.ndarray), "a list of columns")
    ],
    "monotone": [Instance(Mapping, "a mapping of columns to 1 or -1"), NONE],
}


class Distiller(Exportable, Explainer, metaclass=ABCMeta):
    """Base of trees that imitate a model.

    Subclasses say what they imitate (``_teaches``), and grow a tree on answers (``_grow``).
    """

    max_leaves: int
    n_queries: int
    sampler: str
    real_weight: float
    min_support: Any
    validation_fraction: float | None
    forbidden_features: Any
    monotone: Any

    @abstractmethod
    def _teaches(self) -> str:
        """Return "labels", "proba" or "numbers"."""

    @abstractmethod
    def _task(self, teacher: Teacher, targets: NDArray[np.float64]) -> Task:
        """Return what is to be imitated."""

    @abstractmethod
    def _grow(
        self, pool: Pool, task: Task, oracle: Oracle, choice: Choice, rng: np.random.Generator
    ) -> RuleTree:
        """Grow a tree on the rows of a pool, and on others that the oracle is asked about."""

    @abstractmethod
    def _trial(self, pool: Pool, task: Task) -> RuleTree:
        """Grow a small tree quickly, without asking."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Ask the model about the reference rows and drawn rows, and grow a tree on the answers.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Reference rows, in the form that the model takes. They are labeled once.
        y : array-like of shape (n_rows,), default=None
            Needed to fit an unfitted model, ignored otherwise: the tree imitates the model.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            A parameter out of range, an unusable table, an unknown column or class, or an
            unfitted model without y.
        ModelOutputError
            The model raised, or returned something other than labels or finite numbers.
        """
        self._check_params()
        X = self._check_reference(X)
        rng = np.random.default_rng(self._root_seed())
        self.estimator_ = self._fit_estimator(X, y, None)
        teacher, targets = make_teacher(
            self.estimator_,
            getattr(self, "response_method", "auto"),
            self._teaches(),
            getattr(self, "target", None),
            X,
        )
        self.coding_, coded = make_coding(X)
        self.teacher_ = teacher
        self._forbidden = column_positions(
            self.forbidden_features, self.coding_, type(self).__name__, "forbidden_features"
        )
        self._signs = monotone_signs(self.monotone, self.coding_, teacher, type(self).__name__)
        self._fit_tree(coded, targets, rng)
        return self

    def _fit_tree(self, coded: NDArray[np.float64], targets: NDArray[np.float64], rng: Any) -> None:
        task = self._task(self.teacher_, targets)
        grown_on, held_out = self._divided(len(coded), rng)
        oracle = Oracle(self.teacher_, self.coding_, int(self.n_queries))
        choice = self._choose(coded[grown_on], targets[grown_on], task, oracle, rng)
        pool = make_pool(
            coded[grown_on], targets[grown_on], choice.answers, task, float(self.real_weight)
        )
        tree = self._grow(pool, task, oracle, choice, rng)
        tree = supported(tree, self._min_support(len(grown_on)))
        by_label = self._teaches() == "labels"
        tree = simplified(tree, by_label=by_label)
        trees = nested_trees(tree, by_label=by_label)[: self.max_leaves]
        trees = trees[: len(simplified(trees[-1], by_label=by_label).leaves)]
        held = (coded[held_out], targets[held_out]) if len(held_out) else None
        self._trees = trees
        self.fidelity_path_ = path_frame(trees, task, held)
        self.sampler_, self.sampler_fidelity_ = choice.name, choice.fidelity
        self.n_queries_ = oracle.n_queries
        self.n_reference_rows_ = len(coded)
        self.reference_spread_ = _spread(coded)
        best = simplified(self._best_tree(trees), by_label=by_label)
        self._set_tree(trees[len(best.leaves) - 1])

    def _best_tree(self, trees: list[RuleTree]) -> RuleTree:
        """Return the largest tree, or the smallest that is best on the rows held out."""
        held = self.fidelity_path_["held_out"].to_numpy()
        return trees[-1] if np.isnan(held).all() else trees[int(np.nanargmax(held))]

    def _set_tree(self, tree: RuleTree) -> None:
        self.tree_ = tree
        self.n_leaves_ = len(tree.leaves)
        self.n_literals_ = tree.n_literals

    def _divided(self, n: int, rng: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self.validation_fraction is None:
            return np.arange(n), np.arange(0)
        order = rng.permutation(n)
        cut = min(max(round(self.validation_fraction * n), 1), n - 1)
        return np.sort(order[cut:]), np.sort(order[:cut])

    def _choose(
        self,
        coded: NDArray[np.float64],
        targets: NDArray[np.float64],
        task: Task,
        oracle: Oracle,
        rng: np.random.Generator,
    ) -> Choice:
        if self.sampler == "none" or oracle.limit == 0:
            return Choice("none", None, None, {})
        if self.sampler != "auto":
            sampler = make_sampler(self.sampler, coded, np.ones(len(coded)), self.coding_, rng)
            n = oracle.limit // 2
            return Choice(
                self.sampler, sampler, drawn_answers(sampler, n, oracle, len(coded), rng), {}
            )

        def trial(pool: Pool) -> RuleTree:
            return self._trial(pool, task)

        return choose_sampler(
            coded,
            targets,
            self.coding_,
            task,
            oracle,
            float(self.real_weight),
            trial,
            rng,
            for_student=self._needs_student(len(coded)),
        )

    def _needs_student(self, n_reference: int) -> bool:
        """Tell whether rows are too few for the choice among tests of many literals."""
        return self._has_students() and n_reference < self.n_queries

    def _has_students(self) -> bool:
        return False

    def _min_support(self, n_rows: int) -> float:
        if isinstance(self.min_support, (int, np.integer)):
            return float(self.min_support)
        return float(self.min_support) * n_rows

    def _columns(self) -> tuple[int, ...]:
        return tuple(at for at in range(len(self.coding_.columns)) if at not in self._forbidden)

    def _coded(self, X: Any) -> tuple[Any, NDArray[np.float64]]:
        """Check rows and return them with their codes."""
        check_is_fitted(self)
        rows = self._check_rows(X, self.coding_.rows)
        self._refuse_what_the_model_refused(rows)
        return rows, self.coding_.encode(rows)

    def _refuse_what_the_model_refused(self, rows: Any) -> None:
        """Refuse missing values in arrays where `fit` trained a model that does not take them."""
        if is_fitted(self.estimator) or is_frame(rows) or rows.dtype.kind != "f":
            return
        if not get_tags(self).input_tags.allow_nan:
            assert_all_finite(rows, input_name="X")

    def _values(self, X: Any) -> NDArray[np.float64]:
        _, coded = self._coded(X)
        return self.tree_.values[self.tree_.apply(coded)]

    def apply(self, X: Any) -> NDArray[np.int64]:
        """Return the leaf of each row.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        leaves : ndarray of int64 of shape (n_rows,)
            Numbers of nodes, as in `rules_`.
        """
        _, coded = self._coded(X)
        return self.tree_.apply(coded).astype(np.int64)

    def fidelity(self, X: Any) -> float:
        """Return how well the tree imitates the model.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Rows that the tree has not been fitted on; on others the answer flatters.

        Returns
        -------
        fidelity : float
            The share of rows with the label that the model gives; for numbers, the R2 of the
            predictions of the tree for those of the model.

        Raises
        ------
        ValueError
            No rows, or columns other than those seen in `fit`.
        """
        rows, coded = self._coded(X)
        return agreement(self.tree_, self.teacher_, coded, self.teacher_(rows))

    def fidelity_report(self, X: Any, y: Any = None, *, level: float = 0.95) -> pd.DataFrame:
        """Return how well the tree imitates the model, and how well both do.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Rows that the tree has not been fitted on.
        y : array-like of shape (n_rows,), default=None
            True labels or numbers; without them there are no scores.
        level : float in (0, 1), default=0.95
            Of the intervals.

        Returns
        -------
        DataFrame
            Columns measure, group, value, low, high and n. Labels: fidelity (Wilson's interval)
            over all rows and over those to which the model gives each class, Cohen's kappa,
            and the accuracies of the model and of the tree. Numbers: R2 and mean absolute
            error against the model, and R2 of both against y; intervals by 200 bootstrap samples.

        Raises
        ------
        ValueError
            As `fidelity`; or `y` has another length, or the level is out of range.
        """
        check_params(
            "fidelity_report", {"level": level}, {"level": [Interval("float", 0, 1, "neither")]}
        )
        rows, coded = self._coded(X)
        return report(self.tree_, self.teacher_, coded, self.teacher_(rows), y, level)

    def prune(self, n_leaves: int) -> Self:
        """Return the tree with fewer leaves that lies inside this one; nothing is refitted.

        Parameters
        ----------
        n_leaves : int
            From 1 to the number of leaves that were grown (the last line of `fidelity_path_`).

        Returns
        -------
        pruned : object
            A fitted estimator of the same class. This one stays as it is.

        Raises
        ------
        ValueError
            There is no such size.
        """
        check_is_fitted(self)
        bounds = [Interval("int", 1, len(self._trees), "both")]
        check_params("prune", {"n_leaves": n_leaves}, {"n_leaves": bounds})
        pruned = copy(self)
        pruned._set_tree(self._trees[n_leaves - 1])
        return pruned

    def explain(self, X: Any) -> DecisionPaths:
        """Return the rule that decides about each row.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)

        Returns
        -------
        paths : DecisionPaths

        Raises
        ------
        ValueError
            No rows, or columns other than those seen in `fit`.
        """
        rows, coded = self._coded(X)
        labels = row_labels(X if is_frame(X) else rows)
        method = type(self).__name__
        return decision_paths(
            self.tree_, self._wording(), rows, coded, labels, self.reference_spread_, method
        )

    @property
    def rules_(self) -> pd.DataFrame:
        """One line per leaf: its rule, what it predicts, its support and its fidelity."""
        check_is_fitted(self)
        return rule_frame(self.tree_, self._wording())

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """What the tests gain, shared among the columns of their literals, summing to one."""
        check_is_fitted(self)
        return importances(self.tree_, of_classes=self.teacher_.classes is not None)

    def plot(self, ax: Any = None) -> Any:
        """Draw the tree.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        display : TreeDisplay
            Already drawn, with ``ax_`` and ``figure_``.
        """
        check_is_fitted(self)
        return tree_display(self.tree_, self._wording(), self._title()).plot(ax)

    def _title(self) -> str:
        return f"{type(self).__name__}: {self.n_leaves_} leaves, {self.n_literals_} literals"

    def _wording(self) -> Wording:
        return Wording(self.coding_, self.teacher_.classes, self.teacher_.model.output_names)


def _spread(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation of each column, 1 where there is none."""
    spread = np.ones(coded.shape[1])
    for at, column in enumerate(coded.T):
        known = column[np.isfinite(column)]
        if len(known) and known.std() > 0.0:
            spread[at] = known.std()
    return spread
