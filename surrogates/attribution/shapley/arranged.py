"""Coalitions with the players in the order of the table, kept from row to row."""

from threading import Lock

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arranged"]

_MOST_BYTES = 8 * 2**20


class Arranged:
    """Coalitions of games in which every player takes part.

    Mixtures of whole rows are written several times faster when the kernel need not ask for each
    column who owns it.

    Parameters
    ----------
    coalitions : ndarray of shape (n_designs, n_pairs, n_players)
    """

    def __init__(self, coalitions: NDArray[np.uint8]) -> None:
        self._designs = coalitions
        self._found: dict[bytes, int] = {}
        self._coalitions = coalitions[:0]
        self._lock = Lock()

    @property
    def n_bytes(self) -> int:
        """Memory taken so far."""
        return self._coalitions.nbytes

    def fits(self, n_games: int) -> bool:
        """Tell whether so many games can be kept."""
        return n_games * self._designs[0].nbytes <= _MOST_BYTES

    def of_games(
        self, players: NDArray[np.int64], design_of: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return arranged coalitions, and which of them belong to each game.

        Parameters
        ----------
        players : ndarray of shape (n_games, n_players)
            The player at each place.
        design_of : ndarray of shape (n_games,)

        Returns
        -------
        coalitions : ndarray of shape (n_kept, n_pairs, n_players)
        position : ndarray of shape (n_games,)
        """
        if len(players) == 1:  # such a row has an order of its own: nothing to keep
            return self._designs[design_of][:, :, np.argsort(players[0])], np.zeros(1, np.int64)
        keys = [row.tobytes() for row in np.column_stack([design_of, players])]
        with self._lock:
            new = {key: game for game, key in enumerate(keys) if key not in self._found}
            if new and not self.fits(len(self._found) + len(new)):
                self._found, self._coalitions = {}, self._designs[:0]
                new = {key: game for game, key in enumerate(keys)}
            if new:
                games = np.array(list(new.values()))
                places = np.argsort(players[games], axis=1)[:, None, :]
                made = np.take_along_axis(self._designs[design_of[games]], places, axis=2)
                self._found |= {key: len(self._found) + order for order, key in enumerate(new)}
                self._coalitions = np.concatenate([self._coalitions, np.ascontiguousarray(made)])
            return self._coalitions, np.array([self._found[key] for key in keys])
