"""ROAR: whether a model that is trained again can do without what an explanation names.

Hooker, Erhan, Kindermans and Kim, "A benchmark for interpretability methods in deep neural
networks" (NeurIPS 2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from surrogates._params import Interval, check_params
from surrogates.blackbox.column_kinds import ColumnKind, column_kind, column_numbers, read_levels
from surrogates.blackbox.maskers import Games, written_mixtures
from surrogates.blackbox.neighbour_tables import assemble
from surrogates.blackbox.table import take_rows
from surrogates.explanation.displays import CurvesDisplay
from surrogates.metrics.question import draw_seed
from surrogates.metrics.refitting import check_target, unfitted_model, unfitted_twin

__all__ = ["Roar", "roar"]

_RULES = {
    "test_size": [Interval("float", 0, 1, "neither")],
    "n_repeats": [Interval("int", 1, None)],
}


@dataclass(frozen=True, eq=False)
class Roar:
    """Scores of models trained again without the players that an explanation ranks first.

    Parameters
    ----------
    fractions : ndarray of shape (n_fractions,)
        Shares of the players of each row that were replaced.
    explained : ndarray of shape (n_repeats, n_fractions)
        Test scores, players removed by the explanation.
    random : ndarray of shape (n_repeats, n_fractions)
        Test scores, as many random players removed from each row.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import Roar
    >>> Roar(np.array([0.0, 0.5]), np.array([[0.9, 0.5]]), np.array([[0.9, 0.7]])).area
    array([0.05])
    """

    fractions: NDArray[np.float64]
    explained: NDArray[np.float64]
    random: NDArray[np.float64]

    @property
    def area(self) -> NDArray[np.float64]:
        """Area between the two curves, (n_repeats,): positive where the explanation hurts more."""
        gap = self.random - self.explained
        return np.asarray(np.trapezoid(gap, self.fractions, axis=1))

    def to_frame(self) -> pd.DataFrame:
        """Return the mean curves over the repeats.

        Returns
        -------
        DataFrame
            removed ("explained" or "random"), fraction, score, std_error.
        """
        return self._display().frame()

    def plot(self, ax: Any = None) -> CurvesDisplay:
        """Draw both curves.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        CurvesDisplay
            Already drawn.
        """
        return self._display().plot(ax)

    def _display(self) -> CurvesDisplay:
        return CurvesDisplay(
            steps=self.fractions,
            curves={"explained": self.explained, "random": self.random},
            quantity="score",
            step="fraction",
            key="removed",
            title="Remove and retrain",
            xlabel="share of players removed",
        )


def roar(
    explainer: Any,
    X: Any,
    y: Any,
    *,
    fractions: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9),
    scoring: Any = None,
    test_size: float = 0.25,
    n_repeats: int = 3,
    random_state: Any = None,
) -> Roar:
    """Remove the players that an explanation ranks first, train the model again, and score it.

    In training and test rows, the players with the largest magnitudes of each row take the mean
    of the training column; levels, whole numbers and dates take the most frequent level or the
    median observed value. The control removes as many random players from each row.

    Parameters
    ----------
    explainer : AttributionExplainer
        Around a scikit-learn estimator, fitted or not; it is not changed, but fitted anew on the
        training rows of every repeat.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
    y : array-like of shape (n_rows,)
        Target of the model.
    fractions : sequence of float in (0, 1], default=(0.1, 0.3, 0.5, 0.7, 0.9)
        Shares of the players removed, rounded to whole players; 0 is always added.
    scoring : str or callable, default=None
        As in ``cross_val_score``; None is the model's own score.
    test_size : float in (0, 1), default=0.25
        Share of the rows that score.
    n_repeats : int, default=3
        How many splits.
    random_state : int, RandomState instance or None, default=None
        Seed of the splits and of the control.

    Returns
    -------
    Roar
        With `area`, `to_frame` and `plot`.

    Raises
    ------
    ValueError
        A parameter is out of range.
    TypeError
        The model cannot be fitted again.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics import roar
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> curves = roar(KernelSHAP(Ridge()), X, y, fractions=[0.5], random_state=0)
    >>> curves.explained.shape
    (3, 2)
    """
    given = {"test_size": test_size, "n_repeats": n_repeats}
    check_params("roar", given, _RULES)
    allowed = Interval("float", 0, 1, "right")
    if not len(fractions) or not all(allowed.accepts(fraction) for fraction in fractions):
        raise ValueError(f"fractions must hold floats in the range (0, 1]. Got {fractions!r}.")
    shares = np.unique([0.0, *fractions])
    table, target = check_target(X, y)
    rng = np.random.default_rng(draw_seed(random_state))
    twin, model = unfitted_twin(explainer), unfitted_model(explainer)
    scorer = check_scoring(model, scoring=scoring)
    curves = [
        _repeat(twin, model, scorer, table, target, shares, test_size, rng)
        for _ in range(n_repeats)
    ]
    explained, random = np.moveaxis(np.array(curves), 1, 0)
    return Roar(shares, explained, random)


def _repeat(
    twin: Any,
    model: Any,
    scorer: Any,
    X: Any,
    y: NDArray[Any],
    shares: NDArray[np.float64],
    test_size: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the scores of one split, (2, n_fractions)."""
    train, test = train_test_split(
        np.arange(len(y)),
        test_size=test_size,
        stratify=y if is_classifier(model) else None,
        random_state=int(rng.integers(np.iinfo(np.int32).max)),
    )
    explainer = clone(twin).fit(take_rows(X, train), y[train])
    players, typical = explainer.players_, _typical_row(take_rows(X, train))
    tables = [take_rows(X, some) for some in (train, test)]
    sizes = [np.abs(explainer.explain(some).values).mean(axis=2) for some in tables]
    rankings = (
        [np.argsort(-size, axis=1, kind="stable") for size in sizes],
        [np.argsort(rng.random(size.shape), axis=1) for size in sizes],
    )
    scores = np.empty((2, len(shares)))
    for kind, ranking in enumerate(rankings):
        for place, share in enumerate(shares):
            count = round(share * len(players))
            masked = [
                _without(some, typical, players, order, count)
                for some, order in zip(tables, ranking, strict=True)
            ]
            again = clone(model).fit(masked[0], y[train])
            scores[kind, place] = scorer(again, masked[1], y[test])
    return scores


