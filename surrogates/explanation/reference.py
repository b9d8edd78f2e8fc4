"""Who the explained rows are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["Reference"]


@dataclass(frozen=True)
class Reference:
    """The reference group of an explanation.

    Parameters
    ----------
    name : str
        What the group is called, such as "population".
    n_rows : int
        How many reference rows were used.
    mean_response : tuple of float
        Mean response of the model over these rows, one number per output, in the units of the
        model's response; empty where the method knows none.

    Examples
    --------
    >>> from surrogates.explanation import Reference
    >>> print(Reference("population", 100, (0.3,)))
    100 reference rows of population
    """

    name: str
    n_rows: int
    mean_response: tuple[float, ...]

    def at(self, outputs: Sequence[int]) -> "Reference":
        """Return the same group with the mean responses of some outputs only.

        Parameters
        ----------
        outputs : sequence of int
            Positions.

        Returns
        -------
        reference : Reference
        """
        if not self.mean_response:
            return self
        return replace(self, mean_response=tuple(self.mean_response[i] for i in outputs))

    def __str__(self) -> str:
        return f"{self.n_rows} reference rows of {self.name}"
