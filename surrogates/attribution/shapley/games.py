"""Games: one explained row against reference rows, evaluated and summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.design import Designs
from surrogates.attribution.shapley.seating import Seating
from surrogates.blackbox.maskers import Games as GamesToMix
from surrogates.blackbox.maskers import Mixtures
from surrogates.blackbox.model import Model

__all__ = ["Games", "Sums", "evaluate", "n_mixtures", "to_mix"]


@dataclass
class Games:
    """Games of one row with the same number of players, and what was asked so far.

    Parameters
    ----------
    row : int
        Position among the explained rows of the block.
    designs : Designs
    seating : Seating
        Who sits where in which design.
    responses : ndarray of shape (n_games, 2, n_pairs, n_outputs)
        To the coalitions and to their complements; `n_pairs` grows with the stages.
    """

    row: int
    designs: Designs
    seating: Seating
    responses: NDArray[np.float64]

    @property
    def references(self) -> NDArray[np.int64]:
        """The reference row of each game."""
        return self.seating.references

    @property
    def players(self) -> NDArray[np.int64]:
        """The player at each place of the design of each game."""
        return self.seating.players

    @property
    def design_of(self) -> NDArray[np.int64]:
        """The design of each game."""
        return self.seating.design_of

    @classmethod
    def unasked(cls, row: int, designs: Designs, seating: Seating, n_outputs: int) -> Self:
        """Return games without responses."""
        return cls(row, designs, seating, np.empty((len(seating.players), 2, 0, n_outputs)))

    def begin(self, designs: Designs, seating: Seating) -> Self:
        """Return other games of the same row, without responses."""
        return self.unasked(self.row, designs, seating, self.responses.shape[3])

    def part(self, games: slice) -> Self:
        """Return some of the games, without their responses."""
        return self.begin(self.designs, self.seating.part(games))


def n_mixtures(games: Games, stage: int) -> int:
    """Return how many rows a model is asked about by the end of a stage."""
    return 2 * len(games.players) * games.designs.stages[stage].n_pairs


def evaluate(some: Sequence[Games], stage: int, mixtures: Mixtures, model: Model) -> None:
    """Ask the model about the coalitions that a stage adds to games.

    Mixtures of all games are packed into as few model calls as the block allows.
    """
    caller = _Caller(mixtures, model)
    answers = [_write(games, stage, mixtures, caller) for games in some]
    caller.flush()
    for games, answer in zip(some, answers, strict=True):
        if len(answer):
            n_outputs = answer.shape[1]
            new = answer.reshape(len(games.players), 2, -1, n_outputs)
            seen = games.responses
            games.responses = np.concatenate([seen, new], axis=2) if seen.size else new


def _write(games: Games, stage: int, mixtures: Mixtures, caller: "_Caller") -> NDArray[np.float64]:
    first = games.responses.shape[2]
    n_new = games.designs.stages[stage].n_pairs - first
    mixed = to_mix(games, mixtures.n_players, first, n_new)
    answer = np.empty((2 * n_new * len(games.players), games.responses.shape[-1]))
    start = 0
    while start < len(answer):
        at = caller.reserve(answer, start)
        mixtures.write(at, mixed, start)
        start += at.stop - at.start
    return answer


def to_mix(games: Games, n_players: int, first: int, n_new: int) -> GamesToMix:
    """Return the games with players in the order of the table, where that is possible."""
    designs, players, design_of = games.designs, games.players, games.design_of
    coalitions = designs.coalitions
    if players.shape[1] == n_players and designs.arranged.fits(len(players)):
        coalitions, design_of = designs.arranged.of_games(players, design_of)
        players = np.tile(np.arange(n_players), (len(players), 1))
    dealt = np.zeros(coalitions.shape[1], dtype=np.int64)
    return GamesToMix(
        games.row, games.references, players, coalitions, design_of, dealt, first, n_new
    )


class _Caller:
    """Fills the block of mixtures, calls the model when it is full, and hands out the responses."""

    def __init__(self, mixtures: Mixtures, model: Model) -> None:
        self._mixtures, self._model = mixtures, model
        self._waiting: list[tuple[NDArray[np.float64], slice]] = []
        self._filled = 0

    def reserve(self, answer: NDArray[np.float64], start: int) -> slice:
        """Reserve rows of the block for mixtures from `start` on; the caller writes them now."""
        if self._filled == self._mixtures.n_rows:
            self.flush()
        n_taken = min(len(answer) - start, self._mixtures.n_rows - self._filled)
        at = slice(self._filled, self._filled + n_taken)
        self._waiting.append((answer[start : start + n_taken], at))
        self._filled = at.stop
        return at

    def flush(self) -> None:
        """Call the model on what was written."""
        if self._filled:
            responses = self._mixtures.ask(self._model, self._filled)
            for answer, at in self._waiting:
                answer[:] = responses[at]
            self._waiting.clear()
            self._filled = 0


class Sums:
    """Attributions of one row, summed over its reference rows.

    Parameters
    ----------
    n_players, n_outputs : int
    """

    def __init__(self, n_players: int, n_outputs: int) -> None:
        self._sums = np.zeros((n_outputs, 3, n_players))

    @property
    def values(self) -> NDArray[np.float64]:
        """Return the attributions, (n_players, n_outputs)."""
        return self._sums[:, 0].T

    @property
    def squares(self) -> NDArray[np.float64]:
        """Return the weighted squares of those against single reference rows."""
        return self._sums[:, 1].T

    @property
    def variances(self) -> NDArray[np.float64]:
        """Return the variances over the draw of coalitions."""
        return self._sums[:, 2].T

    def of_output(self, output: int) -> NDArray[np.float64]:
        """Return the three sums of one output, to add to: (3, n_players)."""
        return self._sums[output]

    def reference_variances(
        self, weights: NDArray[np.float64], share_left: float, *, crossed: bool
    ) -> NDArray[np.float64]:
        """Return the variances over the draw of reference rows.

        Attributions against single reference rows spread by more than the rows themselves do: in
        a crossed design each of them carries its own error, which is taken off again (two-stage
        sampling: Cochran, Sampling Techniques, 10.5).
        """
        concentration = float((weights**2).sum())
        if share_left <= 0.0:
            return np.zeros_like(self.values)
        if concentration >= 1.0:  # a single row tells nothing about others
            return np.full_like(self.values, np.nan)
        spread = (self.squares - self.values**2) / (1.0 - concentration)
        own = self.variances if crossed else 0.0
        between: NDArray[np.float64] = np.maximum(spread * concentration - own, 0.0)
        return share_left * between
