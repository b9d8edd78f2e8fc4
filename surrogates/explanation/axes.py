"""Which axes of an array are rows, features and outputs, and how to select along one of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "DETAIL_AXES",
    "FIELD_AXES",
    "Axes",
    "check_arrays",
    "check_details",
    "check_names",
    "name_positions",
    "row_positions",
    "select",
    "select_details",
]

Axes = tuple[str, ...]

_REQUIRED = ("values", "base_values", "predictions")

FIELD_AXES: dict[str, Axes] = {
    "values": ("rows", "features", "outputs"),
    "base_values": ("rows", "outputs"),
    "predictions": ("rows", "outputs"),
    "std_errors": ("rows", "features", "outputs"),
    "fidelity": ("rows", "outputs"),
    "interactions": ("rows", "features", "features", "outputs"),
    "converged": ("rows",),
}
"""The axes of the arrays of an attribution."""

DETAIL_AXES: dict[int, Axes] = {
    1: ("rows",),
    2: ("rows", "outputs"),
    3: ("rows", "features", "outputs"),
    4: ("rows", "features", "features", "outputs"),
}
"""The axes that an array with so many dimensions has."""


def check_arrays(
    fields: Mapping[str, ArrayLike | None],
) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
    """Return the arrays of an attribution, read-only, and the sizes of the axes of its values.

    Parameters
    ----------
    fields : mapping
        The array of every name in `FIELD_AXES`; those that are None are left out.

    Raises
    ------
    TypeError
        An array holds something else than real numbers, or `converged` than booleans.
    ValueError
        An array has another shape than `values` demand.
    """
    arrays = {
        name: _convert(name, array, bool if name == "converged" else float)
        for name, array in fields.items()
        if array is not None or name in _REQUIRED
    }
    shape = arrays["values"].shape
    if len(shape) != 3 or 0 in shape[1:]:
        raise ValueError(
            "values must have the shape (n_rows, n_players, n_outputs), with at least one "
            f"player and one output. Got {shape} instead."
        )
    sizes = dict(zip(FIELD_AXES["values"], shape, strict=True))
    checked = {
        name: _check_shape(name, array, FIELD_AXES[name], sizes) for name, array in arrays.items()
    }
    return checked, sizes


def _convert(name: str, array: Any, dtype: type) -> NDArray[Any]:
    """Return an array of floats or booleans, or raise TypeError when that changes the meaning."""
    try:
        given = np.asarray(array)
        if given.dtype.kind in ("b" if dtype is bool else "biufO"):
            return given.astype(dtype, copy=False)
        found = f"an array of dtype {given.dtype}"
    except (TypeError, ValueError) as error:
        found = f"an array for which: {error}"
    words = "booleans" if dtype is bool else "real numbers"
    raise TypeError(f"{name} must hold {words}. Got {found}.")


def _check_shape(
    name: str, array: NDArray[Any], axes: Axes, sizes: Mapping[str, int]
) -> NDArray[Any]:
    """Return a read-only view of `array`, or raise ValueError when its shape is another one."""
    expected = tuple(sizes[axis] for axis in axes)
    if array.shape != expected:
        words = ", ".join(f"n_{axis}" for axis in axes)
        raise ValueError(
            f"{name} must have the shape ({words}) = {expected}. Got {array.shape} instead."
        )
    view = array.view()
    view.flags.writeable = False
    return view


def check_details(details: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return `details` with its arrays checked and read-only; what is no array stays as it is."""
    return {
        key: _check_detail(key, value, sizes) if isinstance(value, np.ndarray) else value
        for key, value in details.items()
    }


def _check_detail(key: str, array: NDArray[Any], sizes: Mapping[str, int]) -> NDArray[Any]:
    if array.ndim not in DETAIL_AXES:
        raise ValueError(
            f"details[{key!r}] must have 1 to 4 dimensions, the rows first. "
            f"Got the shape {array.shape} instead."
        )
    return _check_shape(f"details[{key!r}]", array, DETAIL_AXES[array.ndim], sizes)


def check_names(field: str, names: Sequence[str], size: int) -> tuple[str, ...]:
    """Return the names as a tuple of `size` unique strings, or raise ValueError."""
    if isinstance(names, str):
        raise TypeError(f"{field} must be a sequence of str. Got the str {names!r} instead.")
    checked = tuple(str(name) for name in names)
    if len(checked) != size:
        raise ValueError(f"{field} must hold {size} names, as values do. Got {len(checked)}.")
    if len(set(checked)) < size:
        repeated = sorted({name for name in checked if checked.count(name) > 1})
        raise ValueError(f"{field} must be unique. Got {repeated} more than once.")
    return checked


def name_positions(field: str, wanted: Sequence[str], names: tuple[str, ...]) -> list[int]:
    """Return the position of every wanted name; raise KeyError for one that does not exist."""
    known = {name: position for position, name in enumerate(names)}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise KeyError(f"No {field} is called {unknown}. There are: {list(names)}.")
    return [known[name] for name in wanted]


def row_positions(key: Any, n_rows: int) -> slice | NDArray[np.intp]:
    """Turn what stands in ``result[key]`` into a slice or an array of positions.

    Raises
    ------
    TypeError
        For anything but an integer, a slice, a mask or integers; text above all.
    IndexError
        For positions beyond the rows, or a mask of another length.
    """
    if isinstance(key, slice):
        return key
    rows = np.asarray(key)
    if isinstance(key, (str, tuple)) or rows.dtype.kind in "USO":
        raise TypeError(
            f"Rows are selected by position, a slice or a mask; got {key!r}. "
            "Select the other axes by name: .features([...]) or .output(name)."
        )
    if rows.ndim == 0:
        return _one_row(rows, n_rows)
    return _many_rows(rows, n_rows)


def _one_row(row: NDArray[Any], n_rows: int) -> slice:
    if row.dtype.kind not in "iu":
        raise TypeError(f"A row is selected by an integer; got {row.item()!r}.")
    position = int(row)
    if not -n_rows <= position < n_rows:
        raise IndexError(f"Row {position} does not exist: there are {n_rows} rows.")
    position %= n_rows
    return slice(position, position + 1)


def _many_rows(rows: NDArray[Any], n_rows: int) -> NDArray[np.intp]:
    if rows.ndim > 1 or (rows.size and rows.dtype.kind not in "biu"):
        raise TypeError(
            "Rows are selected by a one-dimensional mask or array of integers; "
            f"got {rows.ndim} dimension(s) of {rows.dtype}."
        )
    if rows.dtype.kind == "b":
        if rows.size != n_rows:
            raise IndexError(f"The mask has {rows.size} entries, but there are {n_rows} rows.")
        return np.flatnonzero(rows)
    positions = rows.astype(np.intp)
    outside = (positions < -n_rows) | (positions >= n_rows)
    if outside.any():
        raise IndexError(f"Row {positions[outside][0]} does not exist: there are {n_rows} rows.")
    return np.where(positions < 0, positions + n_rows, positions)


def select(array: NDArray[Any], axes: Axes, axis: str, positions: Any) -> NDArray[Any]:
    """Return the array with `positions` taken along every axis of the name `axis`."""
    for number, name in enumerate(axes):
        if name == axis:
            array = array[(slice(None),) * number + (positions,)]
    return array


def select_details(details: Mapping[str, Any], axis: str, positions: Any) -> dict[str, Any]:
    """Return `details` with `positions` taken along an axis of every array in it."""
    return {
        key: select(value, DETAIL_AXES[value.ndim], axis, positions)
        if isinstance(value, np.ndarray)
        else value
        for key, value in details.items()
    }
