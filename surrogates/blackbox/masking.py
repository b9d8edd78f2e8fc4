"""Responses to rows of which some players are masked."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.maskers import Games, make_mixtures, rows_per_call
from surrogates.blackbox.model import Model
from surrogates.blackbox.players import Players

__all__ = ["masked_games", "masked_responses"]


def masked_responses(
    model: Model,
    rows: Any,
    reference: Any,
    players: Players,
    masks: NDArray[np.uint8],
    dealt: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Ask the model about every row under every mask, in as few calls as memory allows.

    Parameters
    ----------
    model : Model
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
    reference : ndarray or DataFrame of shape (n_references, n_columns)
        In the same container.
    players : Players
    masks : ndarray of shape (n_masks, n_players) or (n_rows, n_masks, n_players)
        1 where a player keeps the values of the row; the same masks for all rows, or own ones.
    dealt : ndarray of shape (n_masks,)
        The reference row whose values all other players take.

    Returns
    -------
    responses : ndarray of shape (n_rows, n_masks, n_outputs)

    Examples
    --------
    >>> from surrogates.blackbox.model import make_model
    >>> from surrogates.blackbox.players import make_players
    >>> row, zero = np.array([[3.0, 5.0]]), np.zeros((1, 2))
    >>> model, _ = make_model(lambda X: X @ [1.0, 10.0], "auto", None, zero)
    >>> players = make_players(["x0", "x1"], None, named=False, owner="LEMNA")
    >>> masks = np.array([[1, 1], [1, 0]], dtype=np.uint8)
    >>> masked_responses(model, row, zero, players, masks, np.array([0, 0]))[0, :, 0]
    array([53.,  3.])
    """
    n_masks = masks.shape[-2]
    n_mixtures = rows.shape[0] * n_masks
    capacity = min(n_mixtures, rows_per_call(len(players.of_column)))
    mixtures = make_mixtures(rows, reference, players, capacity, model)
    shared = masked_games(reference.shape[0], masks, dealt) if masks.ndim == 2 else None
    answers = []
    for start in range(0, n_mixtures, mixtures.n_rows):
        stop = min(n_mixtures, start + mixtures.n_rows)
        at = start
        while at < stop:
            row, mask = divmod(at, n_masks)
            end = min(stop, at + n_masks - mask)
            games = shared or masked_games(reference.shape[0], masks[row], dealt)
            mixtures.write(slice(at - start, end - start), replace(games, row=row), mask)
            at = end
        answers.append(mixtures.ask(model, stop - start))
    return np.concatenate(answers).reshape(rows.shape[0], n_masks, -1)


def masked_games(n_references: int, masks: NDArray[np.uint8], dealt: NDArray[np.int64]) -> Games:
    """Return the mixtures of the first row as one game.

    Parameters
    ----------
    n_references : int
    masks : ndarray of shape (n_masks, n_players)
    dealt : ndarray of shape (n_masks,)
        As in `masked_responses`.
    """
    return Games(
        row=0,
        references=np.arange(n_references),
        players=np.arange(masks.shape[1])[None],
        coalitions=masks[None],
        design_of=np.zeros(1, dtype=np.int64),
        dealt=dealt,
        first_pair=0,
        n_pairs=len(masks),
    )
