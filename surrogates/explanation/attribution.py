"""Which columns drove each prediction, by how much, and how sure that is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates.blackbox.table import take_rows
from surrogates.explanation import frames, pictures
from surrogates.explanation.axes import (
    FIELD_AXES,
    check_arrays,
    check_details,
    check_names,
    name_positions,
    row_positions,
    select,
    select_details,
)
from surrogates.explanation.cells import cells_of, takes_order
from surrogates.explanation.exports import as_dict, shap_explanation
from surrogates.explanation.fields import (
    check_count,
    check_data,
    check_index,
    check_params,
    check_reference,
    check_text,
)
from surrogates.explanation.reference import Reference
from surrogates.explanation.result import Result

__all__ = ["Attribution"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Attribution(Result):
    """Attributions of rows to players (columns, or groups of columns), with their errors.

    ``len(e)`` counts rows, and ``e[...]`` selects rows only: an integer (the row axis stays), a
    slice, a mask or an array of positions. The other axes are selected by name, with
    `features` and `output`. All arrays are read-only.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_players, n_outputs)
        Attributions, in the units of `predictions`.
    base_values : ndarray of shape (n_rows, n_outputs)
        What the attributions start from, such as the mean response of the reference group.
    predictions : ndarray of shape (n_rows, n_outputs)
        Responses of the model, in the space of the link.
    data : {ndarray, DataFrame} of shape (n_rows, n_columns)
        The explained rows as given.
    feature_names : sequence of str of length n_players
        Unique names of the players.
    output_names : sequence of str of length n_outputs
        Unique names of the outputs.
    index : Index of length n_rows, default=None
        The caller's labels of the rows; None takes them from `data`.
    std_errors : ndarray of the shape of `values`, default=None
        Standard errors of the attributions; None where they are unknown.
    fidelity : ndarray of shape (n_rows, n_outputs), default=None
        How well a local surrogate predicts the model on fresh samples.
    interactions : ndarray of shape (n_rows, n_players, n_players, n_outputs), default=None
        Attributions to pairs of players.
    converged : ndarray of bool of shape (n_rows,), default=None
        Whether the explainer reached its tolerance.
    reference : Reference, default=None
        Who the rows are compared with.
    method : str, default=""
        Name of the explainer.
    params : mapping, default={}
        How it was run, in values that JSON knows. ``params["groups"]`` maps players that are
        groups to the names or positions of their columns.
    details : mapping, default={}
        What else the explainer found. Arrays in it have the rows as their first axis and one of
        the shapes (n_rows,), (n_rows, n_outputs), (n_rows, n_players, n_outputs) and
        (n_rows, n_players, n_players, n_outputs); selections apply to them too.
    n_model_rows : int, default=0
        How many rows the model was asked for by the call that made this result. Selections
        keep it.

    Raises
    ------
    ValueError, TypeError
        Shapes, names or parameters that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from surrogates.explanation import Attribution, Reference
    >>> explanation = Attribution(
    ...     values=np.array([[[0.25], [-0.05]], [[-0.10], [0.02]]]),
    ...     std_errors=np.array([[[0.01], [0.01]], [[0.02], [0.01]]]),
    ...     base_values=np.full((2, 1), 0.3),
    ...     predictions=np.array([[0.5], [0.22]]),
    ...     data=pd.DataFrame({"duration": [24, 6], "purpose": ["car", "tv"]}, index=[7, 9]),
    ...     feature_names=("duration", "purpose"),
    ...     output_names=("bad",),
    ...     reference=Reference("population", 100, (0.3,)),
    ...     method="KernelSHAP",
    ... )
    >>> explanation
    Attribution(KernelSHAP, 2 rows x 2 features x 1 output, 100 reference rows of population)
    >>> explanation[0].to_frame()
       row   feature output value  attribution  std_error
    0    7  duration    bad    24         0.25       0.01
    1    7   purpose    bad   car        -0.05       0.01
    >>> explanation.top(1)[["index", "rank", "feature", "value", "attribution", "tied_with_next"]]
       index  rank   feature value  attribution  tied_with_next
    0      7     1  duration    24         0.25           False
    1      9     1  duration     6        -0.10           False
    """

    values: NDArray[np.float64]
    base_values: NDArray[np.float64]
    predictions: NDArray[np.float64]
    data: Any
    feature_names: tuple[str, ...]
    output_names: tuple[str, ...]
    index: Any = None
    std_errors: NDArray[np.float64] | None = None
    fidelity: NDArray[np.float64] | None = None
    interactions: NDArray[np.float64] | None = None
    converged: NDArray[np.bool_] | None = None
    reference: Reference | None = None
    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    n_model_rows: int = 0

    def __post_init__(self) -> None:
        arrays, sizes = check_arrays({name: getattr(self, name) for name in FIELD_AXES})
        n_rows, n_players, n_outputs = arrays["values"].shape
        checked = {
            **arrays,
            "data": check_data(self.data, n_rows),
            "index": check_index(self.index, self.data, n_rows),
            "feature_names": check_names("feature_names", self.feature_names, n_players),
            "output_names": check_names("output_names", self.output_names, n_outputs),
            "params": check_params(self.params),
            "details": check_details(self.details, sizes),
            "n_model_rows": check_count("n_model_rows", self.n_model_rows),
        }
        check_text("method", self.method)
        check_reference(self.reference, n_outputs)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.params.get("groups"):
            cells_of(self)  # their columns exist

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Self]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, rows: Any) -> Self:
        positions = row_positions(rows, len(self))
        data = take_rows(self.data, positions)
        return self._select("rows", positions, data=data, index=self.index[positions])

    def features(self, names: str | Sequence[str]) -> Self:
        """Select players by name, in the order given.

        Parameters
        ----------
        names : str or sequence of str

        Returns
        -------
        Attribution
            The columns of `data` stay.

        Raises
        ------
        KeyError
            There is no such player.
        ValueError
            No name, or one name twice.
        """
        wanted = [names] if isinstance(names, str) else [str(name) for name in names]
        if not wanted or len(set(wanted)) < len(wanted):
            raise ValueError(f"Select at least one feature, and none twice. Got {wanted}.")
        positions = name_positions("feature", wanted, self.feature_names)
        data = self.data
        if takes_order(data, self.feature_names, self.params.get("groups")):
            data = data[:, positions]
        return self._select("features", positions, feature_names=tuple(wanted), data=data)

    def output(self, name: str) -> Self:
        """Select one output by name; the axis of the outputs stays.

        Parameters
        ----------
        name : str
            One of ``output_names``.

        Returns
        -------
        explanation : Attribution

        Raises
        ------
        KeyError
            There is no such output.
        """
        positions = name_positions("output", [str(name)], self.output_names)
        return self._select("outputs", positions, output_names=(str(name),))

    def _select(self, axis: str, positions: Any, **others: Any) -> Self:
        fields = {name: getattr(self, name) for name in FIELD_AXES}
        arrays: dict[str, Any] = {
            name: select(array, FIELD_AXES[name], axis, positions)
            for name, array in fields.items()
            if array is not None
        }
        details = select_details(self.details, axis, positions)
        if axis == "outputs" and self.reference is not None:
            others["reference"] = self.reference.at(positions)
        return replace(self, **arrays, details=details, **others)

    @property
    def additivity_gap(self) -> NDArray[np.float64]:
        """What the attributions leave unexplained, of shape (n_rows, n_outputs).

        It is ``predictions - base_values - values.sum(1)``: zero, up to rounding, for methods
        that promise efficiency, and the error of the surrogate in the row for others.
        """
        gap: NDArray[np.float64] = self.predictions - self.base_values - self.values.sum(axis=1)
        return gap

    def confidence_interval(
        self, level: float = 0.95
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return normal confidence limits of every attribution.

        Parameters
        ----------
        level : float in (0, 1), default=0.95

        Returns
        -------
        low, high : ndarray of shape (n_rows, n_players, n_outputs)
            ``values -+ z * std_errors``, with the normal quantile ``z`` of the level.

        Raises
        ------
        ValueError
            The level is out of range, or there are no standard errors.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must be a float in the range (0, 1). Got {level!r} instead.")
        if self.std_errors is None:
            raise ValueError("There is no confidence interval without std_errors.")
        margin = NormalDist().inv_cdf((1 + level) / 2) * self.std_errors
        return self.values - margin, self.values + margin

    def importance(self) -> pd.DataFrame:
        """Return the mean magnitude of the attributions over the rows, largest first.

        Returns
        -------
        DataFrame
            Columns feature, output, importance (mean of ``|values|``) and std_error, its
            standard error by the delta method (NaN where `std_errors` are unknown).
        """
        return frames.importance_frame(self)

    def top(
        self, k: int = 5, sign: Literal["both", "positive", "negative"] = "both"
    ) -> pd.DataFrame:
        """Return the `k` features that drove each row and output most.

        Parameters
        ----------
        k : int, default=5
            More than there are lists all.
        sign : {"both", "positive", "negative"}, default="both"
            Rank by magnitude; or only attributions above zero, the largest first; or only those
            below zero, the most negative first.

        Returns
        -------
        DataFrame
            Columns index (the caller's label), rank (from 1), feature, output, value,
            attribution, std_error, and tied_with_next: whether the next feature of the ranking,
            listed or not, lies within 1.96 standard errors of the difference (without standard
            errors: is exactly equal).

        Raises
        ------
        ValueError
            `k` is no positive integer, or `sign` is unknown.
        """
        return frames.top_frame(self, k, sign)

    def to_frame(self, kind: Literal["long", "wide"] = "long") -> pd.DataFrame:
        """Return the attributions as a frame.

        Parameters
        ----------
        kind : {"long", "wide"}, default="long"

        Returns
        -------
        DataFrame
            Long: one line per row, output and feature with the columns row (the caller's
            label), feature, output, value (what the row holds there), attribution and std_error.
            Wide: one line per row under the caller's index, one column per feature, or per
            ``feature__output`` where there are several outputs.

        Raises
        ------
        ValueError
            The kind is unknown.
        """
        if kind == "long":
            return frames.long_frame(self)
        if kind == "wide":
            return frames.wide_frame(self)
        raise ValueError(f"kind must be 'long' or 'wide'. Got {kind!r} instead.")

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-able values.

        Returns
        -------
        fields : dict
            NaN becomes None, dates become text.
        """
        return as_dict(self)

    def to_shap(self) -> Any:
        """Return a ``shap.Explanation``, for the plots of shap.

        Returns
        -------
        shap.Explanation
            ``values`` of shape (n_rows, n_players) for one output, else
            (n_rows, n_players, n_outputs).

        Raises
        ------
        ImportError
            The package shap is not installed.
        """
        return shap_explanation(self)

    def plot(self, kind: str | None = None, *, output: str | None = None, **kwargs: Any) -> Any:
        """Draw the attributions.

        Parameters
        ----------
        kind : {"bar", "waterfall", "beeswarm", "scatter"}, default=None
            None draws a waterfall for a single row and a beeswarm for several.
        output : str, default=None
            Which output to draw. None takes the one with the highest prediction of a single row,
            or with the largest mean ``|values|`` of several.
        **kwargs
            ``feature`` names the column of a scatter; all others go to the ``plot`` method of
            the display, such as ``ax`` and ``max_display``.

        Returns
        -------
        Display
            Already drawn, with ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            The kind is unknown or does not fit the number of rows.
        """
        return pictures.draw(self, kind, output, **kwargs)

    def __repr__(self) -> str:
        sizes = zip(self.values.shape, ("row", "feature", "output"), strict=True)
        words = " x ".join(f"{n} {noun}" + "s" * (n != 1) for n, noun in sizes)
        parts = [self.method, words, "" if self.reference is None else str(self.reference)]
        return f"{type(self).__name__}({', '.join(part for part in parts if part)})"

    def _headline(self) -> tuple[str, pd.DataFrame]:
        if len(self) == 1:
            return repr(self), self.top(10).drop(columns=["index", "tied_with_next"])
        return repr(self), self.importance().head(10)
