"""LEMNA: which columns drive a locally non-linear response, in groups of dependent neighbours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates._params import ANY_CALLABLE, BOOLEAN, NONE, Constraint, Instance, Interval, Options
from surrogates.attribution.lemna.baseline import baseline_row
from surrogates.attribution.lemna.chain import correlation_chain, given_chain
from surrogates.attribution.lemna.components import Regression
from surrogates.attribution.lemna.design import draw_masks
from surrogates.attribution.lemna.details import (
    component_arrays,
    component_frame,
    make_components_display,
)
from surrogates.attribution.lemna.neighbours import BlockResult, Neighbours, explain_block
from surrogates.base import AttributionExplainer
from surrogates.blackbox.inside import look_inside
from surrogates.blackbox.model import make_model
from surrogates.blackbox.players import make_players
from surrogates.blackbox.reference import ReferenceRows, draw_reference
from surrogates.blackbox.table import column_names, is_frame
from surrogates.explanation import Attribution

__all__ = ["LEMNA"]

_N_BACKGROUND = 100
_N_CORRELATED = 2000  # rows that the order of the chain is learnt from


class LEMNA(AttributionExplainer):
    """Coefficients of a mixture of fused-lasso regressions around each row.

    Columns of the explained row are replaced by a baseline, in random subsets, and the model's
    responses are regressed on which columns were present. One linear model cannot follow a
    decision boundary that bends within this neighbourhood; a mixture of several can, and the
    fused lasso gives columns that depend on their neighbours equal coefficients [1]_. The row is
    explained by the component that is most responsible for its own response; all components are
    reported.

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
    n_components : int or "bic", default="bic"
        Linear models in the mixture; "bic" chooses their number, up to 6, for each row.
    n_samples : int, default=500
        Neighbours, including the row itself and the baseline, that a mixture is fitted to; fewer
        where the columns have fewer subsets. Half as many others measure fidelity.
    l1 : float, default=0.01
        Penalty on the size of the coefficients, see `FusedLassoMixture`.
    fusion : float, default=0.01
        Penalty on differences between the coefficients of neighbours in the chain, likewise.
    order : {"given", "correlation"} or sequence, default="given"
        The chain: columns as they are (sequences, spectra), such that correlated columns stand
        together, or the names of all players (positions for arrays).
    baseline : {"mean", "zero", "background"}, default="mean"
        What absent columns become. "mean" is the mean of floats, the observed value nearest to
        the mean of integers and dates, and otherwise the most frequent level; "zero" is 0 for
        numbers, False for booleans and otherwise as "mean"; "background" the values of one of
        100 reference rows, another one for each neighbour.
    groups : mapping of str to list, default=None
        Columns that are present or absent together: name -> columns (names for frames, positions
        for arrays). Columns in no group stay players of their own.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the neighbours and of the mixtures. `explain` gives the same answer every time it
        is called.

    Attributes
    ----------
    estimator_ : object
        The model explained.
    model_ : Model
        The model as a function to float64, with ``output_names``.
    players_ : Players
        Names of the players, and the columns they own.
    reference_ : ReferenceRows
        Up to 100 of the reference rows.
    baseline_ : ReferenceRows
        The row or rows that absent columns take their values from.
    order_ : tuple of str
        The players in the order of the chain.
    neighbours_ : Neighbours
        The masks, shared by all rows, and how they are regressed on.
    record_ : dict
        How the values are computed; ``params`` of every explanation.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    FusedLassoMixture : The regression.
    KernelSHAP : Attributions that add up to the prediction, with standard errors.
    surrogates.explanation.Attribution : What `explain` returns.

    Notes
    -----
    `explain` returns as ``values`` the coefficients of the component most responsible for the
    row: the effect of presence instead of the baseline, in units of the response. Its intercept
    is ``base_values``, and what it misses in the row ``additivity_gap``. There are no standard
    errors: the choice of component and groups from the same responses would void them.

    ``fidelity`` is the R2 on neighbours that were not fitted. Choosing their component by their
    response would make any mixture look good, on pure noise too; it is told from the mask alone,
    by a logistic regression of the responsibilities on the fitted masks, or is the mixing weight
    where that tells nothing. The reference of R2 is the mean of the fitted responses. With fewer
    than four players all neighbours are fitted, and fidelity is measured on them.

    ``details`` holds "n_components" and, for each component k from 0, the one most responsible
    for the row first, "component_k_weight", "component_k_variance",
    "component_k_responsibility" (for the row), "component_k_intercept",
    "component_k_coefficients" and "component_k_groups" (numbers of fused groups along the
    chain). `components` returns all that as a frame.

    References
    ----------
    .. [1] W. Guo, D. Mu, J. Xu, P. Su, G. Wang and X. Xing, "LEMNA: Explaining deep learning
       based security applications", CCS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates import LEMNA
    >>> def model(X):
    ...     return np.maximum(X[:, :6].sum(axis=1), 2 * X[:, 6:].sum(axis=1) - 3)
    >>> X = np.random.default_rng(0).normal(size=(50, 12))
    >>> lemna = LEMNA(model, baseline="zero", random_state=0).fit(X)
    >>> explanation = lemna.explain(np.ones((1, 12)))  # the second part is the larger one
    >>> explanation.values.round(1).ravel() + 0
    array([0., 0., 0., 0., 0., 0., 2., 2., 2., 2., 2., 2.])
    >>> explanation.details["n_components"], explanation.fidelity.round(1)
    (array([[2]]), array([[1.]]))
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "response_method": [Instance(str, "a str"), ANY_CALLABLE],
        "n_components": [Interval("int", 1, None), Options("bic")],
        "n_samples": [Interval("int", 16, None)],
        "l1": [Interval("float", 0, None)],
        "fusion": [Interval("float", 0, None)],
        "order": [
            Options("given", "correlation"),
            Instance((list, tuple, np.ndarray, pd.Index), "a sequence of players"),
        ],
        "baseline": [Options("mean", "zero", "background")],
        "groups": [Instance(Mapping, "a mapping of names to columns"), NONE],
        "n_jobs": [Instance((int, np.integer), "an int"), NONE],
        "verbose": [BOOLEAN, Interval("int", 0, None)],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        n_components: int | str = "bic",
        n_samples: int = 500,
        l1: float = 0.01,
        fusion: float = 0.01,
        order: str | Sequence[Any] = "given",
        baseline: str = "mean",
        groups: Mapping[str, Sequence[Any]] | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.n_components = n_components
        self.n_samples = n_samples
        self.l1 = l1
        self.fusion = fusion
        self.order = order
        self.baseline = baseline
        self.groups = groups
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the baseline and the chain, and draw the neighbours.

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
        self : LEMNA

        Raises
        ------
        ValueError
            A parameter out of range, an unusable table, an unknown target, an order that does not
            name every player once, or an unfitted model without y.
        ModelOutputError
            The model raised, or returned something other than finite numbers.
        """
        self._check_params()
        X = self._check_reference(X)
        weights = self._check_weights(X, sample_weight)
        seed = self._root_seed()
        self.estimator_ = self._fit_estimator(X, y, weights)
        self.players_ = make_players(
            column_names(X), self.groups, named=is_frame(X), owner=type(self).__name__
        )
        self.reference_ = draw_reference(X, weights, _N_BACKGROUND, seed)
        self.model_, _ = make_model(
            self.estimator_, self.response_method, self.target, self.reference_.rows
        )
        self.baseline_ = self._baseline_rows(X, weights)
        chain = self._chain(X, weights, seed)
        self.order_ = tuple(self.players_.names[player] for player in chain)
        inside = look_inside(self.model_, self.reference_.rows, self.players_)
        baseline = replace(self.baseline_, rows=inside.table(self.baseline_.rows))
        self.neighbours_ = Neighbours(inside, baseline, self._regression(chain, seed))
        self.record_ = self._record(seed)
        return self

    def _regression(self, chain: NDArray[np.int64], seed: int) -> Regression:
        design = draw_masks(len(self.players_), int(self.n_samples), self.baseline_.weights, seed)
        return Regression(
            design=design,
            chain=chain,
            n_components=self.n_components,
            l1=float(self.l1),
            fusion=float(self.fusion),
            seed=seed,
        )

    def _baseline_rows(self, X: Any, weights: NDArray[np.float64] | None) -> ReferenceRows:
        if self.baseline == "background":
            return self.reference_
        shares = np.ones(X.shape[0]) if weights is None else weights
        return ReferenceRows(baseline_row(X, shares, self.baseline), np.ones(1), 1)

    def _chain(self, X: Any, weights: NDArray[np.float64] | None, seed: int) -> NDArray[np.int64]:
        if not isinstance(self.order, str):
            return given_chain(self.order, self.players_, type(self).__name__)
        if self.order == "given":
            return np.arange(len(self.players_))
        rows = draw_reference(X, weights, _N_CORRELATED, seed)
        return correlation_chain(rows.rows, rows.weights, self.players_)

    def components(self, explanation: Attribution) -> pd.DataFrame:
        """Return all components of an explanation, not only those that explain the rows.

        Parameters
        ----------
        explanation : Attribution
            Made by `explain`, or a selection of its rows, outputs or features.

        Returns
        -------
        DataFrame
            One line per row, output, component and feature: row (the caller's label), output,
            component (0 is the one that explains the row), weight, variance, responsibility (for
            the row), intercept, feature, coefficient and group (number of the fused group along
            the chain).

        Raises
        ------
        ValueError
            The explanation was made by another method.
        """
        return component_frame(explanation)

    def plot_components(
        self, explanation: Attribution, *, output: str | None = None, **kwargs: Any
    ) -> Any:
        """Draw the coefficients of a row along the chain, one panel per component.

        Parameters
        ----------
        explanation : Attribution
            One row of what `explain` returned, such as ``explanation[0]``.
        output : str, default=None
            Which output to draw. None takes the one with the highest prediction.
        **kwargs
            Passed to the ``plot`` method of the display: ``axes`` and ``max_components``.

        Returns
        -------
        ComponentsDisplay
            Already drawn, with ``axes_`` and ``figure_``. Groups of fused players whose common
            coefficient is not zero are shaded.

        Raises
        ------
        ValueError
            The explanation has several rows, or was made by another method.
        """
        return make_components_display(explanation, output).plot(**kwargs)

    def _explain(self, X: Any) -> Attribution:
        blocks = self._explain_blocks(explain_block, self.neighbours_, X)
        return self._attribution(X, BlockResult.joined(blocks))

    def _attribution(self, X: Any, result: BlockResult) -> Attribution:
        details = component_arrays(result.components)
        return Attribution(
            values=details["component_0_coefficients"],
            base_values=details["component_0_intercept"],
            predictions=result.predictions,
            fidelity=np.array([[own.fidelity for own in row] for row in result.components]),
            converged=np.array([all(own.converged for own in row) for row in result.components]),
            data=X,
            feature_names=self.players_.names,
            output_names=self.model_.output_names,
            method=type(self).__name__,
            params=self.record_,
            details=details,
            n_model_rows=X.shape[0] * len(self.neighbours_.regression.design.masks),
        )

    def _record(self, seed: int) -> dict[str, Any]:
        """Return how the values are computed, in words and numbers that a file can keep."""
        design = self.neighbours_.regression.design
        return {
            "baseline": self.baseline,
            "order": list(self.order_),
            "n_components": self.n_components,
            "l1": float(self.l1),
            "fusion": float(self.fusion),
            "n_fitted": design.n_fitted,
            "n_held_out": design.n_held_out,
            "response_method": self.model_.method_name,
            "seed": seed,
            "groups": self.players_.groups or None,
        }
