"""Whether answers hold: shares that stay valid under noise, or under models fitted anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator, clone

from surrogates._kernels.rng import bits, uniform
from surrogates.counterfactuals.book import Book

if TYPE_CHECKING:
    from surrogates.counterfactuals.batch import Judge
    from surrogates.counterfactuals.oracle import Oracle
    from surrogates.counterfactuals.search import Task

__all__ = ["Robustness", "keep_robust", "read_robustness", "refit"]

_KEYS = {"noise", "draws", "refits", "level"}
_MOST_TRIED = 12


@dataclass(frozen=True, eq=False)
class Robustness:
    """How answers are shaken.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise on numbers, in units of the cost.
    draws : int
        Noisy copies of each answer.
    refits : tuple of Oracle
        The model fitted anew on resampled rows.
    level : float
        Least share of copies, or of refits, that must keep the outcome wanted.
    seed : int
    """

    noise: float = 0.0
    draws: int = 0
    refits: "tuple[Oracle, ...]" = ()
    level: float = 0.0
    seed: int = 0

    @property
    def rows_per_answer(self) -> int:
        """Model rows that one answer takes."""
        return self.draws + len(self.refits)


def read_robustness(given: Any, seed: int) -> dict[str, Any]:
    """Return the parameter, checked, as a dict; empty for None.

    Raises
    ------
    ValueError
        Neither None nor a mapping with known keys and values in range.
    """
    if given is None:
        return {}
    asked = dict(given) if isinstance(given, Mapping) else {"?": given}
    ranges = {"noise": (0, np.inf), "draws": (1, 10**6), "refits": (1, 10**4), "level": (0, 1)}
    fine = set(asked) <= _KEYS and bool({"noise", "refits"} & set(asked))
    for name, (low, high) in ranges.items():
        value = asked.get(name, low)
        is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        whole = name in ("noise", "level") or (is_number and value == int(value))
        fine = fine and is_number and whole and low <= value <= high
    if not fine:
        raise ValueError(
            "The 'robustness' parameter of Counterfactuals must be None or a mapping with 'noise' "
            "(standard deviation, in units of the cost) and 'draws', or with 'refits' (a number "
            f"of models), and with 'level' (a share). Got {given!r} instead."
        )
    draws = int(asked.get("draws", 100)) if "noise" in asked else 0
    return {
        "noise": float(asked.get("noise", 0.0)),
        "draws": draws,
        "refits": int(asked.get("refits", 0)),
        "level": float(asked.get("level", 0.0)),
        "seed": seed,
    }


def refit(estimator: Any, X: Any, y: Any, count: int, seed: int, take: Any) -> list[Any]:
    """Fit clones of an estimator on resampled rows.

    Parameters
    ----------
    estimator : BaseEstimator
    X : ndarray or DataFrame of shape (n_rows, n_columns)
    y : array-like of shape (n_rows,)
    count, seed : int
    take : callable
        ``take(table, rows)``.

    Raises
    ------
    ValueError
        Something that cannot be fitted, or y is missing.
    """
    if y is None or not isinstance(estimator, BaseEstimator) or not hasattr(estimator, "fit"):
        raise ValueError(
            "The 'robustness' parameter of Counterfactuals asks for refits: pass an estimator of "
            "scikit-learn, and y to fit."
        )
    targets, models = np.asarray(y), []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        rows = rng.integers(0, len(targets), size=len(targets))
        models.append(clone(estimator).fit(take(X, rows), targets[rows]))
    return models


def keep_robust(
    book: Book, task: "Task", judge: "Judge", row: int
) -> tuple[NDArray[np.int64], dict[int, float]]:
    """Return the valid candidates that hold, the cheapest first, and their shares.

    Parameters
    ----------
    book : Book
    task : Task
    judge : Judge
    row : int
        The explained row.
    """
    robustness = task.robustness
    assert robustness is not None  # noqa: S101
    shares: dict[int, float] = {}
    kept: list[int] = []
    for place in book.ranked():
        left = task.budget - judge.spent[row]
        if len(kept) == task.n_answers or robustness.rows_per_answer > left:
            break
        if len(shares) >= _MOST_TRIED * task.n_answers:
            break
        share = _share(book.rows[place], robustness, judge, row)
        shares[int(place)] = share
        if share >= robustness.level:
            kept.append(int(place))
    return np.array(kept, dtype=np.int64), shares


def _share(codes: NDArray[np.float64], robustness: Robustness, judge: "Judge", row: int) -> float:
    own = np.array([row])
    start = judge.start[own]
    goal = judge.oracle.goal
    holds = []
    if robustness.draws:
        noisy = _noisy(codes, robustness, judge)
        at = np.full(len(noisy), row)
        responses, predicted = judge.oracle(judge.table(at, noisy))
        judge.spent[row] += len(noisy) * judge.oracle.rows_per_candidate
        holds.append(goal.reached(responses, predicted, judge.start[at]).mean())
    if robustness.refits:
        table = judge.table(own, codes[None])
        judge.spent[row] += len(robustness.refits)
        answers = [oracle(table) for oracle in robustness.refits]
        holds.append(np.mean([goal.reached(*answer, start)[0] for answer in answers]))
    return float(min(holds))


def _noisy(
    codes: NDArray[np.float64], robustness: Robustness, judge: "Judge"
) -> NDArray[np.float64]:
    """Return copies of a row with normal noise on its numbers, the same for the same row."""
    columns, cost = judge.constraints.columns, judge.cost
    key = int(
        bits(
            robustness.seed,
            0,
            int(np.frombuffer(codes.tobytes(), dtype=np.uint64).sum() >> np.uint64(1)),
        )
        >> np.uint64(1)
    )
    rows = np.repeat(codes[None], robustness.draws, axis=0)
    for position, column in enumerate(columns):
        if column.is_level or np.isnan(codes[position]) or not cost.unit[position]:
            continue
        draws = np.array([uniform(key, position, draw) for draw in range(robustness.draws)])
        shift = robustness.noise * ndtri(np.clip(draws, 1e-12, 1 - 1e-12)) / cost.unit[position]
        moved = np.clip(codes[position] + shift, *column.bounds)
        rows[:, position] = column.snap(moved)
    return rows
