"""Feature flipping: how the response moves as players are removed in the order of an explanation.

The most relevant players first (MoRF): the response should fall at once. The least relevant first
(LeRF): it should fall late. Players are ordered by their signed attributions, from what raises the
response most to what lowers it most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surrogates._params import Interval, check_params
from surrogates.explanation.displays import CurvesDisplay
from surrogates.metrics.question import Question, ask
from surrogates.metrics.values import over_outputs

__all__ = ["FlippingCurves", "abpc", "aopc", "flipping_curve", "left_without"]

_STEPS = [Interval("int", 1, None)]


@dataclass(frozen=True, eq=False)
class FlippingCurves:
    """The worth of what is left as players are removed; means over the outputs explained.

    Parameters
    ----------
    n_removed : ndarray of int of shape (n_points,)
        From 0 to the number of players.
    most_relevant_first : ndarray of shape (n_rows, n_points)
        Mean response over the background without the first players of the order.
    least_relevant_first : ndarray of shape (n_rows, n_points)
        Without the last ones.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import flipping_curve
    >>> weights, rows = np.array([3.0, 1.0]), np.ones((1, 2))
    >>> curves = flipping_curve(lambda X: X @ weights, rows, rows * weights, background=0 * rows)
    >>> curves.most_relevant_first
    array([[4., 1., 0.]])
    >>> curves.least_relevant_first
    array([[4., 3., 0.]])
    """

    n_removed: NDArray[np.int64]
    most_relevant_first: NDArray[np.float64]
    least_relevant_first: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.most_relevant_first)

    @property
    def aopc(self) -> NDArray[np.float64]:
        """Area over the curve of the most relevant first, (n_rows,): the mean of its falls."""
        curve = self.most_relevant_first
        return (curve[:, :1] - curve).mean(axis=1)

    @property
    def abpc(self) -> NDArray[np.float64]:
        """Area between the two curves, (n_rows,), over shares of players removed."""
        return self._area(self.least_relevant_first - self.most_relevant_first)

    @property
    def deletion(self) -> NDArray[np.float64]:
        """Area under the curve of the most relevant first, (n_rows,): the smaller, the better."""
        return self._area(self.most_relevant_first)

    @property
    def insertion(self) -> NDArray[np.float64]:
        """Area under the curve of inserting the most relevant first, (n_rows,)."""
        return self._area(self.least_relevant_first)

    def _area(self, curves: NDArray[np.float64]) -> NDArray[np.float64]:
        area: NDArray[np.float64] = np.trapezoid(
            curves, self.n_removed / self.n_removed[-1], axis=1
        )
        return area

    def to_frame(self) -> pd.DataFrame:
        """Return the mean curves over the rows.

        Returns
        -------
        DataFrame
            One line per order and point: order, n_removed, response, std_error.
        """
        return self._display().frame()

    def plot(self, ax: Any = None) -> CurvesDisplay:
        """Draw the mean curves over the rows.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        CurvesDisplay
            Already drawn.
        """
        return self._display().plot(ax)

    def _display(self) -> CurvesDisplay:
        curves = {
            "most relevant first": self.most_relevant_first,
            "least relevant first": self.least_relevant_first,
        }
        return CurvesDisplay(
            steps=self.n_removed,
            curves=curves,
            quantity="response",
            step="n_removed",
            key="order",
            title="Feature flipping",
            xlabel="players removed",
        )


def flipping_curve(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    n_steps: int = 50,
    n_samples: int | None = None,  # noqa: ARG001
    random_state: Any = None,  # noqa: ARG001
) -> FlippingCurves:
    """Remove players in the order of their attributions, and backwards.

    Pixel flipping (Samek, Binder, Montavon, Lapuschkin and Mueller, 2017, IEEE TNNLS 28) for the
    columns of a table; for regression see Hama, Mase and Owen (2022, arXiv:2205.12423).

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method : various
        As for `faithfulness_correlation`.
    n_steps : int, default=50
        Players are removed in at most so many steps of about equal size. The model is asked for
        ``2 * (n_steps - 1) * n_background`` rows per explained row.
    n_samples, random_state : various
        Nothing is drawn: accepted so that all metrics are called alike.

    Returns
    -------
    FlippingCurves
        With the areas ``aopc``, ``abpc``, ``deletion`` and ``insertion``, `to_frame` and `plot`.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import flipping_curve
    >>> weights, rows = np.array([3.0, 1.0]), np.ones((1, 2))
    >>> curves = flipping_curve(lambda X: X @ weights, rows, rows * weights, background=0 * rows)
    >>> curves.aopc.round(2), curves.abpc
    (array([2.33]), array([1.]))
    """
    check_params("flipping_curve", {"n_steps": n_steps}, {"n_steps": _STEPS})
    question = ask(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
    )
    n_players = len(question.players)
    points = np.unique(np.linspace(0, n_players, min(n_players, n_steps) + 1).round().astype(int))
    first, last = (left_without(question, points, least_relevant=last) for last in (False, True))
    return FlippingCurves(points, over_outputs(first), over_outputs(last))


def abpc(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    n_steps: int = 50,
    n_samples: int | None = None,  # noqa: ARG001
    random_state: Any = None,  # noqa: ARG001
) -> NDArray[np.float64]:
    """Return the area between the flipping curves: one of the recommended metrics.

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method, n_steps : various
        As for `flipping_curve`.
    n_samples, random_state : various
        Nothing is drawn: accepted so that all metrics are called alike.

    Returns
    -------
    area : ndarray of shape (n_rows,)
        Mean over shares of players removed of the response with the least relevant removed
        first less that with the most relevant removed first, in units of the response: the
        larger, the better. It depends on the order of the attributions only.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import abpc
    >>> weights, rows = np.array([3.0, 1.0]), np.ones((1, 2))
    >>> abpc(lambda X: X @ weights, rows, rows * weights, background=0 * rows)
    array([1.])
    """
    return flipping_curve(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
        n_steps=n_steps,
    ).abpc


def aopc(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
    n_steps: int = 50,
    n_samples: int | None = None,  # noqa: ARG001
    random_state: Any = None,  # noqa: ARG001
) -> NDArray[np.float64]:
    """Return the mean fall of the response as the most relevant players are removed first.

    Parameters
    ----------
    estimator, X, attributions : object, table, array
        As for `faithfulness_correlation`.
    background, sample_weight, target, response_method, n_steps : various
        As for `flipping_curve`.
    n_samples, random_state : various
        Nothing is drawn: accepted so that all metrics are called alike.

    Returns
    -------
    area : ndarray of shape (n_rows,)
        ``sum over k = 0..d of (h_0 - h_k) / (d + 1)``, in units of the response: the larger, the
        better.

    Raises
    ------
    ValueError, ModelOutputError
        As for `faithfulness_correlation`.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics import aopc
    >>> weights, rows = np.array([3.0, 1.0]), np.ones((1, 2))
    >>> aopc(lambda X: X @ weights, rows, rows * weights, background=0 * rows).round(2)
    array([2.33])
    """
    return flipping_curve(
        estimator,
        X,
        attributions,
        background=background,
        sample_weight=sample_weight,
        target=target,
        response_method=response_method,
        n_steps=n_steps,
    ).aopc


def left_without(
    question: Question, points: NDArray[np.int64], *, least_relevant: bool = False
) -> NDArray[np.float64]:
    """Return what is left without the first players of the order.

    Parameters
    ----------
    question : Question
    points : ndarray of shape (n_points,)
        Numbers of players removed.
    least_relevant : bool, default=False
        Whether the order is reversed.

    Returns
    -------
    worth : ndarray of shape (n_rows, n_points, n_outputs)
    """
    _, n_players, n_outputs = question.values.shape
    nothing_removed = (points == 0)[None, :, None]
    left = np.where(nothing_removed, question.everyone[:, None], question.nobody)
    inside = np.flatnonzero((points > 0) & (points < n_players))
    if not len(inside):
        return left
    for output in range(n_outputs):
        order = np.argsort(-question.values[:, :, output], axis=1, kind="stable")
        place = np.argsort(order, axis=1, kind="stable")[:, None]
        if least_relevant:
            place = n_players - 1 - place
        kept = place >= points[inside][None, :, None]
        left[:, inside, output] = question.worth(kept.astype(np.uint8))[:, :, output]
    return left
