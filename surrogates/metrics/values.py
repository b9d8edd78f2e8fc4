"""Attributions of any kind as one array, and what is said of outputs as one number per row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.blackbox.table import column_names, is_frame
from surrogates.explanation import Attribution

__all__ = ["attributed_values", "over_outputs"]


def attributed_values(
    attributions: Any,
    shape: tuple[int | None, int | None, int | None] = (None, None, None),
    *,
    feature_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """Return attributions as an array of shape (n_rows, n_players, n_outputs).

    Parameters
    ----------
    attributions : Attribution, array, DataFrame or object with ``values``
        Without outputs, two axes are enough. Of an `Attribution`, the outputs asked for are taken.
    shape : tuple
        What the sizes must be; None where any size will do.
    feature_names, output_names : sequence of str, default=None
        What the players and the outputs must be called, where the attributions have names.

    Raises
    ------
    ValueError
        Another shape, other names, or values that are not finite.

    Examples
    --------
    >>> attributed_values([[1.0, -2.0]]).shape
    (1, 2, 1)
    """
    if isinstance(attributions, Attribution):
        _check_names(attributions.feature_names, feature_names)
        given: Any = attributions.values
        if output_names is not None:
            given = given[:, :, _outputs(attributions.output_names, output_names)]
    elif is_frame(attributions):
        _check_names(column_names(attributions), feature_names)
        given = attributions.to_numpy()
    else:
        given = getattr(attributions, "values", attributions)
        given = given() if callable(given) else given
    values = _numbers(given)
    if values.ndim == 2:
        values = values[:, :, None]
    _check_shape(values, shape)
    if not np.isfinite(values).all():
        raise ValueError("attributions must be finite. Found NaN or infinite values.")
    return values


def _numbers(given: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "attributions must be an Attribution, an array of numbers or an object with such "
            f"values. Got {type(given).__name__}."
        ) from error


def _check_shape(values: NDArray[np.float64], shape: tuple[int | None, ...]) -> None:
    fits = values.ndim == 3 and all(
        size is None or size == found for size, found in zip(shape, values.shape, strict=False)
    )
    if not fits:
        hint = " Choose one output by 'target'." if (shape[2] or 1) > 1 else ""
        words = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(
            "attributions must have the shape (n_rows, n_players, n_outputs) = "
            f"({words}). Got {values.shape} instead.{hint}"
        )


def _check_names(names: Sequence[str], expected: Sequence[str] | None) -> None:
    positions = [f"x{position}" for position in range(len(names))]
    if expected is None or list(names) in (list(expected), positions):
        return
    raise ValueError(
        f"attributions are about the features {list(names)}, but the table has {list(expected)}."
    )


def _outputs(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ValueError(
            f"attributions are about the outputs {list(names)}, not about {missing}: explain "
            "these, or choose another 'target'."
        )
    return [list(names).index(name) for name in wanted]


def over_outputs(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over outputs, the last axis; NaN where no output has a value."""
    if scores.shape[-1] == 1:
        return scores[..., 0]
    known = np.isfinite(scores)
    count = known.sum(axis=-1)
    total = np.where(known, scores, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
