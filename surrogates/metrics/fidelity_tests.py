"""The fidelity tests of LEMNA: whether the features that an explanation names make the decision.

W. Guo, D. Mu, J. Xu, P. Su, G. Wang and X. Xing, "LEMNA: Explaining deep learning based security
applications", CCS 2018, section 5. Each test is done with the features named and with random ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_random_state

from surrogates._params import Interval, check_params
from surrogates.blackbox.conform import conform
from surrogates.blackbox.masking import masked_responses
from surrogates.blackbox.model import Model, make_model
from surrogates.blackbox.players import Players, make_players
from surrogates.blackbox.recombination import recombine
from surrogates.blackbox.table import column_names, is_frame, take_rows
from surrogates.metrics.decisions import Decisions, make_decisions

__all__ = ["FidelityTest", "augmentation_test", "deduction_test", "synthetic_test"]

_POSITIVE = [Interval("int", 1, None)]


class FidelityTest(NamedTuple):
    """For each row, the share of altered rows that the model decides as it decides the row.

    Parameters
    ----------
    selected : ndarray of shape (n_rows,)
        With the features that speak most for the decision, by the attributions.
    random : ndarray of shape (n_rows,)
        With random features, as many; the mean over several draws.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import deduction_test
    >>> weights = np.array([4.0, 1.0, 1.0])
    >>> zero = np.zeros((1, 3))
    >>> deduction_test(
    ...     lambda X: X @ weights,
    ...     np.ones((1, 3)),
    ...     weights[None],
    ...     background=zero,
    ...     threshold=2.5,
    ...     n_features=1,
    ...     n_samples=300,
    ...     random_state=0,
    ... ).selected
    array([0.])
    """

    selected: NDArray[np.float64]
    random: NDArray[np.float64]


def deduction_test(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    threshold: float | None = None,
    n_features: int = 5,
    n_samples: int = 10,
    random_state: Any = None,
) -> FidelityTest:
    """Take the features away that speak for a decision: the model should change its mind.

    Parameters
    ----------
    estimator : object
        A fitted estimator, or a callable ``f(X) -> (n,) or (n, n_outputs)``.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        The explained rows.
    attributions : Attribution, or array of shape (n_rows, n_players) or with outputs
        Or any object with such ``values``; for the outputs chosen by `target`.
    background : {array-like, DataFrame} of shape (n_background, n_columns), default=None
        Rows whose values the features take instead; every one of them is used. One row of zeros
        nullifies, as in the paper. None is `X`.
    target : label or list of labels, default=None
        The outputs that were explained. None is the positive class of a binary classifier and
        every output otherwise; the largest of several outputs is the decision.
    response_method : str or callable, default="auto"
        Method of the model that was explained.
    threshold : float, default=None
        A single output above it is one decision, all else the other. None is 0.5 for
        probabilities and 0 for margins.
    n_features : int, default=5
        How many features are altered.
    n_samples : int, default=10
        How many sets of random features are tried; they are the same for all rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the random features.

    Returns
    -------
    FidelityTest
        Share of the background rows with which the decision stays: the smaller, compared with
        random features, the better the explanation.

    Raises
    ------
    ValueError
        A parameter out of range, attributions of another shape, or an unknown threshold.
    ModelOutputError
        The model raised, or returned something other than finite numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics import deduction_test
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    >>> explanation = KernelSHAP(model, random_state=0).fit(X).explain(X[:20])
    >>> kept = deduction_test(model, X[:20], explanation, background=X[::10], random_state=0)
    >>> kept.selected.mean() < kept.random.mean()
    np.True_
    """
    asked = _ask(estimator, X, background, target, response_method, threshold)
    trial = asked.trial(attributions, n_features, n_samples, random_state)
    everyone = np.arange(asked.background.shape[0])
    return trial.run(asked.background, lambda _: everyone, absent=True)


def augmentation_test(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    threshold: float | None = None,
    n_features: int = 5,
    n_samples: int = 10,
    random_state: Any = None,
) -> FidelityTest:
    """Give the features to rows decided otherwise: the model should decide as about the row.

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `deduction_test`.
    background : {array-like, DataFrame} of shape (n_background, n_columns), default=None
        Rows that receive the features; for each row, every one that is decided otherwise is used.
        None is `X`.
    target, response_method, threshold, n_features, n_samples, random_state : various
        As for `deduction_test`.

    Returns
    -------
    FidelityTest
        Share of the receiving rows that are then decided as the row is: the larger, compared
        with random features, the better the explanation. NaN where no background row is decided
        otherwise.

    Raises
    ------
    ValueError
        A parameter out of range, attributions of another shape, or an unknown threshold.
    ModelOutputError
        The model raised, or returned something other than finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import augmentation_test
    >>> weights = np.array([4.0, 1.0, 1.0])
    >>> kept = augmentation_test(
    ...     lambda X: X @ weights,
    ...     np.ones((1, 3)),
    ...     weights[None],
    ...     background=np.zeros((1, 3)),
    ...     threshold=2.5,
    ...     n_features=1,
    ... )
    >>> kept.selected
    array([1.])
    """
    asked = _ask(estimator, X, background, target, response_method, threshold)
    trial = asked.trial(attributions, n_features, n_samples, random_state)
    others = asked.decide(asked.model(asked.background))
    return trial.run(
        asked.background, lambda decision: np.flatnonzero(others != decision), absent=False
    )


def synthetic_test(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    threshold: float | None = None,
    n_features: int = 5,
    n_samples: int = 10,
    random_state: Any = None,
) -> FidelityTest:
    """Keep the features and draw all others: the model should decide as about the row.

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `deduction_test`.
    background : {array-like, DataFrame} of shape (n_background, n_columns), default=None
        Rows whose values the other features take, each column permuted on its own. None is `X`.
    target, response_method, threshold, n_features, n_samples : various
        As for `deduction_test`.
    random_state : int, RandomState instance or None, default=None
        Seed of the random features and of the permutations.

    Returns
    -------
    FidelityTest
        Share of the synthetic rows that are decided as the row is: the larger, compared with
        random features, the better the explanation.

    Raises
    ------
    ValueError
        A parameter out of range, attributions of another shape, or an unknown threshold.
    ModelOutputError
        The model raised, or returned something other than finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import synthetic_test
    >>> weights = np.array([4.0, 1.0, 1.0])
    >>> kept = synthetic_test(
    ...     lambda X: X @ weights,
    ...     np.ones((1, 3)),
    ...     weights[None],
    ...     background=np.eye(3),
    ...     threshold=2.5,
    ...     n_features=1,
    ... )
    >>> kept.selected
    array([1.])
    """
    asked = _ask(estimator, X, background, target, response_method, threshold)
    trial = asked.trial(attributions, n_features, n_samples, random_state)
    n_background, n_columns = asked.background.shape
    places = trial.rng.permuted(np.tile(np.arange(n_background), (n_columns, 1)), axis=1).T
    drawn = recombine(asked.background, np.ascontiguousarray(places))
    everyone = np.arange(n_background)
    return trial.run(drawn, lambda _: everyone, absent=False)


@dataclass(frozen=True, eq=False)
class _Asked:
    """Rows and those they are altered by, and what the model decides."""

    model: Model
    decide: Decisions
    rows: Any
    background: Any
    decisions: NDArray[np.int64]

    def trial(
        self, attributions: Any, n_features: int, n_samples: int, random_state: Any
    ) -> "_Trial":
        """Choose the players that are tried."""
        given = {"n_features": n_features, "n_samples": n_samples}
        check_params("a fidelity test", given, dict.fromkeys(given, _POSITIVE))
        names, named = column_names(self.background), is_frame(self.background)
        groups = getattr(attributions, "params", {}).get("groups")
        players = make_players(names, groups, named=named, owner="attributions")
        n_players, n_outputs = len(players), len(self.model.columns)
        values = _values(attributions, (len(self.decisions), n_players, n_outputs))
        if n_features > n_players:
            raise ValueError(f"n_features must be at most {n_players}. Got {n_features} instead.")
        order = np.argsort(-self.decide.support(values, self.decisions), axis=1, kind="stable")
        seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
        rng = np.random.default_rng(seed)
        shuffled = rng.permuted(np.tile(np.arange(n_players), (n_samples, 1)), axis=1)
        return _Trial(
            asked=self,
            players=players,
            selected=_members(order[:, :n_features], n_players),
            random=_members(shuffled[:, :n_features], n_players),
            rng=rng,
        )


def _ask(
    estimator: Any,
    X: Any,
    background: Any,
    target: Any,
    response_method: str | Callable[[Any, Any], Any],
    threshold: float | None,
) -> _Asked:
    table = _as_table(X if background is None else background)
    rows = conform(_as_table(X), table)
    model, _ = make_model(estimator, response_method, target, table)
    decide = make_decisions(model, threshold)
    return _Asked(model, decide, rows, table, decide(model(rows)))


@dataclass(frozen=True, eq=False)
class _Trial:
    """The sets of players that are tried with each row."""

    asked: _Asked
    players: Players
    selected: NDArray[np.uint8]
    random: NDArray[np.uint8]
    rng: np.random.Generator

    def run(
        self, others: Any, choose: Callable[[np.int64], NDArray[np.int64]], *, absent: bool
    ) -> FidelityTest:
        """Alter rows by others.

        Parameters
        ----------
        others : ndarray or DataFrame of shape (n_others, n_columns)
        choose : callable
            Finds those for a decision.
        absent : bool
            Whether the players tried are taken from the others, or from the row.
        """
        decisions = self.asked.decisions
        shares = np.full((len(decisions), 1 + len(self.random)), np.nan)
        for row, decision in enumerate(decisions):
            chosen = choose(decision)
            if len(chosen):
                sets = np.concatenate([self.selected[row : row + 1], self.random])
                shares[row] = self._shares(row, sets ^ np.uint8(absent), others, chosen)
        return FidelityTest(shares[:, 0], shares[:, 1:].mean(axis=1))

    def _shares(
        self, row: int, masks: NDArray[np.uint8], others: Any, chosen: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return for each mask how often the decision about the altered row is the same."""
        asked = self.asked
        responses = masked_responses(
            asked.model,
            take_rows(asked.rows, slice(row, row + 1)),
            others,
            self.players,
            np.repeat(masks, len(chosen), axis=0),
            np.tile(chosen, len(masks)),
        )
        same = asked.decide(responses[0]) == asked.decisions[row]
        shares: NDArray[np.float64] = same.reshape(len(masks), -1).mean(axis=1)
        return shares


def _as_table(X: Any) -> Any:
    if is_frame(X):
        return X
    return check_array(X, dtype=None, ensure_all_finite=False, input_name="X")


def _values(attributions: Any, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    given = getattr(attributions, "values", attributions)
    values = np.asarray(given() if callable(given) else given, dtype=np.float64)
    if values.ndim == 2:
        values = values[:, :, None]
    if values.shape != shape:
        raise ValueError(
            "attributions must have the shape (n_rows, n_players, n_outputs) = "
            f"{shape}. Got {values.shape} instead."
        )
    return values


def _members(positions: NDArray[np.int64], n_players: int) -> NDArray[np.uint8]:
    """Return sets of players as rows of 0 and 1."""
    members = np.zeros((len(positions), n_players), dtype=np.uint8)
    np.put_along_axis(members, positions, 1, axis=1)
    return members
