"""Labels of rows as positions among the classes of a model, or as numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d

from surrogates.blackbox.table import is_frame

__all__ = ["Labels"]


@dataclass(frozen=True, eq=False)
class Labels:
    """How the labels of a model are read.

    Parameters
    ----------
    classes : tuple or None
        The classes in the order of the model; None for a regressor.
    """

    classes: tuple[Any, ...] | None

    @classmethod
    def of(cls, estimator: Any) -> "Labels":
        """Read the classes of a fitted predictor."""
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            return cls(None)
        if any(np.ndim(label) for label in classes):
            raise ValueError(
                f"{type(estimator).__name__} predicts several targets with classes: influence "
                "is measured for one."
            )
        return cls(tuple(classes))

    def encode(self, y: Any, n_rows: int) -> NDArray[Any]:
        """Return positions among the classes, or numbers, of shape (n_rows,) or (n_rows, n).

        Raises
        ------
        ValueError
            Another number of labels than rows, a label never seen, a number that is not finite.
        """
        y = y.to_numpy() if is_frame(y) else np.asarray(y)
        found = len(y) if y.ndim else 0
        if found != n_rows:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: [{n_rows}, {found}]. "
                "y must have one label for each row of X."
            )
        if self.classes is not None:
            return self._codes(y if y.ndim == 1 else column_or_1d(y, warn=True))
        if y.ndim == 1 and y.dtype.kind in "iuf" and np.isfinite(y).all():
            return y.astype(np.float64)
        numbers = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        return np.ravel(numbers) if numbers.ndim == 2 and numbers.shape[1] == 1 else numbers

    def output(self, target: Any, n_outputs: int) -> int:
        """Return the position of the output whose prediction is followed.

        Raises
        ------
        ValueError
            There are several, and `target` names none of them.
        """
        names = self.classes if self.classes is not None else tuple(range(n_outputs))
        if target is None:
            if len(names) > 2 or (self.classes is None and len(names) > 1):
                raise ValueError(
                    "of='prediction' follows one output: the 'target' parameter of "
                    f"InfluenceFunctions must be one of {[_plain(name) for name in names]}."
                )
            return len(names) - 1
        for position, name in enumerate(names):
            if name == target or str(name) == str(target):
                return position
        raise ValueError(
            "The 'target' parameter of InfluenceFunctions must be one of "
            f"{[_plain(name) for name in names]}. Got {target!r} instead."
        )

    def _codes(self, y: NDArray[Any]) -> NDArray[np.int64]:
        numbers = np.asarray(self.classes)
        if numbers.dtype.kind in "biuf" and y.dtype.kind in "biuf":
            places = np.searchsorted(numbers, y).clip(max=len(numbers) - 1)
            if (numbers[places] == y).all():
                return np.asarray(places, dtype=np.int64)
        classes = list(self.classes or ())
        known = {_plain(label): code for code, label in enumerate(classes)}
        codes, levels = pd.factorize(y)
        if (codes < 0).any():
            raise ValueError("Input y contains NaN: every row needs a label.")
        positions = np.array([known.get(_plain(level), -1) for level in levels], dtype=np.int64)
        unseen = [_plain(level) for level in levels[positions < 0]]
        if unseen:
            raise ValueError(
                f"y contains labels that the model has never seen: {unseen[:5]}. Its classes are "
                f"{[_plain(label) for label in classes]}."
            )
        return np.asarray(positions[codes])


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
