"""One explained row: which games it is made of, and what they add up to."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.games import Games, Sums, n_mixtures
from surrogates.attribution.shapley.interactions import pair_indices
from surrogates.attribution.shapley.plan import SamplingPlan
from surrogates.attribution.shapley.scouting import after_scouting
from surrogates.attribution.shapley.seating import Seating
from surrogates.attribution.shapley.solve import Answers, solve, solve_alone
from surrogates.blackbox.links import Link, apply_link, link_slope
from surrogates.blackbox.maskers import Mixtures, make_mixtures, rows_per_call
from surrogates.blackbox.table import row_hashes

__all__ = ["ExplainedRow", "explained_rows"]

_N_ROTATED = 8  # shared designs, or arrangements of one, among which a hash of a row chooses


class ExplainedRow:
    """A row to explain.

    Parameters
    ----------
    plan : SamplingPlan
    mixtures : Mixtures
    position : int
        Position in the block of rows.
    response : ndarray of shape (n_outputs,)
        The model's response to the row.
    rotation : int
        A hash of the row's values.
    """

    def __init__(
        self,
        plan: SamplingPlan,
        mixtures: Mixtures,
        position: int,
        response: NDArray[np.float64],
        rotation: int,
    ) -> None:
        self.plan, self.mixtures, self.position = plan, mixtures, position
        self.full = apply_link(plan.link, response)
        self.gaps = _gaps(plan, response)
        differing = mixtures.differing(position)
        if not plan.crossed:
            differing = np.broadcast_to(differing.any(axis=0), differing.shape)
        self._alone = np.flatnonzero(differing.sum(axis=1) == 1)
        self._alone_player = differing[self._alone].argmax(axis=1)
        make = _crossed_games if plan.crossed else _shared_games
        self.n_scouted = 0
        self.games = list(make(plan, position, differing, rotation % _N_ROTATED))

    @property
    def n_responses(self) -> int:
        """How many numbers the model may be asked for."""
        n_outputs = self.gaps.shape[1]
        return sum(n_mixtures(games, -1) for games in self.games) * n_outputs

    def sums(self) -> Sums:
        """Start the sums with the reference rows from which the row differs in one player only."""
        n_outputs = self.gaps.shape[1]
        sums = Sums(len(self.plan.players), n_outputs)
        weights, gaps = self.plan.reference.weights[self._alone], self.gaps[self._alone]
        for output in range(n_outputs if len(weights) else 0):
            values, squares, _ = sums.of_output(output)
            np.add.at(values, self._alone_player, weights * gaps[:, output])
            np.add.at(squares, self._alone_player, weights * gaps[:, output] ** 2)
        return sums

    def learn(self) -> None:
        """Go on from games that scouted to those that the rest of the budget is spent on."""
        for place, scout in enumerate(self.games):
            if scout.designs.is_kriged(0):
                sums = self.sums()
                solve([self._answers(scout, 0)], sums)
                self.games[place] = after_scouting(scout, sums.values, self.plan.book)
                self.n_scouted += n_mixtures(scout, 0)

    def add(self, sums: Sums, some: Sequence[Games], stage: int) -> None:
        """Solve games from the responses of a stage and add them to the sums."""
        answers = [self._answers(games, stage) for games in some]
        if len(self.plan.reference) == 1 and some and some[0].designs.is_worth_learning(stage):
            solve_alone(answers[0], sums)
        else:
            solve(answers, sums)

    def _answers(self, games: Games, stage: int) -> Answers:
        weights = self.plan.reference.weights[games.references]
        responses = games.responses[:, :, : games.designs.stages[stage].n_pairs]
        if self.plan.link != "identity":
            mean = np.tensordot(weights / weights.sum(), responses, axes=1)
            responses = _linearised(self.plan.link, responses, mean)
        return Answers(games, stage, responses, self.gaps[games.references], weights)

    def indices(self, stage: int) -> NDArray[np.float64]:
        """Return the interaction index of every pair: (n_players, n_players, n_outputs)."""
        n_players, n_outputs = len(self.plan.players), self.gaps.shape[1]
        total = np.zeros((n_players, n_players, n_outputs))
        for games in self.games:
            for game, players in enumerate(games.players):
                weight = self.plan.reference.weights[games.references[game]]
                total[np.ix_(players, players)] += weight * self._index(games, game, stage)
        return total

    def _index(self, games: Games, game: int, stage: int) -> NDArray[np.float64]:
        design, n_pairs = games.design_of[game], games.designs.stages[stage].n_pairs
        responses = games.responses[game, :, :n_pairs]
        if self.plan.link != "identity":
            everyone = self.plan.reference.weights
            mean = np.tensordot(everyone, games.responses[:, :, :n_pairs], axes=1)
            responses = _linearised(self.plan.link, responses, mean)
        gap = self.gaps[games.references[game]]
        present, swapped = responses - (self.full - gap)
        drawn = games.designs.coalitions[design, :n_pairs]
        half = 0.5 * (present - swapped)
        values = games.designs.regression(stage).values(drawn, design, half, gap)
        expansion = 1.0 / (1.0 - games.designs.stages[stage].left_out)
        return pair_indices(drawn, expansion, present, swapped, gap, values)

    def add_parts(self, sums: Sums, games: Games, first: Games, mean: NDArray[np.float64]) -> None:
        """Add games of a shared design that were evaluated in parts.

        Parameters
        ----------
        sums : Sums
        games : Games
        first : Games
            The first part, which still has its responses: it tells how reference rows differ.
        mean : ndarray of shape (2, n_pairs, n_outputs)
            Mean response over all reference rows.
        """
        link, weights = self.plan.link, self.plan.reference.weights
        whole, some = self.sums(), self.sums()
        total = weights[games.references].sum()
        gap = weights[games.references] @ self.gaps[games.references] / total
        mean_game = games.part(slice(0, 1))
        answers = Answers(mean_game, -1, apply_link(link, mean)[None], gap[None], np.array([total]))
        solve([answers], whole)
        kept = weights[first.references] * (total / weights[first.references].sum())
        responses = _linearised(link, first.responses, mean)
        solve([Answers(first, -1, responses, self.gaps[first.references], kept)], some)
        spread = some.squares - some.values**2
        for output in range(gap.shape[0]):
            target = sums.of_output(output)
            target[0] += whole.values[:, output]
            target[1] += spread[:, output] + whole.values[:, output] ** 2
            target[2] += whole.variances[:, output]


def explained_rows(
    plan: SamplingPlan, rows: Any, responses: NDArray[np.float64]
) -> Iterator[ExplainedRow]:
    """Yield rows with the games that they are made of."""
    mixtures = make_mixtures(
        rows,
        plan.reference.rows,
        plan.players,
        rows_per_call(len(plan.players.of_column)),
        plan.model,
    )
    hashes = np.zeros(len(responses), dtype=np.uint64) if plan.crossed else row_hashes(rows)
    for position, response in enumerate(responses):
        yield ExplainedRow(plan, mixtures, position, response, int(hashes[position]))


def _gaps(plan: SamplingPlan, response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the response to a row minus that to each reference row, on the link's scale."""
    if plan.link == "identity":
        return response - plan.responses
    mean = plan.reference.weights @ plan.responses
    return apply_link(plan.link, response) - _linearised(plan.link, plan.responses, mean)


