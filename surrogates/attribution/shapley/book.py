"""The book of designs: drawn when they are first needed, the same wherever they are drawn."""

from dataclasses import dataclass
from threading import Lock

from surrogates._kernels.rng import bits
from surrogates.attribution.shapley.design import Designs, draw_designs, n_pairs_of

__all__ = ["DesignBook"]

_MOST_BYTES = 96 * 2**20  # of all designs kept in one process


@dataclass(frozen=True)
class DesignBook:
    """Designs for any number of players.

    Parameters
    ----------
    budgets : tuple of int
        Numbers of coalition evaluations of the stages, increasing.
    seed : int
    """

    budgets: tuple[int, ...]
    seed: int

    def designs(self, n_players: int, n_wanted: int, n_dealt: int = 1) -> Designs:
        """Return at least `n_wanted` designs, or as many as memory and enumeration leave sense in.

        Parameters
        ----------
        n_players : int
            At least two.
        n_wanted : int
        n_dealt : int
            Number of reference rows among which the pairs are dealt.
        """
        n_designs = min(_rounded_up(n_wanted), self._most_designs(n_players))
        key = (self.seed, self.budgets, n_players, n_dealt)
        found = _kept.get(key)
        if found is None or len(found) < n_designs:
            seeds = [self._seed(n_players, index, n_dealt) for index in range(n_designs)]
            found = draw_designs(n_players, self.budgets, seeds, n_dealt)
            _keep(key, found)
        return found

    def is_exact(self, n_players: int) -> bool:
        """Tell whether all coalitions are evaluated from the first stage on."""
        return 1 << n_players <= self.budgets[0]

    def _most_designs(self, n_players: int) -> int:
        if self.is_exact(n_players):
            return 1
        n_pairs = [n_pairs_of(n_players, budget) for budget in self.budgets]
        bytes_each = sum(n_pairs) * (4 * n_players + 8) + 2 * n_pairs[-1] * n_players
        return max(1, _MOST_BYTES // 3 // bytes_each)

    def _seed(self, n_players: int, index: int, n_dealt: int) -> int:
        return int(bits(self.seed, n_players, (index << 24) + n_dealt)) >> 1


def _rounded_up(n_wanted: int) -> int:
    """Round to eighths of a power of two, so that few draws are repeated as the number grows."""
    step = max(1, 1 << max(0, n_wanted.bit_length() - 3))
    return -(-n_wanted // step) * step


_Key = tuple[int, tuple[int, ...], int, int]
_kept: dict[_Key, Designs] = {}
_lock = Lock()


def _keep(key: _Key, designs: Designs) -> None:
    """Keep designs for the process; start afresh when they take too much memory."""
    with _lock:
        others = sum(_n_bytes(some) for other, some in _kept.items() if other != key)
        if others + _n_bytes(designs) > _MOST_BYTES:
            _kept.clear()
        _kept[key] = designs


def _n_bytes(designs: Designs) -> int:
    return 2 * designs.coalitions.nbytes + sum(stage.n_bytes for stage in designs.stages)
