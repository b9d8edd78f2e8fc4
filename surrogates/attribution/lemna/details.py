"""Components as arrays of an explanation, and back as a frame."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.attribution.lemna.components import Components
from surrogates.explanation import Attribution
from surrogates.explanation.displays.components import ComponentsDisplay

__all__ = [
    "component_arrays",
    "component_frame",
    "count_components",
    "make_components_display",
]

_NUMBERS = ("intercepts", "weights", "variances", "responsibilities")


def component_arrays(found: list[list[Components]]) -> dict[str, NDArray[Any]]:
    """Return the components of all rows and outputs as arrays with the rows first.

    The first component is the one most responsible for the row. Rows with fewer components than
    others are filled with NaN, and their groups with -1.

    Parameters
    ----------
    found : list of list of Components
        One for each row and output.

    Returns
    -------
    arrays : dict of str to ndarray
        "n_components" (n_rows, n_outputs); for each component k "component_k_weight",
        "component_k_variance", "component_k_responsibility", "component_k_intercept" likewise,
        and "component_k_coefficients", "component_k_groups" (n_rows, n_players, n_outputs).
    """
    counts = np.array([[len(own.weights) for own in row] for row in found])
    arrays: dict[str, NDArray[Any]] = {"n_components": counts}
    for number in range(counts.max()):
        for field in _NUMBERS:
            name = f"component_{number}_{_SINGULAR[field]}"
            arrays[name] = np.array([[_entry(own, field, number) for own in row] for row in found])
        for field in ("coefficients", "groups"):
            lines = [[_entry(own, field, number) for own in row] for row in found]
            arrays[f"component_{number}_{field}"] = np.swapaxes(np.array(lines), 1, 2)
    return arrays


_SINGULAR = {
    "intercepts": "intercept",
    "weights": "weight",
    "variances": "variance",
    "responsibilities": "responsibility",
}


def _entry(own: Components, field: str, number: int) -> Any:
    values = getattr(own, field)
    if number < len(values):
        return values[number]
    return np.full_like(values[0], -1 if field == "groups" else np.nan)


def count_components(explanation: Attribution) -> int:
    """Return the largest number of components of a row; raise ValueError where there are none."""
    counts = explanation.details.get("n_components")
    if counts is None:
        raise ValueError(
            f"The explanation by {explanation.method or 'another method'} has no components: pass "
            "one that LEMNA made."
        )
    return int(counts.max(initial=0))


def component_frame(explanation: Attribution) -> pd.DataFrame:
    """Return one line per row, output, component and player."""
    n_components = count_components(explanation)
    n_rows, n_players, n_outputs = explanation.values.shape
    shape = (n_rows, n_outputs, n_components, n_players)
    details = explanation.details

    def spread(field: str) -> NDArray[Any]:
        arrays = [details[f"component_{number}_{field}"] for number in range(n_components)]
        stacked = np.stack(arrays, axis=-1)
        if stacked.ndim == 3:
            return np.broadcast_to(stacked[..., None], shape).ravel()
        return stacked.transpose(0, 2, 3, 1).ravel()

    row, output, component, player = (axis.ravel() for axis in np.indices(shape))
    frame = pd.DataFrame(
        {
            "row": explanation.index[row],
            "output": np.array(explanation.output_names, dtype=object)[output],
            "component": component,
            "weight": spread("weight"),
            "variance": spread("variance"),
            "responsibility": spread("responsibility"),
            "intercept": spread("intercept"),
            "feature": np.array(explanation.feature_names, dtype=object)[player],
            "coefficient": spread("coefficients"),
            "group": spread("groups"),
        }
    )
    return frame[frame["weight"].notna()].reset_index(drop=True)


def make_components_display(explanation: Attribution, output: str | None) -> ComponentsDisplay:
    """Return what draws the components of the only row of an explanation."""
    if len(explanation) != 1:
        raise ValueError(
            f"The components of one row can be drawn, not those of {len(explanation)}. Select one, "
            "as in explanation[0]."
        )
    count_components(explanation)
    names = explanation.output_names
    chosen = names[int(explanation.predictions[0].argmax())] if output is None else output
    one = explanation.output(chosen)
    order = [name for name in one.params["order"] if name in one.feature_names]
    one = one.features(order)
    numbers = range(int(one.details["n_components"][0, 0]))

    def column(field: str) -> NDArray[Any]:
        return np.array(
            [one.details[f"component_{number}_{field}"][0, ..., 0] for number in numbers]
        )

    titled = f", output {chosen}" if len(names) > 1 else ""
    return ComponentsDisplay(
        coefficients=column("coefficients"),
        groups=column("groups"),
        weights=column("weight"),
        responsibilities=column("responsibility"),
        feature_names=order,
        quantity=f"coefficient for {chosen}",
        title=f"{one.method}{titled}, row {one.index[0]}",
        note=_note(one),
    )


def _note(explanation: Attribution) -> str:
    shown = "shaded: fused groups"
    if explanation.fidelity is None:
        return shown
    return f"held-out R2 {explanation.fidelity[0, 0]:.2f}; {shown}"