def _linearised(
    link: Link, responses: NDArray[np.float64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Put responses on the scale of a link of their mean.

    The result averages to the link of the mean exactly, and its spread over the reference rows is
    the first-order effect of each of them on it (delta method).
    """
    linked: NDArray[np.float64] = apply_link(link, mean) + link_slope(link, mean) * (
        responses - mean
    )
    return linked


def _crossed_games(
    plan: SamplingPlan, row: int, differing: NDArray[np.bool_], _: int
) -> Iterator[Games]:
    """Yield games in which each reference row has a design, or an arrangement, of its own."""
    n_differing = differing.sum(axis=1)
    for n_players in np.unique(n_differing[n_differing > 1]).tolist():
        references = np.flatnonzero(n_differing == n_players)
        players = np.nonzero(differing[references])[1].reshape(-1, n_players)
        exact = plan.book.is_exact(n_players)
        designs = (plan.book if exact else plan.scouts or plan.book).designs(n_players)
        seating = designs.seating(references, players, plan.book.relevances)
        yield Games.unasked(row, designs, seating, plan.responses.shape[1])


def _shared_games(
    plan: SamplingPlan, row: int, differing: NDArray[np.bool_], rotation: int
) -> Iterator[Games]:
    """Yield the games of all reference rows, with one design."""
    players = np.flatnonzero(differing[0])
    if len(players) > 1:
        n_games = len(differing)
        designs = plan.book.designs(len(players))
        arrangement, design = divmod(rotation, len(designs))
        players = plan.book.relevances.arrange(players[None], np.array([arrangement]))
        seating = Seating(
            references=np.arange(n_games),
            players=np.tile(players, (n_games, 1)),
            design_of=np.full(n_games, design),
            cohort=np.zeros(n_games, dtype=np.int64),
        )
        yield Games.unasked(row, designs, seating, plan.responses.shape[1])
