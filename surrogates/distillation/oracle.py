"""The model as an oracle: asked in batches, and every row counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surrogates.distillation.coding import Coding
from surrogates.distillation.teacher import Teacher

__all__ = ["Answers", "Oracle"]


@dataclass(frozen=True, eq=False)
class Answers:
    """Rows that were asked about, and what the oracle said.

    Parameters
    ----------
    coded : ndarray of shape (n_rows, n_columns)
        As the oracle saw them, which rounds numbers to the dtypes of the table.
    targets : ndarray of shape (n_rows, n_outputs)
        Indicators or probabilities of classes, or numbers.
    """

    coded: NDArray[np.float64]
    targets: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.coded)


@dataclass(eq=False)
class Oracle:
    """A model that is asked about coded rows.

    Parameters
    ----------
    teacher : Teacher
    coding : Coding
    limit : int
        Rows that may be asked about.

    Attributes
    ----------
    n_queries : int
        Rows asked about so far.
    """

    teacher: Teacher
    coding: Coding
    limit: int
    n_queries: int = field(default=0, init=False)

    @property
    def left(self) -> int:
        """Rows that may still be asked about."""
        return self.limit - self.n_queries

    @contextmanager
    def limited(self, n: int) -> Iterator[None]:
        """Allow only some of the rows that are left, for a while."""
        limit, self.limit = self.limit, self.n_queries + n
        yield
        self.limit = limit

    @property
    def empty(self) -> NDArray[np.float64]:
        """Targets of no rows."""
        classes = self.teacher.classes
        n_outputs = len(self.teacher.model.columns) if classes is None else len(classes)
        return np.empty((0, n_outputs))

    def ask(self, coded: NDArray[np.float64]) -> Answers:
        """Ask about rows, all in one batch; no more than are left."""
        coded = coded[: self.left]
        if not len(coded):
            return Answers(coded, self.empty)
        table = self.coding.decode(coded)
        self.n_queries += len(coded)
        return Answers(self.coding.encode(table), self.teacher(table))