def _typical_row(table: Any) -> Any:
    """Return one row of means, of medians of what is observed only, and of frequent levels."""
    observed, drawn = [], []
    for column in range(table.shape[1]):
        kind = column_kind(table, column)
        is_float = kind is ColumnKind.FLOAT
        observed.append(not is_float)
        if is_float:
            numbers = column_numbers(table, column)
            known = numbers[np.isfinite(numbers)]
            drawn.append(np.array([known.mean() if len(known) else np.nan]))
        else:
            drawn.append(np.array([_typical_place(table, column, kind)]))
    return assemble(table, observed, drawn)


def _typical_place(table: Any, column: int, kind: ColumnKind) -> int:
    """Return a row that holds the median, or the most frequent level."""
    if kind is ColumnKind.NUMBER:
        numbers = column_numbers(table, column)
        known = np.flatnonzero(np.isfinite(numbers))
        order = known[np.argsort(numbers[known], kind="stable")]
        return int(order[(len(order) - 1) // 2]) if len(order) else 0
    codes = read_levels(table, column).codes(table, column)
    return int(np.flatnonzero(codes == np.bincount(codes).argmax())[0])


def _without(table: Any, typical: Any, players: Any, order: NDArray[np.int64], count: int) -> Any:
    """Return the table with the first players of each row replaced by those of another row."""
    n_rows, n_players = order.shape
    masks = np.ones((n_rows, 1, n_players), dtype=np.uint8)
    np.put_along_axis(masks[:, 0], order[:, :count], 0, axis=1)
    mixtures = written_mixtures(table, typical, players, n_rows)
    nobody = np.zeros(1, dtype=np.int64)
    for row in range(n_rows):
        games = Games(
            row=row,
            references=nobody,
            players=np.arange(n_players)[None],
            coalitions=masks[row][None],
            design_of=nobody,
            dealt=nobody,
            first_pair=0,
            n_pairs=1,
        )
        mixtures.write(slice(row, row + 1), games, 0)
    return mixtures.table(n_rows)
