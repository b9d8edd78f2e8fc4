"""Games: one explained row against reference rows, evaluated and solved.

A game is one explained row against one reference row, or a dealt game: one explained row against
some reference rows, among which the pairs of coalitions are dealt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surrogates._kernels.paired import solve_games
from surrogates.attribution.shapley.design import Designs, Projection
from surrogates.blackbox.maskers import Games as GamesToMix
from surrogates.blackbox.maskers import Mixtures
from surrogates.blackbox.model import Model

__all__ = ["Games", "Sums", "evaluate", "n_mixtures", "solve", "values_of"]


@dataclass
class Games:
    """Games of one row with the same number of players, and what was asked so far.

    Parameters
    ----------
    row : int
        Position among the explained rows of the block.
    references : ndarray of shape (n_games,), or (n_references,) for a dealt game
    players : ndarray of shape (n_games, n_players)
    designs : Designs
    design_of, cohort : ndarray of shape (n_games,)
        The design of each game; consecutive games of a cohort share design and players.
    responses : ndarray of shape (n_games, 2, n_pairs, n_outputs)
        To the coalitions and to their complements; `n_pairs` grows with the stages.
    """

    row: int
    references: NDArray[np.int64]
    players: NDArray[np.int64]
    designs: Designs
    design_of: NDArray[np.int64]
    cohort: NDArray[np.int64]
    responses: NDArray[np.float64]

    @property
    def dealt(self) -> bool:
        """Whether this is one game against several reference rows."""
        return len(self.players) < len(self.references)

    def part(self, games: slice) -> "Games":
        """Return some of the games, without their responses."""
        return replace(
            self,
            references=self.references[games],
            players=self.players[games],
            design_of=self.design_of[games],
            cohort=self.cohort[games],
            responses=self.responses[games, :, :0],
        )


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
    to_mix = GamesToMix(
        games.row,
        games.references,
        games.players,
        games.designs.coalitions,
        games.design_of,
        games.designs.dealt,
        first,
        n_new,
    )
    answer = np.empty((2 * n_new * len(games.players), games.responses.shape[-1]))
    start = 0
    while start < len(answer):
        at = caller.reserve(answer, start)
        mixtures.write(at, to_mix, start)
        start += at.stop - at.start
    return answer


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
            responses = self._model(self._mixtures.table(self._filled))
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


def solve(
    games: Games,
    stage: int,
    responses: NDArray[np.float64],
    gaps: NDArray[np.float64],
    weights: NDArray[np.float64],
    sums: Sums,
) -> None:
    """Estimate the Shapley values of games and add them to the sums of their row.

    Parameters
    ----------
    games : Games
    stage : int
    responses : ndarray of shape (n_games, 2, n_pairs, n_outputs)
        Those of the games, on the scale of the link.
    gaps : ndarray of shape (n_references, n_outputs)
        Response to the row minus response to each reference row.
    weights : ndarray of shape (n_references,)
    sums : Sums
    """
    projection = games.designs.stages[stage]
    for output in range(gaps.shape[1]):
        gap = np.ascontiguousarray(gaps[:, output])
        if games.dealt:
            half = 0.5 * (responses[0, 0, :, output] - responses[0, 1, :, output])
            _solve_dealt(games, stage, half, gap, weights, sums.of_output(output))
            continue
        solve_games(
            responses,
            output,
            gap,
            weights,
            games.design_of,
            games.cohort,
            games.players,
            games.designs.members,
            projection.fractions,
            projection.weights,
            projection.inverse,
            projection.spread,
            projection.is_sample,
            sums.of_output(output),
        )


def values_of(
    projection: Projection,
    coalitions: NDArray[np.uint8],
    inverse: NDArray[np.float64],
    half: NDArray[np.float64],
    gap: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the Shapley values of a single game, (n_players, n_outputs).

    Parameters
    ----------
    projection : Projection
    coalitions : ndarray of shape (n_pairs, n_players)
    inverse : ndarray of shape (n_players, n_players)
    half : ndarray of shape (n_pairs, n_outputs)
        Half the difference of the worths of a coalition and of its complement.
    gap : ndarray of shape (n_outputs,)
    """
    centred = coalitions - projection.fractions[:, None]
    odd = half - (projection.fractions - 0.5)[:, None] * gap
    slopes = inverse @ (centred.T @ (projection.weights[:, None] * odd))
    return np.asarray(slopes + gap / coalitions.shape[1])


def _solve_dealt(
    games: Games,
    stage: int,
    half: NDArray[np.float64],
    gap: NDArray[np.float64],
    weights: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Solve one game whose pairs were dealt to reference rows.

    The regression is that of `surrogates._kernels.paired`, on pairs (coalition, reference row). The
    part of each reference row, scaled to a whole game, tells how reference rows differ.
    """
    projection = games.designs.stages[stage]
    dealt = games.designs.dealt[: projection.n_pairs]
    players, n_players = games.players[0], games.players.shape[1]
    share = weights / weights.sum()
    n_references = len(share)
    centred = games.designs.coalitions[0, : projection.n_pairs] - projection.fractions[:, None]
    odd = (n_references * share)[dealt] * (half - gap[dealt] * (projection.fractions - 0.5))
    parts = (projection.weights * odd)[:, None] * centred @ projection.inverse[0]
    slopes = parts.sum(axis=0)
    mean = weights.sum()
    total[0, players] += mean * (slopes + share @ gap / n_players)
    of_reference = np.zeros((n_references, n_players))
    np.add.at(of_reference, dealt, n_references * parts)
    total[1, players] += weights @ (of_reference + gap[:, None] / n_players) ** 2
    residual = odd - centred @ slopes
    if projection.is_sample:
        total[2, players] += mean**2 * (projection.spread[0] @ residual**2)
