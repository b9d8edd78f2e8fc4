"""A student that has learned the answers of the oracle, and answers without being counted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from surrogates.distillation.coding import Coding
from surrogates.distillation.oracle import Answers, Oracle
from surrogates.distillation.pool import Pool, Task

__all__ = ["Student", "make_student"]

_TREES = 60


@dataclass(eq=False)
class Student(Oracle):
    """A committee of trees that answers in the place of an oracle; none of it is counted there.

    Parameters
    ----------
    forest : ExtraTreesClassifier or ExtraTreesRegressor
        Predicts the positions of labels, or numbers, from places.
    n_outputs : int
    """

    forest: ExtraTreesClassifier | ExtraTreesRegressor
    n_outputs: int

    def ask(self, coded: NDArray[np.float64]) -> Answers:
        """Answer about rows; no more than are left."""
        coded = coded[: self.left]
        if not len(coded):
            return Answers(coded, self.empty)
        self.n_queries += len(coded)
        found = self.forest.predict(_places(coded, self.coding))
        if isinstance(self.forest, ExtraTreesClassifier):
            return Answers(coded, np.eye(self.n_outputs)[found])
        return Answers(coded, found.reshape(-1, self.n_outputs))


def make_student(
    pool: Pool, task: Task, oracle: Oracle, limit: int, rng: np.random.Generator
) -> Student:
    """Teach a committee of extremely randomized trees (Geurts et al., 2006) all that is known.

    Parameters
    ----------
    pool : Pool
    task : Task
    oracle : Oracle
    limit : int
        Rows that the student may be asked about.
    rng : Generator
    """
    places, targets, seed = _places(pool.coded, oracle.coding), pool.targets, rng.integers(2**31)
    forest: ExtraTreesClassifier | ExtraTreesRegressor
    if task.is_classification:
        known = targets.sum(axis=1) > 0.0  # not labels that no reference row has
        forest = ExtraTreesClassifier(_TREES, random_state=int(seed))
        forest.fit(places[known], targets[known].argmax(axis=1))
    else:
        forest = ExtraTreesRegressor(_TREES, random_state=int(seed))
        forest.fit(places, targets if targets.shape[1] > 1 else targets[:, 0])
    return Student(oracle.teacher, oracle.coding, limit, forest, targets.shape[1])


def _places(coded: NDArray[np.float64], coding: Coding) -> NDArray[np.float64]:
    """Return the places of values among the observed ones, which are finite; -1 where missing."""
    places = np.full(coded.shape, -1.0)
    for position, column in enumerate(coding.columns):
        values, observed = coded[:, position], column.observed[np.isfinite(column.observed)]
        known = ~np.isnan(values)
        if len(observed):
            places[known, position] = np.interp(values[known], observed, np.arange(len(observed)))
    return places
