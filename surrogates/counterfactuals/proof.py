"""What can be proved about a row: the cheapest change, a bound, or that there is none."""

from dataclasses import dataclass
from typing import Protocol

from surrogates.counterfactuals.batch import Judge
from surrogates.counterfactuals.book import Book, Questions

__all__ = ["Proof", "Prover"]


@dataclass(frozen=True)
class Proof:
    """A statement about all counterfactuals of a row.

    Parameters
    ----------
    lower_bound : float
        None is cheaper.
    is_infeasible : bool, default=False
        There is none.
    tolerance : float, default=1e-9
        A cost is proved to be the lowest when it is within this share of the bound.
    """

    lower_bound: float
    is_infeasible: bool = False
    tolerance: float = 1e-9


class Prover(Protocol):
    """An exact search for models of one kind."""

    @property
    def name(self) -> str:
        """What the engine is called."""

    def divide(self, judge: Judge, books: dict[int, Book]) -> list[tuple[Judge, list[int]]]:
        """Return who answers the search before the proof, for which rows; nobody for some."""

    def prove(self, judge: Judge, row: int, book: Book, proofs: dict[int, Proof]) -> Questions:
        """Add the cheapest valid candidate to the book, and a proof to `proofs`."""
