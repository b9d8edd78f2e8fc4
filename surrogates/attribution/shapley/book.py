"""The book of designs: drawn when they are first needed, the same wherever they are drawn."""

from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.rng import bits
from surrogates.attribution.shapley.design import Designs, draw_designs, n_pairs_of
from surrogates.attribution.shapley.relevance import Relevances

__all__ = ["DesignBook"]

_MOST_BYTES = 96 * 2**20  # of all designs kept in one process
_FEWEST_DESIGNS, _MOST_DESIGNS = 4, 32  # arranged anew for every reference row
_PAIRS_IN_ALL = 4096


@dataclass(frozen=True)
class DesignBook:
    """Designs for any number of players.

    Parameters
    ----------
    budgets : tuple of int
        Numbers of coalition evaluations of the stages, increasing.
    seed : int
    relevances : Relevances
        Which players are alike in a design.
    most_designs : int
        For games of one number of players.
    """

    budgets: tuple[int, ...]
    seed: int
    relevances: Relevances
    most_designs: int = _MOST_DESIGNS

    def designs(self, n_players: int) -> Designs:
        """Return the designs of games of at least two players."""
        return self.designs_of(self.relevances.reach(n_players))

    def designs_of(self, reach: NDArray[np.float64]) -> Designs:
        """Return the designs of games whose players have the given reach, (n_players,)."""
        n_players = len(reach)
        key = (self.seed, self.budgets, self.most_designs, reach.tobytes())
        found = _kept.get(key)
        if found is None:
            seeds = [
                int(bits(self.seed, n_players, index)) >> 1
                for index in range(self._n_designs(n_players))
            ]
            found = draw_designs(n_players, self.budgets, seeds, reach)
            _keep(key, found)
        return found

    def is_exact(self, n_players: int) -> bool:
        """Tell whether all coalitions are evaluated from the first stage on."""
        return 1 << n_players <= self.budgets[0]

    def _n_designs(self, n_players: int) -> int:
        if self.is_exact(n_players):
            return 1
        n_pairs = n_pairs_of(n_players, self.budgets[-1])
        bytes_each = n_pairs * (8 * n_players + 8)
        wanted = min(max(_PAIRS_IN_ALL // n_pairs, _FEWEST_DESIGNS), self.most_designs)
        return max(1, min(wanted, _MOST_BYTES // 3 // bytes_each))


_Key = tuple[int, tuple[int, ...], int, bytes]
_kept: dict[_Key, Designs] = {}
_lock = Lock()


def _keep(key: _Key, designs: Designs) -> None:
    """Keep designs for the process; start afresh when they take too much memory."""
    with _lock:
        if sum(some.n_bytes for some in _kept.values()) + designs.n_bytes > _MOST_BYTES:
            _kept.clear()
        _kept[key] = designs
