"""A row against a single reference row: relevances learnt from the game itself.

With one game only nothing is averaged over reference rows, so every bit of structure counts: the
relevances of the players are taken from the attributions, which are estimated again with them.
"""

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.kriging import (
    Floats,
    krige_freely,
    krige_shrunk,
    shrunk_values,
    signs_of,
)
from surrogates.attribution.shapley.relevance import bounded_reach, even_reach, joint_sizes
from surrogates.attribution.shapley.stage import Stage

__all__ = ["krige_alone"]

_MANY_PAIRS = 256  # above it the first attributions are good already, and a pass takes longer
_PAIRS_PER_PLAYER = 2.0  # from there on the trend is free


def krige_alone(
    coalitions: NDArray[np.uint8], stage: Stage, half: Floats, gap: Floats
) -> tuple[Floats, Floats]:
    """Return the attributions of a game, and their variances over the draw of coalitions.

    Parameters
    ----------
    coalitions : ndarray of shape (n_pairs, n_players)
    stage : Stage
    half : ndarray of shape (n_pairs, n_outputs)
        Half the difference of the worths of each coalition and its complement.
    gap : ndarray of shape (n_outputs,)

    Returns
    -------
    values, variances : ndarray of shape (n_players, n_outputs)
    """
    n_pairs, n_players = coalitions.shape
    signs, odd = signs_of(coalitions), np.vstack([half, 0.5 * gap])
    reach = even_reach(n_players)
    for _ in range(2 if n_pairs > _MANY_PAIRS else 4):
        values = shrunk_values(signs, reach, reach / reach.sum(), odd)
        reach = bounded_reach(joint_sizes(values))
    if n_pairs >= _PAIRS_PER_PLAYER * n_players:
        maps = krige_freely(signs, reach)
    else:
        maps = krige_shrunk(signs, reach, reach / reach.sum())
    target = np.where(coalitions, stage.weights_inside[:, None], stage.weights_outside[:, None])
    moved = (maps.matrix[:, :-1] - target.T) ** 2 + stage.unseen
    return maps.matrix @ odd, moved @ (maps.errors @ odd)[:-1] ** 2
