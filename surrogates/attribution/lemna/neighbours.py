"""Ask the model about the neighbours of a block of rows, and fit a mixture to each row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.lemna.components import Components, Regression
from surrogates.blackbox.inside import Inside
from surrogates.blackbox.maskers import rows_per_call
from surrogates.blackbox.masking import masked_responses
from surrogates.blackbox.reference import ReferenceRows

__all__ = ["BlockResult", "Neighbours", "explain_block"]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What is needed to explain a row.

    Parameters
    ----------
    inside : Inside
        The model, and what turns explained rows into rows that it takes.
    baseline : ReferenceRows
        The rows that absent players take their values from, as that model takes them.
    regression : Regression
    """

    inside: Inside
    baseline: ReferenceRows
    regression: Regression

    @property
    def rows_per_block(self) -> int:
        """Rows that are explained together; one at least."""
        n_masks = len(self.regression.design.masks)
        return max(1, rows_per_call(len(self.inside.players.of_column)) // n_masks)

    def responses(self, rows: Any) -> NDArray[np.float64]:
        """Return the responses to all masks of each row: (n_rows, n_masks, n_outputs)."""
        design = self.regression.design
        inside = self.inside
        return masked_responses(
            inside.model,
            inside.table(rows),
            self.baseline.rows,
            inside.players,
            design.masks,
            design.dealt,
        )


@dataclass(frozen=True, eq=False)
class BlockResult:
    """What was found for a block of rows.

    Parameters
    ----------
    predictions : ndarray of shape (n_rows, n_outputs)
    components : list of list of Components
        One for each row and output.
    """

    predictions: NDArray[np.float64]
    components: list[list[Components]]

    @classmethod
    def joined(cls, blocks: Sequence[Self]) -> Self:
        """Return consecutive blocks as one."""
        return cls(
            np.concatenate([block.predictions for block in blocks]),
            [row for block in blocks for row in block.components],
        )


def explain_block(neighbours: Neighbours, rows: Any) -> BlockResult:
    """Explain a block of rows."""
    responses = neighbours.responses(rows)
    fit = neighbours.regression.fit
    components = [
        [fit(np.ascontiguousarray(own[:, output])) for output in range(own.shape[1])]
        for own in responses
    ]
    return BlockResult(responses[:, 0], components)
