"""Which display shows an attribution, and what stands on it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surrogates.explanation.cells import cells_of
from surrogates.explanation.displays import (
    BarDisplay,
    BeeswarmDisplay,
    ScatterDisplay,
    WaterfallDisplay,
)

if TYPE_CHECKING:
    from surrogates.explanation.attribution import Attribution

__all__ = ["draw"]


def draw(
    explanation: "Attribution", kind: str | None, output: str | None = None, **kwargs: Any
) -> Any:
    """Draw one output of an attribution.

    Parameters
    ----------
    explanation : Attribution
    kind : {"bar", "waterfall", "beeswarm", "scatter"} or None
    output : str, default=None
        None takes the most telling one.
    **kwargs
        Passed to the ``plot`` method of the display; `feature` names the column of a scatter.
    """
    if not len(explanation):
        raise ValueError("There are no rows to draw.")
    titled = len(explanation.output_names) > 1
    explanation = explanation.output(_default_output(explanation) if output is None else output)
    kind = _default_kind(explanation) if kind is None else kind
    if kind not in _DISPLAYS:
        raise ValueError(f"kind must be one of {list(_DISPLAYS)}. Got {kind!r} instead.")
    words = {"title": _title(explanation, titled), "note": _note(explanation)}
    if kind == "scatter":
        words["feature"] = kwargs.pop("feature", None)
    return _DISPLAYS[kind](explanation, **words).plot(**kwargs)


def _default_output(explanation: "Attribution") -> str:
    """Return the highest prediction of a single row, the largest mean ``|values|`` of several."""
    one_row = len(explanation) == 1
    sizes = explanation.predictions[0] if one_row else np.abs(explanation.values).sum(axis=(0, 1))
    return explanation.output_names[int(np.argmax(np.nan_to_num(sizes, nan=-np.inf)))]


def _default_kind(explanation: "Attribution") -> str:
    if len(explanation) > 1:
        return "beeswarm"
    parts = (explanation.base_values, explanation.values, explanation.predictions)
    return "waterfall" if all(np.isfinite(part).all() for part in parts) else "bar"


def _title(explanation: "Attribution", titled: bool) -> str:
    parts = [explanation.method or "Attributions"]
    if titled:
        parts.append(f"output {explanation.output_names[0]}")
    if len(explanation) == 1:
        parts.append(f"row {explanation.index[0]}")
    else:
        parts.append(f"{len(explanation)} rows")
    return ", ".join(parts)


def _note(explanation: "Attribution") -> str | None:
    return None if explanation.reference is None else f"against {explanation.reference}"


def _quantity(explanation: "Attribution") -> str:
    return f"attribution to {explanation.output_names[0]}"


def _errors(explanation: "Attribution") -> NDArray[Any] | None:
    return None if explanation.std_errors is None else explanation.std_errors[..., 0]


def _bar(explanation: "Attribution", **words: Any) -> BarDisplay:
    errors = _errors(explanation)
    if len(explanation) == 1:
        return BarDisplay(
            values=explanation.values[0, :, 0],
            std_errors=None if errors is None else errors[0],
            feature_names=explanation.feature_names,
            quantity=_quantity(explanation),
            **words,
        )
    importance = explanation.importance()
    return BarDisplay(
        values=importance["importance"],
        std_errors=None if errors is None else importance["std_error"],
        feature_names=list(importance["feature"]),
        signed=False,
        quantity=f"mean |{_quantity(explanation)}|",
        **words,
    )


def _waterfall(explanation: "Attribution", **words: Any) -> WaterfallDisplay:
    if len(explanation) > 1:
        raise ValueError(
            f"A waterfall draws one row, not {len(explanation)}. Select one, as in "
            "explanation[0].plot('waterfall')."
        )
    errors = _errors(explanation)
    return WaterfallDisplay(
        values=explanation.values[0, :, 0],
        std_errors=None if errors is None else errors[0],
        base_value=explanation.base_values[0, 0],
        prediction=explanation.predictions[0, 0],
        feature_names=explanation.feature_names,
        feature_values=list(cells_of(explanation).matrix()[0]),
        response=f"response for {explanation.output_names[0]}",
        base_label="base value" if explanation.reference is None else "reference mean",
        **words,
    )


def _beeswarm(explanation: "Attribution", **words: Any) -> BeeswarmDisplay:
    cells = cells_of(explanation)
    players = range(len(explanation.feature_names))
    return BeeswarmDisplay(
        values=explanation.values[..., 0],
        std_errors=_errors(explanation),
        feature_names=explanation.feature_names,
        feature_values=[cells.numbers(player) for player in players],
        row_labels=explanation.index,
        quantity=_quantity(explanation),
        **words,
    )


def _scatter(explanation: "Attribution", feature: str | None, **words: Any) -> ScatterDisplay:
    if feature is None and len(explanation.feature_names) > 1:
        raise ValueError("A scatter draws one feature: plot('scatter', feature=...).")
    feature = explanation.feature_names[0] if feature is None else feature
    one = explanation.features(feature)
    errors, cells = _errors(one), cells_of(one)
    return ScatterDisplay(
        feature_values=cells.player(0),
        levels=cells.levels(0),
        values=one.values[:, 0, 0],
        std_errors=None if errors is None else errors[:, 0],
        feature_name=feature,
        row_labels=one.index,
        quantity=_quantity(one),
        **words,
    )


_DISPLAYS: dict[str, Callable[..., Any]] = {
    "bar": _bar,
    "waterfall": _waterfall,
    "beeswarm": _beeswarm,
    "scatter": _scatter,
}
