"""One explained row: which games it is made of, and what they add up to."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.design import Designs, n_pairs_of
from surrogates.attribution.shapley.games import Games, Sums, n_mixtures, solve, values_of
from surrogates.attribution.shapley.interactions import pair_indices
from surrogates.attribution.shapley.links import Link, apply_link, link_slope
from surrogates.attribution.shapley.plan import SamplingPlan
from surrogates.blackbox.maskers import Mixtures

__all__ = ["ExplainedRow"]

_N_ROTATED = 8  # shared designs among which a hash of the row's values chooses
_PAIRS_PER_PLAYER = 1.5  # below it a reference row has too few pairs for a regression of its own


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

    def add(self, sums: Sums, games: Games, stage: int) -> None:
        """Solve games from the responses of a stage and add them to the sums."""
        weights = self.plan.reference.weights[games.references]
        n_pairs = games.designs.stages[stage].n_pairs
        responses = games.responses[:, :, :n_pairs]
        if self.plan.link != "identity":
            mean = np.tensordot(weights / weights.sum(), responses, axes=1)
            responses = _linearised(self.plan.link, responses, mean)
        solve(games, stage, responses, self.gaps[games.references], weights, sums)

    def indices(self, stage: int) -> NDArray[np.float64]:
        """Return the interaction index of every pair: (n_players, n_players, n_outputs)."""
        n_players, n_outputs = len(self.plan.players), self.gaps.shape[1]
        total = np.zeros((n_players, n_players, n_outputs))
        for games in self.games:
            for game, players in enumerate(games.players):
                references = games.references if games.dealt else games.references[[game]]
                weights = self.plan.reference.weights[references]
                index = self._index(games, game, references, weights / weights.sum(), stage)
                total[np.ix_(players, players)] += weights.sum() * index
        return total

    def _index(
        self,
        games: Games,
        game: int,
        references: NDArray[np.int64],
        share: NDArray[np.float64],
        stage: int,
    ) -> NDArray[np.float64]:
        projection = games.designs.stages[stage]
        design, n_pairs = games.design_of[game], projection.n_pairs
        responses = games.responses[game, :, :n_pairs]
        if self.plan.link != "identity":
            everyone = self.plan.reference.weights
            mean = np.tensordot(everyone, games.responses[:, :, :n_pairs], axes=1)
            responses = _linearised(self.plan.link, responses, mean)
        empty = (self.full - self.gaps[references])[games.designs.dealt[:n_pairs]]
        present, swapped = responses - empty
        gap = share @ self.gaps[references]
        drawn = games.designs.coalitions[design, :n_pairs]
        half = 0.5 * (present - swapped)
        values = values_of(projection, drawn, projection.inverse[design], half, gap)
        return pair_indices(drawn, projection.expansion, present, swapped, gap, values)

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
        one = games.part(slice(0, 1))
        total = weights[games.references].sum()
        gap = weights[games.references] @ self.gaps[games.references] / total
        solve(one, -1, apply_link(link, mean)[None], gap[None], np.array([total]), whole)
        kept = weights[first.references] * (total / weights[first.references].sum())
        responses = _linearised(link, first.responses, mean)
        solve(first, -1, responses, self.gaps[first.references], kept, some)
        spread = some.squares - some.values**2
        for output in range(gap.shape[0]):
            target = sums.of_output(output)
            target[0] += whole.values[:, output]
            target[1] += spread[:, output] + whole.values[:, output] ** 2
            target[2] += whole.variances[:, output]


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
    """Yield games whose reference rows do not share a design, as far as budget and memory allow."""
    budget = plan.book.budgets[-1]
    n_differing = differing.sum(axis=1)
    pooled: list[int] = []
    for n_players in np.unique(n_differing[n_differing > 1]).tolist():
        references = np.flatnonzero(n_differing == n_players)
        if _too_few_pairs(n_players, budget) and len(differing) > 1:
            pooled.extend(references.tolist())
            continue
        players = np.nonzero(differing[references])[1].reshape(-1, n_players)
        designs = plan.book.designs(n_players, len(references))
        design_of = np.arange(len(references)) % min(len(designs), len(references))
        yield _in_cohorts(plan, row, references, players, designs, design_of)
    yield from _pooled_games(plan, row, differing, pooled)


def _too_few_pairs(n_players: int, budget: int) -> bool:
    enumerable = 1 << n_players <= budget
    return not enumerable and n_pairs_of(n_players, budget) < _PAIRS_PER_PLAYER * n_players


def _in_cohorts(
    plan: SamplingPlan,
    row: int,
    references: NDArray[np.int64],
    players: NDArray[np.int64],
    designs: Designs,
    design_of: NDArray[np.int64],
) -> Games:
    """Order games so that those with the same design and the same players follow one another."""
    cohort = np.arange(len(references))
    if len(np.unique(design_of)) < len(references):
        keys = np.column_stack([design_of, players])
        cohort = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
        order = np.argsort(cohort, kind="stable")
        references, players = references[order], players[order]
        design_of, cohort = design_of[order], cohort[order]
    return _games(plan, row, references, players, designs, design_of, cohort)


def _pooled_games(
    plan: SamplingPlan, row: int, differing: NDArray[np.bool_], pooled: Sequence[int]
) -> Iterator[Games]:
    """Yield dealt games of as many reference rows as have enough pairs together."""
    n_pairs = max((plan.book.budgets[-1] - 2) // 2, 1)
    n_together = int(np.ceil(2 * _PAIRS_PER_PLAYER * differing.shape[1] / n_pairs))
    for start in range(0, len(pooled), n_together):
        references = np.array(sorted(pooled)[start : start + n_together])
        players = np.flatnonzero(differing[references].any(axis=0))
        designs = plan.book.designs(len(players), 1, n_dealt=len(references))
        zero = np.zeros(1, dtype=np.int64)
        yield _games(plan, row, references, players[None], designs, zero, zero)


def _shared_games(
    plan: SamplingPlan, row: int, differing: NDArray[np.bool_], design: int
) -> Iterator[Games]:
    """Yield the games of all reference rows, with one design."""
    players = np.flatnonzero(differing[0])
    if len(players) > 1:
        n_games = len(differing)
        designs = plan.book.designs(len(players), _N_ROTATED)
        design_of = np.full(n_games, design % len(designs))
        yield _games(
            plan,
            row,
            np.arange(n_games),
            np.tile(players, (n_games, 1)),
            designs,
            design_of,
            np.zeros(n_games, dtype=np.int64),
        )


def _games(
    plan: SamplingPlan,
    row: int,
    references: NDArray[np.int64],
    players: NDArray[np.int64],
    designs: Designs,
    design_of: NDArray[np.int64],
    cohort: NDArray[np.int64],
) -> Games:
    responses = np.empty((len(players), 2, 0, plan.responses.shape[1]))
    return Games(row, references, players, designs, design_of, cohort, responses)
