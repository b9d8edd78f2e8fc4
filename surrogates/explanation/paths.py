"""Which rule of a tree decided about each row, and what would have changed it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import take_rows
from surrogates.explanation.axes import row_positions
from surrogates.explanation.displays.tree import TreeDisplay
from surrogates.explanation.exports import plain
from surrogates.explanation.fields import check_data, check_index, check_params, check_text
from surrogates.explanation.result import Result

__all__ = ["DecisionPaths"]

_STEP_COLUMNS = (
    "row",
    "step",
    "node",
    "m",
    "n",
    "n_held",
    "passed",
    "literal",
    "feature",
    "value",
    "held",
)
_FLIP_COLUMNS = ("literal", "feature", "change_to", "distance", "prediction")
_TREE_KEYS = ("texts", "if_true", "if_false", "weights")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class DecisionPaths(Result):
    """The rule that decided about each row: its literals, true or false, and how sure it is.

    ``len(p)`` counts rows, and ``p[...]`` selects rows: an integer, a slice, a mask or an array of
    positions. ``print(p)`` puts the rules into words.

    Parameters
    ----------
    predictions : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Labels or numbers that the tree predicts.
    leaves : ndarray of int64 of shape (n_rows,)
        The leaf of each row.
    support : ndarray of int64 of shape (n_rows,)
        Reference rows in that leaf.
    fidelity : ndarray of shape (n_rows,)
        Share of the weight in that leaf on which the tree agrees with the model; for numbers, 1
        less the squared error over the variance of the model.
    steps : DataFrame
        One line for each row, test and literal: row (position), step (from 0), node, m, n (the
        test is "at least m of n"), n_held (how many of the n hold), passed (whether the test is
        true), literal (text), feature, value (what the row holds) and held.
    flips : DataFrame
        One line per row: the nearest change of one column of the rule that changes the
        prediction: literal, feature, change_to, distance (standard deviations of the column; 1
        for another level) and prediction (the new one); missing where no single change does.
    data : {ndarray, DataFrame} of shape (n_rows, n_columns)
        The explained rows as given.
    index : Index of length n_rows, default=None
        The caller's labels of the rows; None takes them from `data`.
    tree : mapping, default={}
        "texts", "if_true", "if_false" and "weights" of the nodes, to be drawn.
    method : str, default=""
        Name of the estimator.
    params : mapping, default={}
        How it was run, in values that JSON knows.

    Raises
    ------
    ValueError, TypeError
        Fields that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from surrogates import TrepanClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> paths = TrepanClassifier(model, max_leaves=3, random_state=0).fit(X).explain(X.iloc[:2])
    >>> len(paths), paths.predictions
    (2, array([0, 0]))
    """

    predictions: NDArray[Any]
    leaves: NDArray[np.int64]
    support: NDArray[np.int64]
    fidelity: NDArray[np.float64]
    steps: pd.DataFrame
    flips: pd.DataFrame
    data: Any
    index: Any = None
    tree: Mapping[str, Any] = field(default_factory=dict)
    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_rows = len(self.leaves)
        checked: dict[str, Any] = {
            "predictions": _read_only("predictions", self.predictions, n_rows, None),
            "leaves": _read_only("leaves", self.leaves, n_rows, np.int64),
            "support": _read_only("support", self.support, n_rows, np.int64),
            "fidelity": _read_only("fidelity", self.fidelity, n_rows, np.float64),
            "steps": _checked_frame("steps", self.steps, _STEP_COLUMNS),
            "flips": _checked_frame("flips", self.flips, _FLIP_COLUMNS),
            "data": check_data(self.data, n_rows),
            "index": check_index(self.index, self.data, n_rows),
            "params": check_params(self.params),
            "tree": _checked_tree(self.tree),
        }
        check_text("method", self.method)
        if len(self.flips) != n_rows:
            raise ValueError(f"flips must have {n_rows} lines, one per row. Got {len(self.flips)}.")
        places = checked["steps"]["row"]
        if len(places) and not (places.min() >= 0 and places.max() < n_rows):
            raise ValueError(f"steps must tell of rows 0 to {n_rows - 1} only.")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.leaves)

    def __iter__(self) -> Iterator[Self]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, rows: Any) -> Self:
        positions = row_positions(rows, len(self))
        chosen = np.arange(len(self))[positions]
        by_row = dict(list(self.steps.groupby("row", sort=False)))
        parts = [by_row[row].assign(row=place) for place, row in enumerate(chosen) if row in by_row]
        return replace(
            self,
            predictions=self.predictions[chosen],
            leaves=self.leaves[chosen],
            support=self.support[chosen],
            fidelity=self.fidelity[chosen],
            steps=pd.concat(parts, ignore_index=True) if parts else self.steps.iloc[:0],
            flips=self.flips.iloc[chosen].reset_index(drop=True),
            data=take_rows(self.data, chosen),
            index=self.index[chosen],
        )

    def rule(self, row: int = 0) -> str:
        """Return the rule that decided about a row, in words.

        Parameters
        ----------
        row : int, default=0
            Position of the row.

        Returns
        -------
        text : str
            One line per test, with a mark before each literal of the row that holds.

        Raises
        ------
        IndexError
            There is no such row.
        """
        chosen = self[row]
        lines = [f"{chosen.index[0]}: {_text(chosen.predictions[0])}"]
        for _, literals in chosen.steps.groupby("step"):
            first = literals.iloc[0]
            verdict = "yes" if first["passed"] else "no"
            lines.append(
                f"  {verdict}: {first['n_held']} of {first['n']} hold, {first['m']} needed"
            )
            lines += [
                f"    [{'x' if held else ' '}] {literal} (is {_text(value)})"
                for literal, value, held in zip(
                    literals["literal"], literals["value"], literals["held"], strict=True
                )
            ]
        lines.append(
            f"  leaf {chosen.leaves[0]}: {chosen.support[0]} reference rows, "
            f"fidelity {chosen.fidelity[0]:.3f}"
        )
        flip = chosen.flips.iloc[0]
        if isinstance(flip["literal"], str):
            lines.append(
                f"  nearest change: {flip['feature']} to {_text(flip['change_to'])} "
                f"gives {_text(flip['prediction'])}"
            )
        return "\n".join(lines)

    def to_frame(self, kind: str = "long") -> pd.DataFrame:
        """Return the rules as a frame.

        Parameters
        ----------
        kind : {"long", "wide"}, default="long"

        Returns
        -------
        DataFrame
            Long: `steps`, with the caller's labels in the column row. Wide: one line per row under
            the caller's index: prediction, leaf, support, fidelity and the columns of `flips`.

        Raises
        ------
        ValueError
            The kind is unknown.
        """
        if kind == "long":
            labels = self.index.take(self.steps["row"].to_numpy())
            return self.steps.assign(row=labels)
        if kind == "wide":
            predictions = self.predictions
            own = predictions if predictions.ndim == 1 else list(map(tuple, predictions))
            frame = pd.DataFrame(
                {
                    "prediction": own,
                    "leaf": self.leaves,
                    "support": self.support,
                    "fidelity": self.fidelity,
                },
                index=self.index,
            )
            flips = self.flips.add_prefix("flip_").set_axis(self.index, axis=0)
            return pd.concat([frame, flips], axis=1)
        raise ValueError(f"kind must be 'long' or 'wide'. Got {kind!r} instead.")

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-able values.

        Returns
        -------
        fields : dict
            NaN becomes None, dates become text.
        """
        fields = {
            "method": self.method,
            "params": self.params,
            "index": self.index,
            "predictions": self.predictions,
            "leaves": self.leaves,
            "support": self.support,
            "fidelity": self.fidelity,
            "steps": {str(name): column.tolist() for name, column in self.steps.items()},
            "flips": {str(name): column.tolist() for name, column in self.flips.items()},
        }
        plain_fields: dict[str, Any] = plain(fields)
        return plain_fields

    def plot(self, ax: Any = None) -> TreeDisplay:
        """Draw the tree, with the paths of the rows highlighted.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        display : TreeDisplay
            Already drawn, with ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            There is no tree to draw.
        """
        if not self.tree:
            raise ValueError("There is nothing to draw: these paths do not hold their tree.")
        nodes = {*self.steps["node"].tolist(), *self.leaves.tolist()}
        return TreeDisplay(
            **dict(self.tree), path=sorted(nodes), title=f"{self.method}: {_count(len(self))}"
        ).plot(ax)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.method}, {_count(len(self))})"

    def __str__(self) -> str:
        shown = min(len(self), 5)
        more = [] if shown == len(self) else [f"... {len(self) - shown} more rows"]
        return "\n".join([self.rule(row) for row in range(shown)] + more)

    def _headline(self) -> tuple[str, pd.DataFrame]:
        if len(self) == 1:
            return repr(self), self.to_frame().drop(columns=["row", "node"])
        return repr(self), self.to_frame("wide").head(10).reset_index(names="row")


def _count(n: int) -> str:
    return f"{n} row" + "s" * (n != 1)


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "missing" if np.isnan(value) else f"{value:.6g}"
    return "missing" if value is None or value is pd.NA or value is pd.NaT else str(value)


def _read_only(name: str, values: Any, n_rows: int, dtype: Any) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim == 0 or len(array) != n_rows or (dtype is not None and array.ndim != 1):
        raise ValueError(f"{name} must have {n_rows} entries, one per row. Got {array.shape}.")
    view = array.astype(dtype if dtype is not None else array.dtype, copy=False).view()
    view.flags.writeable = False
    return view


def _checked_frame(name: str, frame: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"{name} must be a DataFrame. Got {type(frame).__name__} instead.")
    if tuple(frame.columns) != columns:
        raise ValueError(f"{name} must have the columns {columns}. Got {tuple(frame.columns)}.")
    return frame.copy(deep=False)


def _checked_tree(tree: Any) -> dict[str, Any]:
    if not isinstance(tree, Mapping) or (tree and set(tree) != set(_TREE_KEYS)):
        raise ValueError(f"tree must be a mapping with the keys {_TREE_KEYS}.")
    return dict(tree)
