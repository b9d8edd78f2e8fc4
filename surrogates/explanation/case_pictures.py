"""Which display shows an influence, and what stands on it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surrogates.explanation.displays.cases import CasesDisplay
from surrogates.explanation.displays.leverage import LeverageDisplay
from surrogates.explanation.influential_rows import train_cells

if TYPE_CHECKING:
    from surrogates.explanation.influence import Influence

__all__ = ["draw_influence"]


def draw_influence(influence: "Influence", kind: str, **kwargs: Any) -> Any:
    """Draw the influence on one test row, or the mean influence on several.

    Parameters
    ----------
    influence : Influence
    kind : {"cases", "leverage"}
    **kwargs
        Passed to the ``plot`` method of the display.
    """
    if not len(influence):
        raise ValueError("There are no test rows to draw.")
    if kind not in ("cases", "leverage"):
        raise ValueError(f"kind must be one of ['cases', 'leverage']. Got {kind!r} instead.")
    values = influence.values.mean(axis=0)
    draw = _cases if kind == "cases" else _leverage
    return draw(influence, values).plot(**kwargs)


def _title(influence: "Influence") -> str:
    one = len(influence) == 1
    return f"row {influence.index[0]}" if one else f"mean of {len(influence)} rows"


def _quantity(influence: "Influence") -> str:
    return f"influence on the {influence.details.get('unit', 'loss')}"


def _cases(influence: "Influence", values: NDArray[np.float64]) -> CasesDisplay:
    return CasesDisplay(
        values=values,
        row_labels=influence.train_index,
        cells=train_cells(influence, np.arange(len(values))),
        quantity=_quantity(influence),
        title=f"Training rows behind {_title(influence)}",
        note=influence.details.get("sign"),
    )


def _leverage(influence: "Influence", values: NDArray[np.float64]) -> LeverageDisplay:
    if "leverage" not in influence.details:
        raise ValueError(
            f"plot('leverage') needs leverages, which {influence.method or 'this result'} does "
            "not have: they belong to linear models."
        )
    return LeverageDisplay(
        leverages=influence.details["leverage"],
        values=values,
        row_labels=influence.train_index,
        quantity=_quantity(influence),
        title=f"Influence and leverage, {_title(influence)}",
        note=influence.details.get("sign"),
    )
