"""The choice of a sampler: by the fidelity of small trees on reference rows held out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.coding import Coding
from surrogates.distillation.oracle import Answers, Oracle
from surrogates.distillation.pool import Pool, Task
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.samplers import SAMPLERS, Blend, Sampler, draw_passing, make_sampler

__all__ = ["Choice", "ask_anywhere", "choose_sampler", "drawn_answers", "make_pool"]

_SHARE = 0.1
_HARM = 1.0  # standard errors
_CLEAR_HARM = 2.0  # where too few reference rows would be left alone
_MOST_ROWS = 1000


@dataclass(frozen=True, eq=False)
class Choice:
    """The sampler chosen, and the rows that were asked about meanwhile.

    Parameters
    ----------
    name : str
        "none" where drawn rows did harm.
    sampler : Sampler or None
    answers : Answers or None
        From the chosen sampler and those that did as well.
    fidelity : dict of str to float
        Of trial trees on rows held out, by name of the sampler.
    """

    name: str
    sampler: Sampler | None
    answers: Answers | None
    fidelity: dict[str, float]


def drawn_answers(
    sampler: Sampler, n: int, oracle: Oracle, n_reference: int, rng: np.random.Generator
) -> Answers:
    """Draw rows anywhere, and ask about them."""
    near = np.arange(n_reference)
    return oracle.ask(draw_passing(sampler, n, (), near, oracle.coding, rng))


def ask_anywhere(
    sampler: Sampler, n: int, oracle: Oracle, pool: Pool, task: Task, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw rows anywhere, ask about them, add them to a pool, and return their numbers there."""
    answers = drawn_answers(sampler, n, oracle, pool.n_reference, rng)
    return pool.add(answers.coded, answers.targets, task.weights_of(answers.targets))


def make_pool(
    coded: NDArray[np.float64],
    targets: NDArray[np.float64],
    answers: Answers | None,
    task: Task,
    real_weight: float,
) -> Pool:
    """Put reference rows and drawn rows together; the former have a share of the weight."""
    weights = task.weights_of(targets)
    share = real_weight if answers is not None and len(answers) else 1.0
    pool = Pool(coded, targets, weights * (share / max(weights.sum(), 1e-300)), len(coded))
    if answers is not None and len(answers):
        pool.add(answers.coded, answers.targets, task.weights_of(answers.targets))
    return pool


def choose_sampler(
    coded: NDArray[np.float64],
    targets: NDArray[np.float64],
    coding: Coding,
    task: Task,
    oracle: Oracle,
    real_weight: float,
    trial: Callable[[Pool], RuleTree],
    rng: np.random.Generator,
    *,
    for_student: bool = False,
) -> Choice:
    """Try every sampler, and none, on each half of the reference rows, and judge by the other.

    What is drawn from a half resembles only its own rows: what was drawn near the rows that judge
    would win them.

    Parameters
    ----------
    coded, targets : ndarray of shape (n_rows, ...)
        Reference rows and the answers to them.
    coding : Coding
    task : Task
    oracle : Oracle
    real_weight : float
    trial : callable
        Grows a tree on a pool.
    rng : Generator
    for_student : bool, default=False
        Whether a student learns from the rows that are drawn: it can make more of them than a
        trial does, so that only clear harm speaks for none.
    """
    rows = rng.permutation(len(coded))
    halves = np.array_split(rows, 2) if len(rows) > 1 else [rows, rows]
    asked: dict[str, list[Answers]] = {name: [] for name in SAMPLERS}
    losses: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*SAMPLERS, "none")}
    for inside, outside in (halves, halves[::-1]):
        own, judged = (coded[inside], targets[inside]), outside[:_MOST_ROWS]
        answers: dict[str, Answers | None] = {"none": None}
        for name in SAMPLERS:
            sampler = make_sampler(name, own[0], np.ones(len(inside)), coding, rng)
            n = int(_SHARE * oracle.limit / 2)
            found = drawn_answers(sampler, n, oracle, len(inside), rng)
            asked[name].append(found)
            answers[name] = found
        for name, drawn in answers.items():
            tree = trial(make_pool(*own, drawn, task, real_weight))
            values = tree.values[tree.apply(coded[judged])]
            losses[name].append(task.losses(targets[judged], values))
    joined = {name: np.concatenate(parts) for name, parts in losses.items()}
    return _chosen(joined, asked, coded, coding, rng, for_student=for_student)


def _chosen(
    losses: dict[str, NDArray[np.float64]],
    asked: dict[str, list[Answers]],
    coded: NDArray[np.float64],
    coding: Coding,
    rng: np.random.Generator,
    *,
    for_student: bool,
) -> Choice:
    fidelity = {name: 1.0 - float(own.mean()) for name, own in losses.items()}
    best = min(SAMPLERS, key=lambda name: losses[name].mean())
    if _is_worse(losses[best], losses["none"], _CLEAR_HARM if for_student else _HARM):
        return Choice("none", None, None, fidelity)
    kept = [name for name in SAMPLERS if not _is_worse(losses[name], losses[best])]
    if for_student and best != "smote":  # it tells little that the reference rows do not
        kept = [name for name in kept if name != "smote"]
    uniform = np.ones(len(coded))
    blend = Blend(tuple(make_sampler(name, coded, uniform, coding, rng) for name in kept))
    return Choice(best, blend, _joined([own for name in kept for own in asked[name]]), fidelity)


def _is_worse(
    losses: NDArray[np.float64], best: NDArray[np.float64], n_errors: float = 1.0
) -> bool:
    """Tell whether losses are larger by more than standard errors of the difference."""
    gaps = losses - best
    return bool(gaps.mean() > n_errors * gaps.std() / np.sqrt(max(len(gaps) - 1, 1)))


def _joined(answers: list[Answers]) -> Answers:
    return Answers(
        np.concatenate([own.coded for own in answers]),
        np.concatenate([own.targets for own in answers]),
    )
