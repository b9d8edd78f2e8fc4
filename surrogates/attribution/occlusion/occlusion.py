"""Occlusion and prediction difference analysis."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from surrogates._params import ANY_CALLABLE, BOOLEAN, NONE, Constraint, Instance, Interval, Options
from surrogates.attribution.occlusion.differences import Differences, explain_block
from surrogates.attribution.occlusion.neighbors import Resemblance
from surrogates.base import AttributionExplainer
from surrogates.blackbox.inside import look_inside
from surrogates.blackbox.links import MOVED, apply_link
from surrogates.blackbox.model import make_model
from surrogates.blackbox.players import make_players
from surrogates.blackbox.reference import draw_reference
from surrogates.blackbox.table import column_names, is_frame
from surrogates.explanation import Attribution, Reference

__all__ = ["Occlusion"]


class Occlusion(AttributionExplainer):
    """What the prediction loses when the value of one column is not known.

    The value of a column is replaced by those of reference rows, one column at a time, and the
    mean response is compared with the prediction [1]_: with all reference rows ("marginal"), or
    with those that resemble the row in all other columns ("conditional", [2]_). On the logit scale
    this is the weight of evidence of prediction difference analysis. Differences of single columns
    do not add up to the prediction: what two columns do together is counted in both, or in none.

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
    link : {"identity", "logit", "log"}, default="identity"
        Scale of the differences. "logit" gives weights of evidence, as natural logarithms.
    sampling : {"marginal", "conditional"}, default="marginal"
        Whether all reference rows fill in, or those that are nearest in all other columns.
    n_neighbors : int, default=10
        How many are near; for ``sampling="conditional"``.
    groups : mapping of str to list, default=None
        Columns that are taken away together: name -> columns (names for frames, positions for
        arrays). Columns in no group stay players of their own.
    n_background : int or None, default=100
        Reference rows drawn from the table given to `fit`; None keeps every row.
    n_jobs : int, default=None
        Jobs over blocks of rows, through joblib and its `parallel_config`.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw of reference rows.

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
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where `fit` was given a frame.

    See Also
    --------
    KernelSHAP : Attributions that add up to the prediction.

    Notes
    -----
    A row costs ``n_players * n_background`` model rows. ``std_errors`` are those of the draw of
    reference rows, for ``sampling="marginal"``.

    References
    ----------
    .. [1] M. Robnik-Sikonja and I. Kononenko, "Explaining classifications for individual
       instances", IEEE TKDE 20, 2008.
    .. [2] L. M. Zintgraf, T. S. Cohen, T. Adel and M. Welling, "Visualizing deep neural network
       decisions: prediction difference analysis", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates import Occlusion
    >>> X = np.array([[0.0, 0.0], [2.0, 4.0]])
    >>> occlusion = Occlusion(lambda X: X[:, 0] + 10 * X[:, 1], random_state=0).fit(X)
    >>> occlusion.explain([[3.0, 5.0]]).values[0, :, 0]
    array([ 2., 30.])
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "response_method": [Instance(str, "a str"), ANY_CALLABLE],
        "link": [Options("identity", "logit", "log")],
        "sampling": [Options("marginal", "conditional")],
        "n_neighbors": [Interval("int", 1, None)],
        "groups": [Instance(Mapping, "a mapping of names to columns"), NONE],
        "n_background": [Interval("int", 1, None), NONE],
        "n_jobs": [Instance((int, np.integer), "an int"), NONE],
        "verbose": [BOOLEAN, Interval("int", 0, None)],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        response_method: str | Callable[[Any, Any], Any] = "auto",
        target: Any = None,
        link: str = "identity",
        sampling: str = "marginal",
        n_neighbors: int = 10,
        groups: Mapping[str, Sequence[Any]] | None = None,
        n_background: int | None = 100,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.response_method = response_method
        self.target = target
        self.link = link
        self.sampling = sampling
        self.n_neighbors = n_neighbors
        self.groups = groups
        self.n_background = n_background
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the reference rows that fill in.

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
        self : Occlusion

        Raises
        ------
        ValueError
            A parameter out of range, an unusable table, an unknown target, or an unfitted model
            without y.
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
        self.reference_ = draw_reference(X, weights, self.n_background, seed)
        self.model_, responses = make_model(
            self.estimator_, self.response_method, self.target, self.reference_.rows
        )
        self._mean: NDArray[np.float64] = self.reference_.weights @ responses
        apply_link(self.link, self._mean)
        near = None
        if self.sampling == "conditional":
            near = Resemblance(self.reference_.rows, self.players_)
        inside = look_inside(self.model_, self.reference_.rows, self.players_)
        reference = replace(self.reference_, rows=inside.table(self.reference_.rows))
        self.differences_ = Differences(inside, reference, self.link, near, int(self.n_neighbors))
        self.record_ = self._record(seed)
        return self

    def _explain(self, X: Any) -> Attribution:
        blocks = self._explain_blocks(explain_block, self.differences_, X)
        values, errors, predictions = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        n_rows = X.shape[0]
        return Attribution(
            values=values,
            base_values=np.tile(apply_link(self.link, self._mean), (n_rows, 1)),
            predictions=predictions,
            std_errors=errors if self.sampling == "marginal" else None,
            data=X,
            feature_names=self.players_.names,
            output_names=self.model_.output_names,
            reference=Reference("population", len(self.reference_), tuple(self._mean.tolist())),
            method=type(self).__name__,
            params=self.record_,
            n_model_rows=n_rows * (len(self.players_) * len(self.reference_) + 1),
        )

    def _record(self, seed: int) -> dict[str, Any]:
        """Return how the values are computed, in words and numbers that a file can keep."""
        record: dict[str, Any] = {
            "sampling": self.sampling,
            "link": self.link,
            "n_background": len(self.reference_),
            "response_method": self.model_.method_name,
            "seed": seed,
            "groups": self.players_.groups or None,
        }
        if self.sampling == "conditional":
            record["n_neighbors"] = int(self.n_neighbors)
        if self.link != "identity":
            record["moved"] = f"responses at the end of the link's domain are moved by {MOVED:g}"
        return record
