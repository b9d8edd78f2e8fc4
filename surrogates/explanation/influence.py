"""Which training rows a model owes its answers to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import take_rows
from surrogates.explanation import influential_rows
from surrogates.explanation.axes import row_positions
from surrogates.explanation.case_pictures import draw_influence
from surrogates.explanation.fields import check_data, check_index, check_params, check_text
from surrogates.explanation.result import Result

__all__ = ["Influence"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Influence(Result):
    """What removing training rows does to test rows.

    ``values[i, j]`` is the loss (or the prediction) on test row i of the model without training
    row j, minus that of the model: a positive influence on the loss is a helpful row. ``len(e)``
    counts test rows, and ``e[...]`` selects test rows only. All arrays are read-only.

    Parameters
    ----------
    values : ndarray of shape (n_test, n_train)
        Influence of training row j on test row i.
    self_influence : ndarray of shape (n_train,)
        Influence of every training row on itself.
    data : {ndarray, DataFrame} of shape (n_test, n_columns)
        The test rows as given.
    train_data : {ndarray, DataFrame} of shape (n_train, n_columns)
        The training rows as given.
    index, train_index : Index, default=None
        The caller's labels of the rows; None takes them from the data.
    targets : ndarray of shape (n_test,), default=None
        Labels or numbers of the test rows.
    train_targets : ndarray of shape (n_train,), default=None
        Labels or numbers of the training rows.
    method : str, default=""
        How it was measured.
    params : mapping, default={}
        How the explainer was set, in values that JSON knows.
    details : mapping, default={}
        What else was found: "sign" and "unit" in words, "preprocessing", "stationarity_residual",
        "polished_rows". Arrays in it have the shape (n_train,).

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from surrogates.explanation import Influence
    >>> influence = Influence(
    ...     values=np.array([[0.02, -0.05]]),
    ...     self_influence=np.array([0.01, 0.20]),
    ...     data=pd.DataFrame({"amount": [1200]}, index=[7]),
    ...     train_data=pd.DataFrame({"amount": [1000, 9000]}, index=[101, 102]),
    ...     train_targets=np.array(["good", "bad"]),
    ... )
    >>> influence.top(1)
       index  rank  train  influence target  amount
    0      7     1    102      -0.05    bad    9000
    """

    values: NDArray[np.float64]
    self_influence: NDArray[np.float64]
    data: Any
    train_data: Any
    index: Any = None
    train_index: Any = None
    targets: Any = None
    train_targets: Any = None
    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = _floats("values", self.values, 2)
        n_test, n_train = values.shape
        checked = {
            "values": values,
            "self_influence": _sized("self_influence", self.self_influence, n_train),
            "data": check_data(self.data, n_test),
            "train_data": check_data(self.train_data, n_train),
            "index": check_index(self.index, self.data, n_test),
            "train_index": check_index(self.train_index, self.train_data, n_train),
            "targets": _labels("targets", self.targets, n_test),
            "train_targets": _labels("train_targets", self.train_targets, n_train),
            "params": check_params(self.params),
            "details": {key: _detail(key, value, n_train) for key, value in self.details.items()},
        }
        check_text("method", self.method)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Self]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, rows: Any) -> Self:
        positions = row_positions(rows, len(self))
        return replace(
            self,
            values=self.values[positions],
            data=take_rows(self.data, positions),
            index=self.index[positions],
            targets=None if self.targets is None else self.targets[positions],
        )

    def top(
        self, k: int = 5, sign: Literal["both", "positive", "negative"] = "both"
    ) -> pd.DataFrame:
        """Return the `k` training rows with the largest influence on every test row.

        Parameters
        ----------
        k : int, default=5
            More than there are lists all.
        sign : {"both", "positive", "negative"}, default="both"
            Rank by magnitude; or list only influences above zero (of helpful rows), or only those
            below zero (of harmful rows), the largest magnitude first.

        Returns
        -------
        DataFrame
            Columns index (the label of the test row), rank (from 1), train (the label of the
            training row), influence, target (of the training row), and the columns of the
            training row itself.

        Raises
        ------
        ValueError
            `k` is no positive integer, or `sign` is unknown.
        """
        return influential_rows.top_influence(self, k, sign)

    def valuation(self) -> pd.DataFrame:
        """Return what every training row is worth: its mean influence over the test rows.

        Returns
        -------
        DataFrame
            Columns train (the label of the training row), value, self_influence, target, and the
            columns of the training row; the least worth first.
        """
        return influential_rows.valuation(self)

    def to_frame(self, kind: Literal["long", "wide"] = "long") -> pd.DataFrame:
        """Return the influences as a frame.

        Parameters
        ----------
        kind : {"long", "wide"}, default="long"

        Returns
        -------
        DataFrame
            Long: one line per test row and training row with the columns row, train and
            influence. Wide: one line per test row, one column per training row.

        Raises
        ------
        ValueError
            The kind is unknown.
        """
        if kind == "long":
            return influential_rows.long_influence(self)
        if kind == "wide":
            return influential_rows.wide_influence(self)
        raise ValueError(f"kind must be 'long' or 'wide'. Got {kind!r} instead.")

    def plot(self, kind: str = "cases", **kwargs: Any) -> Any:
        """Draw the influences.

        Parameters
        ----------
        kind : {"cases", "leverage"}, default="cases"
            The training rows with the largest influence, as bars beside what the rows hold; or
            the influence of every training row against its leverage. Of several test rows the
            mean influence is drawn.
        **kwargs
            Passed to the ``plot`` method of the display, such as ``ax`` and ``max_display``.

        Returns
        -------
        Display
            Already drawn, with ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            The kind is unknown, there are no test rows, or the model has no leverages.
        """
        return draw_influence(self, kind, **kwargs)

    def __repr__(self) -> str:
        n_test, n_train = self.values.shape
        words = f"{n_test} test row{'s' * (n_test != 1)} x {n_train} training rows"
        return f"{type(self).__name__}({', '.join(part for part in (self.method, words) if part)})"

    def _headline(self) -> tuple[str, pd.DataFrame]:
        return repr(self), self.top(10 if len(self) == 1 else 1)


def _floats(name: str, array: Any, n_dimensions: int) -> NDArray[np.float64]:
    try:
        floats = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold real numbers: {error}") from error
    if floats.ndim != n_dimensions:
        raise ValueError(f"{name} must have {n_dimensions} dimensions. Got shape {floats.shape}.")
    view = floats.view()
    view.flags.writeable = False
    return view


def _sized(name: str, array: Any, size: int) -> NDArray[np.float64]:
    floats = _floats(name, array, 1)
    if len(floats) != size:
        raise ValueError(f"{name} must hold {size} numbers, as values do. Got {len(floats)}.")
    return floats


def _labels(name: str, labels: Any, size: int) -> NDArray[Any] | None:
    if labels is None:
        return None
    array = np.asarray(labels).view()
    if array.ndim == 0 or len(array) != size:
        raise ValueError(f"{name} must hold {size} entries. Got the shape {array.shape}.")
    array.flags.writeable = False
    return array


def _detail(key: str, value: Any, size: int) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return _sized(f"details[{key!r}]", value, size)
