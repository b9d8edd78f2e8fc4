"""What attributions would be, had the model been trained on other rows of the same kind."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import is_classifier

from surrogates._params import Interval, check_params
from surrogates.blackbox.table import row_labels
from surrogates.explanation.displays import BarDisplay
from surrogates.explanation.result import Result
from surrogates.metrics.question import as_table, draw_seed
from surrogates.metrics.refitting import check_target, explain_refit, same_outputs, unfitted_twin

__all__ = ["RefitStability", "refit_stability"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RefitStability(Result):
    """Attributions of rows by the model, and by models fitted on bootstrap samples.

    Files written by `save` are read by ``RefitStability.load``.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_players, n_outputs)
        By the model fitted on all training rows.
    refits : ndarray of shape (n_refits, n_rows, n_players, n_outputs)
        By the others.
    predictions : ndarray of shape (n_refits, n_rows, n_outputs)
        Responses of the others.
    feature_names, output_names : tuple of str
    index : Index of length n_rows
        The caller's labels of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from surrogates.metrics import RefitStability
    >>> refits = np.array([3.0, 1.0, 2.0, 4.0]).reshape(2, 1, 2, 1)
    >>> stability = RefitStability(
    ...     values=np.array([[[2.0], [1.0]]]),
    ...     refits=refits,
    ...     predictions=np.zeros((2, 1, 1)),
    ...     feature_names=("age", "amount"),
    ...     output_names=("bad",),
    ...     index=pd.RangeIndex(1),
    ... )
    >>> stability.rank_frequencies[0, :, :, 0]
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """

    values: NDArray[np.float64]
    refits: NDArray[np.float64]
    predictions: NDArray[np.float64]
    feature_names: tuple[str, ...]
    output_names: tuple[str, ...]
    index: Any

    def __post_init__(self) -> None:
        for name in ("values", "refits", "predictions"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        for name in ("feature_names", "output_names"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        shape = (len(self.index), len(self.feature_names), len(self.output_names))
        if self.values.shape != shape or self.refits.shape[1:] != shape:
            raise ValueError(
                f"values and refits must have the shapes {shape} and (n_refits, *{shape}). "
                f"Got {self.values.shape} and {self.refits.shape}."
            )

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        rows, players, outputs = self.values.shape
        return f"RefitStability({len(self.refits)} refits, {rows} x {players} x {outputs})"

    @property
    def std_errors(self) -> NDArray[np.float64]:
        """Standard deviations over the refits, of the shape of `values`."""
        return self.refits.std(axis=0, ddof=1)

    @property
    def rank_frequencies(self) -> NDArray[np.float64]:
        """Share of refits that give a player a rank, (n_rows, n_players, n_ranks, n_outputs).

        The first rank is the largest magnitude; of equal ones, the first player.
        """
        order = np.argsort(-np.abs(self.refits), axis=2, kind="stable")
        ranks = np.argsort(order, axis=2, kind="stable")
        places = np.arange(ranks.shape[2])
        return (ranks[:, :, :, None] == places[:, None]).mean(axis=0)

    def interval(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return percentile intervals of the attributions over the refits.

        Parameters
        ----------
        level : float in (0, 1), default=0.95

        Returns
        -------
        low, high : ndarray of shape (n_rows, n_players, n_outputs)

        Raises
        ------
        ValueError
            The level is out of range.
        """
        check_params("interval", {"level": level}, {"level": [Interval("float", 0, 1, "neither")]})
        low, high = np.quantile(self.refits, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def to_frame(self, level: float = 0.95, k: int = 3) -> pd.DataFrame:
        """Return one line per row, output and player.

        Parameters
        ----------
        level : float in (0, 1), default=0.95
            Of the intervals.
        k : int, default=3
            For the share of refits in which the player is among the `k` largest.

        Returns
        -------
        DataFrame
            row (the caller's label), output, feature, attribution, low, high, std_error,
            same_sign (share of refits with the sign of the attribution), mean_rank (from 1) and
            in_top (share of refits).
        """
        check_params("to_frame", {"k": k}, {"k": [Interval("int", 1, None)]})
        low, high = self.interval(level)
        ranks = self.rank_frequencies
        places = np.arange(1, ranks.shape[2] + 1)
        numbers = {
            "attribution": self.values,
            "low": low,
            "high": high,
            "std_error": self.std_errors,
            "same_sign": (np.sign(self.refits) == np.sign(self.values)).mean(axis=0),
            "mean_rank": (ranks * places[:, None]).sum(axis=2),
            "in_top": ranks[:, :, :k].sum(axis=2),
        }
        n_rows, n_players, n_outputs = self.values.shape
        labels = {
            "row": np.repeat(np.asarray(self.index), n_outputs * n_players),
            "output": np.tile(np.repeat(self.output_names, n_players), n_rows),
            "feature": np.tile(self.feature_names, n_rows * n_outputs),
        }
        columns = {name: array.swapaxes(1, 2).ravel() for name, array in numbers.items()}
        return pd.DataFrame({**labels, **columns})

    def plot(self, row: int = 0, *, output: str | None = None, ax: Any = None) -> BarDisplay:
        """Draw the attributions of one row with intervals over the refits.

        Parameters
        ----------
        row : int, default=0
            Position of the row.
        output : str, default=None
            None is the first.
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        BarDisplay
            Already drawn.
        """
        place = 0 if output is None else self.output_names.index(output)
        return BarDisplay(
            values=self.values[row, :, place],
            feature_names=self.feature_names,
            std_errors=self.std_errors[row, :, place],
            title=f"Row {self.index[row]}: {self.output_names[place]}",
            note=f"over {len(self.refits)} refits of the model",
        ).plot(ax)

    def _headline(self) -> tuple[str, pd.DataFrame]:
        return repr(self), self.to_frame().head(20)


def refit_stability(
    explainer: Any,
    X: Any,
    y: Any,
    rows: Any,
    n_refits: int = 50,
    *,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> RefitStability:
    """Explain the same rows by models fitted on bootstrap samples of the training rows.

    The standard errors of an explanation say how exactly *this model* is explained. This says how
    much of an explanation is left when the model, and the reference group, are drawn again: the
    uncertainty of the whole procedure.

    Parameters
    ----------
    explainer : AttributionExplainer
        Around a scikit-learn estimator, fitted or not; it is not changed.
    X : {array-like, DataFrame} of shape (n_train, n_columns)
        Training rows.
    y : array-like of shape (n_train,)
        Their target. The samples of a classifier keep the number of rows of every class.
    rows : {array-like, DataFrame} of shape (n_rows, n_columns)
        Rows to explain.
    n_refits : int, default=50
        How many bootstrap samples.
    random_state : int, RandomState instance or None, default=None
        Seed of the samples.
    n_jobs : int, default=None
        Number of joblib workers over the refits.

    Returns
    -------
    RefitStability
        With intervals, frequencies of ranks, `to_frame`, `plot` and `save`.

    Raises
    ------
    ValueError
        X and y differ in length, or a parameter is out of range.
    TypeError
        The model cannot be fitted again.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics import refit_stability
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> stability = refit_stability(KernelSHAP(Ridge()), X, y, X[:2], 10, random_state=0)
    >>> stability
    RefitStability(10 refits, 2 x 10 x 1)
    >>> low, high = stability.interval()
    >>> bool((low <= high).all())
    True
    """
    rules = {"n_refits": [Interval("int", 2, None)]}
    check_params("refit_stability", {"n_refits": n_refits}, rules)
    table, target = check_target(X, y)
    explained = as_table(rows, "rows")
    twin = unfitted_twin(explainer)
    rng = np.random.default_rng(draw_seed(random_state))
    strata = target if is_classifier(twin.estimator) else np.zeros(len(target))
    samples = [np.arange(len(target)), *(_bootstrap(strata, rng) for _ in range(n_refits))]
    first, *others = found = Parallel(n_jobs=n_jobs)(
        delayed(explain_refit)(twin, table, target, sample, explained) for sample in samples
    )
    same_outputs(found)
    return RefitStability(
        values=first.values,
        refits=np.stack([other.values for other in others]),
        predictions=np.stack([other.predictions for other in others]),
        feature_names=first.feature_names,
        output_names=first.output_names,
        index=row_labels(explained),
    )


def _bootstrap(strata: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw rows with replacement, within the strata."""
    _, codes = np.unique(strata, return_inverse=True)
    members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    return np.concatenate([rng.choice(some, len(some)) for some in members])
