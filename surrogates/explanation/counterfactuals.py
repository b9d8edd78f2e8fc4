"""What would have to change for another decision: rows, costs, statuses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import take_rows
from surrogates.explanation.axes import check_names, row_positions
from surrogates.explanation.change_table import change_frame, change_sentences, line_frame
from surrogates.explanation.displays import ChangesDisplay
from surrogates.explanation.displays.labels import clean, value_text
from surrogates.explanation.fields import (
    check_count,
    check_data,
    check_index,
    check_params,
    check_text,
)
from surrogates.explanation.result import Result

__all__ = ["STATUSES", "CounterfactualSet"]

STATUSES = ("optimal", "valid", "infeasible", "not_found", "already_target")
"""What may be said of an explained row."""

_BY_LINE = ("cost", "lower_bound", "distance", "outlier_factor", "robustness")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CounterfactualSet(Result):
    """Counterfactuals of explained rows: the rows that they would have to become.

    ``len(e)`` counts explained rows, and ``e[...]`` selects explained rows with all their
    counterfactuals. A counterfactual is called a line; there may be none, one or several for an
    explained row. All arrays are read-only.

    Parameters
    ----------
    data : {ndarray, DataFrame} of shape (n_rows, n_columns)
        The explained rows.
    frame : {ndarray, DataFrame} of shape (n_lines, n_columns)
        The counterfactuals, with the columns, dtypes and categories of `data`; a pandas frame has
        the label of the explained row as its index.
    row : ndarray of int of shape (n_lines,)
        Position of the explained row in `data`; ascending.
    rank : ndarray of int of shape (n_lines,)
        1 is the cheapest counterfactual of a row.
    cost : ndarray of shape (n_lines,)
        What the changes cost; 0 for a row that has the outcome wanted already.
    lower_bound : ndarray of shape (n_lines,)
        No counterfactual of the row is cheaper than this, as far as that is proved.
    predictions : ndarray of shape (n_lines,)
        What ``predict`` says of `frame`: labels, or numbers.
    status : ndarray of str of shape (n_rows,)
        "optimal": the first counterfactual is proved to be the cheapest. "valid": it has the
        outcome wanted. "infeasible": it is proved that there is none. "not_found": none was
        found within the budget. "already_target": the row has the outcome wanted.
    responses : ndarray of shape (n_lines, n_outputs)
        Responses of the model to `frame`, such as probabilities.
    output_names : sequence of str of length n_outputs
    before : ndarray of shape (n_rows,)
        What ``predict`` says of `data`.
    feature_names : sequence of str of length n_columns
    index : Index of length n_rows, default=None
        The caller's labels of the rows; None takes them from `data`.
    column_costs : ndarray of shape (n_lines, n_columns), default=None
        The part of the cost that each column has; None where costs are no sums.
    distance : ndarray of shape (n_lines,), default=None
        Gower distance to the nearest real row with the outcome wanted.
    outlier_factor : ndarray of shape (n_lines,), default=None
        Local outlier factor among these rows: about 1 inside, larger outside.
    robustness : ndarray of shape (n_lines,), default=None
        Share of noisy copies, or of refitted models, that keep the outcome wanted.
    irreducible : ndarray of bool of shape (n_lines,), default=None
        Whether it was verified that no part of the changes can be undone.
    method : str, default=""
        Name of the explainer.
    params : mapping, default={}
        How it was run, in values that JSON knows.
    n_model_rows : int, default=0
        How many rows the model was asked for. Selections keep it.

    Raises
    ------
    ValueError, TypeError
        Fields that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from surrogates.explanation import CounterfactualSet
    >>> found = CounterfactualSet(
    ...     data=pd.DataFrame({"duration": [24], "purpose": ["car"]}, index=[7]),
    ...     frame=pd.DataFrame({"duration": [12], "purpose": ["car"]}, index=[7]),
    ...     row=[0], rank=[1], cost=[2.0], lower_bound=[2.0], status=["optimal"],
    ...     predictions=["good"], before=["bad"],
    ...     responses=[[0.4, 0.6]], output_names=["bad", "good"],
    ...     feature_names=["duration", "purpose"],
    ... )
    >>> found.changes
       row  rank   feature before after
    0    0     1  duration     24    12
    >>> found.sentences
    ['Row 7 would be good instead of bad with duration 12 instead of 24.']
    """

    data: Any
    frame: Any
    row: NDArray[np.int64]
    rank: NDArray[np.int64]
    cost: NDArray[np.float64]
    lower_bound: NDArray[np.float64]
    predictions: NDArray[Any]
    status: NDArray[np.str_]
    responses: NDArray[np.float64]
    output_names: tuple[str, ...]
    before: NDArray[Any]
    feature_names: tuple[str, ...]
    index: Any = None
    column_costs: NDArray[np.float64] | None = None
    distance: NDArray[np.float64] | None = None
    outlier_factor: NDArray[np.float64] | None = None
    robustness: NDArray[np.float64] | None = None
    irreducible: NDArray[np.bool_] | None = None
    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    n_model_rows: int = 0

    def __post_init__(self) -> None:
        status = np.asarray(self.status, dtype=str)
        n_rows, n_lines = len(status), len(self.row)
        unknown = sorted(set(status.tolist()) - set(STATUSES))
        if unknown:
            raise ValueError(f"status must be among {STATUSES}. Got {unknown}.")
        checked: dict[str, Any] = {
            "status": _array("status", status, (n_rows,)),
            "before": _array("before", self.before, (n_rows,)),
            "predictions": _array("predictions", self.predictions, (n_lines,)),
            "row": _array("row", self.row, (n_lines,), np.int64),
            "rank": _array("rank", self.rank, (n_lines,), np.int64),
            "data": check_data(self.data, n_rows),
            "index": check_index(self.index, self.data, n_rows),
            "params": check_params(self.params),
            "n_model_rows": check_count("n_model_rows", self.n_model_rows),
            "output_names": check_names("output_names", self.output_names, len(self.output_names)),
        }
        n_columns, n_outputs = len(self.feature_names), len(self.output_names)
        names = check_names("feature_names", self.feature_names, self.data.shape[1])
        responses = np.reshape(np.asarray(self.responses, dtype=np.float64), (-1, n_outputs))
        checked |= {
            "feature_names": names,
            "responses": _array("responses", responses, (n_lines, n_outputs), np.float64),
            "frame": check_data(self.frame, n_lines),
            "column_costs": _array(
                "column_costs", self.column_costs, (n_lines, n_columns), np.float64
            ),
            "irreducible": _array("irreducible", self.irreducible, (n_lines,), np.bool_),
            **{
                name: _array(name, getattr(self, name), (n_lines,), np.float64) for name in _BY_LINE
            },
        }
        check_text("method", self.method)
        _check_lines(checked["row"], n_rows)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.status)

    def __iter__(self) -> Iterator[Self]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, rows: Any) -> Self:
        positions = np.arange(len(self))[row_positions(rows, len(self))]
        lines = [np.flatnonzero(self.row == position) for position in positions]
        kept = np.concatenate([*lines, np.empty(0, dtype=np.int64)]).astype(np.int64)
        by_line = ("rank", "predictions", "responses", "column_costs", "irreducible", *_BY_LINE)
        selected = {
            name: getattr(self, name)[kept] for name in by_line if getattr(self, name) is not None
        }
        return replace(
            self,
            data=take_rows(self.data, positions),
            index=self.index[positions],
            frame=take_rows(self.frame, kept),
            row=np.repeat(np.arange(len(positions)), [len(some) for some in lines]),
            status=self.status[positions],
            before=self.before[positions],
            **selected,
        )

    @property
    def changes(self) -> pd.DataFrame:
        """What changes, one line per change, as a frame.

        The columns are row (position in the explained rows), rank, feature, before and after.
        """
        return change_frame(self.data, self.frame, self.feature_names, self.row, self.rank)

    @property
    def sentences(self) -> list[str]:
        """Each counterfactual in words, of length n_lines."""
        return change_sentences(
            self.changes,
            list(zip(self.row.tolist(), self.rank.tolist(), strict=True)),
            [clean(label) for label in self.index],
            [value_text(value) for value in self.before],
            [value_text(value) for value in self.predictions],
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the counterfactuals with what is known of them.

        Returns
        -------
        DataFrame
            One line per counterfactual: row (the caller's label), rank, cost, lower_bound,
            prediction, what else is known (distance, outlier_factor, robustness, irreducible),
            and the columns of `frame`.
        """
        known = {
            "row": self.index[self.row],
            "rank": self.rank,
            "cost": self.cost,
            "lower_bound": self.lower_bound,
            "prediction": self.predictions,
            "distance": self.distance,
            "outlier_factor": self.outlier_factor,
            "robustness": self.robustness,
            "irreducible": self.irreducible,
        }
        return line_frame(known, self.frame, self.feature_names)

    def plot(self, **kwargs: Any) -> ChangesDisplay:
        """Draw the changes of one explained row, before and after.

        Parameters
        ----------
        **kwargs
            Passed to `ChangesDisplay.plot`, such as ``ax``.

        Returns
        -------
        ChangesDisplay
            Already drawn, with ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            Several explained rows, or none: select one first.
        """
        if len(self) != 1:
            raise ValueError(
                f"A picture is of one explained row, and there are {len(self)}: select one first, "
                "as in found[0].plot()."
            )
        changes = self.changes
        sizes = np.ones(len(changes))
        if self.column_costs is not None:
            lines = {rank: line for line, rank in enumerate(self.rank.tolist())}
            places = {name: place for place, name in enumerate(self.feature_names)}
            sizes = np.array(
                [
                    self.column_costs[lines[rank], places[feature]]
                    for rank, feature in zip(changes["rank"], changes["feature"], strict=True)
                ]
            )
        display = ChangesDisplay(
            ranks=changes["rank"].tolist(),
            feature_names=changes["feature"].tolist(),
            before=changes["before"].tolist(),
            after=changes["after"].tolist(),
            costs=sizes,
            outcomes={
                int(rank): f"{value_text(said)} (cost {cost:.3g})"
                for rank, said, cost in zip(self.rank, self.predictions, self.cost, strict=True)
            },
            title=f"What would have to change for row {clean(self.index[0])}",
            note=f"{self.status[0].replace('_', ' ')}; now: {value_text(self.before[0])}",
        )
        return display.plot(**kwargs)

    def __repr__(self) -> str:
        counts = pd.Series(self.status).value_counts(sort=False)
        words = ", ".join(f"{count} {name}" for name, count in counts.items())
        lines = f"{len(self.row)} counterfactual" + "s" * (len(self.row) != 1)
        rows = f"{len(self)} row" + "s" * (len(self) != 1)
        return f"{type(self).__name__}({lines} of {rows}: {words})"

    def _headline(self) -> tuple[str, pd.DataFrame]:
        return repr(self), self.changes.head(20)


def _array(name: str, value: Any, shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Return a read-only array of a shape, or raise ValueError; None stays None."""
    if value is None:
        return None
    array = np.asarray(value) if dtype is None else np.asarray(value, dtype=dtype)
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}. Got {array.shape} instead.")
    view = array.view()
    view.flags.writeable = False
    return view


def _check_lines(row: NDArray[np.int64], n_rows: int) -> None:
    if len(row) and ((np.diff(row) < 0).any() or row[0] < 0 or row[-1] >= n_rows):
        raise ValueError(
            f"row must hold ascending positions of the {n_rows} explained rows. Got {row}."
        )
