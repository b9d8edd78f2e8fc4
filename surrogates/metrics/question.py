"""What every metric is asked: a model, rows, those that fill in, and attributions to judge."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_random_state

from surrogates._params import check_weights
from surrogates.blackbox.conform import conform
from surrogates.blackbox.links import LINKS, apply_link
from surrogates.blackbox.masking import masked_responses
from surrogates.blackbox.model import Model, make_model
from surrogates.blackbox.players import Players, make_players
from surrogates.blackbox.recombination import equal_tables
from surrogates.blackbox.table import column_names, is_frame, take_rows
from surrogates.explanation import Attribution
from surrogates.metrics.values import attributed_values

__all__ = ["Question", "as_table", "ask", "draw_seed", "model_asked", "own_background"]

_MOST_ANSWERS = 2**22
_SAME = 1e-9
_CALLED = "the callable"


@dataclass(frozen=True, eq=False)
class Question:
    """Attributions beside the model and the rows that they are about.

    Parameters
    ----------
    model : Model
    rows, background : ndarray or DataFrame
        In one container.
    responses : ndarray of shape (n_background, n_outputs)
    weights : ndarray of shape (n_background,)
        Of the background rows; they sum to one.
    players : Players
    values : ndarray of shape (n_rows, n_players, n_outputs)
    link : str
        The scale on which the attributions add up.
    """

    model: Model
    rows: Any
    background: Any
    responses: NDArray[np.float64]
    weights: NDArray[np.float64]
    players: Players
    values: NDArray[np.float64]
    link: str

    @cached_property
    def everyone(self) -> NDArray[np.float64]:
        """The worth of all players, (n_rows, n_outputs): what the model says of the rows."""
        return _linked(self.link, self.model(self.rows))

    @cached_property
    def nobody(self) -> NDArray[np.float64]:
        """The worth of no player, (n_outputs,): the mean response to the background."""
        return _linked(self.link, self.weights @ self.responses)

    def worth(self, masks: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return what coalitions of players are worth: the mean response over the background.

        Parameters
        ----------
        masks : ndarray of shape (n_masks, n_players) or (n_rows, n_masks, n_players)
            1 where a player keeps the values of the row; the others take those of the background.

        Returns
        -------
        worth : ndarray of shape (n_rows, n_masks, n_outputs)
        """
        return _linked(self.link, self._over_masks(masks, self._mean))

    def _mean(self, rows: slice, masks: NDArray[np.uint8]) -> NDArray[np.float64]:
        n_background, n_masks = len(self.weights), masks.shape[-2]
        answers = masked_responses(
            self.model,
            take_rows(self.rows, rows),
            self.background,
            self.players,
            np.repeat(masks, n_background, axis=-2),
            np.tile(np.arange(n_background), n_masks),
        )
        by_mask = answers.reshape(len(answers), n_masks, n_background, -1)
        return np.einsum("rmbo,b->rmo", by_mask, self.weights)

    def blocks(self, n_answers: int) -> Iterator[slice]:
        """Return stretches of rows of which so many answers each fit in memory."""
        n_rows = len(self.values)
        size = max(1, _MOST_ANSWERS // (n_answers * len(self.model.columns)))
        return (slice(at, min(at + size, n_rows)) for at in range(0, n_rows, size))

    def one_by_one(
        self, rows: slice, masks: NDArray[np.uint8], dealt: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return single responses, each with one background row that fills in.

        Parameters
        ----------
        rows : slice
            Some of the rows.
        masks : ndarray of shape (n_masks, n_players)
        dealt : ndarray of shape (n_masks,)
            Positions of the background rows.

        Returns
        -------
        responses : ndarray of shape (n_rows, n_masks, n_outputs)
        """
        answers = masked_responses(
            self.model, take_rows(self.rows, rows), self.background, self.players, masks, dealt
        )
        return _linked(self.link, answers)

    def _over_masks(
        self, masks: NDArray[np.uint8], answer: Callable[..., NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Ask in stretches of masks and of rows whose answers fit in memory."""
        n_rows, n_masks = len(self.values), masks.shape[-2]
        n_answers = len(self.weights) * max(len(self.model.columns), masks.shape[-1])
        per_call = max(1, min(n_masks, _MOST_ANSWERS // n_answers))
        n_at_once = max(1, _MOST_ANSWERS // (per_call * n_answers))
        found = np.empty((n_rows, n_masks, len(self.model.columns)))
        for first in range(0, n_rows, n_at_once):
            rows = slice(first, min(first + n_at_once, n_rows))
            own = masks if masks.ndim == 2 else masks[rows]
            for start in range(0, n_masks, per_call):
                some = slice(start, start + per_call)
                found[rows, some] = answer(rows, own[..., some, :])
        return found


def ask(
    estimator: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    sample_weight: Any = None,
    target: Any = None,
    response_method: str | Callable[[Any, Any], Any] = "auto",
) -> Question:
    """Bring together what is judged and what it is judged by.

    An `Attribution` says which outputs, which method of the model and which groups of columns it
    is about; of a fitted explainer, its reference rows are the background.

    Raises
    ------
    ValueError
        Attributions of another shape, of other columns, outputs or rows than those asked about.
    TypeError, ModelOutputError
        Tables that no model takes, and models that do not answer with finite numbers.
    """
    if hasattr(attributions, "explain"):
        if background is None:
            background, sample_weight = own_background(attributions)
        estimator = model_asked(attributions, estimator)
        attributions = attributions.explain(X)
    table = as_table(X if background is None else background, "background")
    rows = _rows(as_table(X, "X"), table)
    model, responses = _model(estimator, attributions, target, response_method, table)
    params = attributions.params if isinstance(attributions, Attribution) else {}
    names = column_names(table)
    players = make_players(names, params.get("groups"), named=is_frame(table), owner="attributions")
    values = attributed_values(
        attributions,
        (rows.shape[0], len(players), len(model.columns)),
        feature_names=players.names if is_frame(table) else None,
        output_names=model.output_names,
    )
    if isinstance(attributions, Attribution):
        _check_rows_explained(attributions, rows, table)
    return Question(
        model=model,
        rows=rows,
        background=table,
        responses=responses,
        weights=_weights(sample_weight, table.shape[0]),
        players=players,
        values=values,
        link=str(params.get("link", "identity")),
    )


def model_asked(explainer: Any, estimator: Any) -> Any:
    """Return how an explainer asks its model, where that is the model given, or None was given."""
    own = [getattr(explainer, name, None) for name in ("estimator", "estimator_")]
    if estimator is None or any(estimator is model for model in own):
        return getattr(explainer, "model_", estimator)
    return estimator


def own_background(explainer: Any) -> tuple[Any, Any]:
    """Return the reference rows that a fitted explainer compares with, and their weights."""
    reference = getattr(explainer, "reference_", None)
    return getattr(reference, "rows", None), getattr(reference, "weights", None)


def as_table(X: Any, name: str) -> Any:
    """Return a frame as it is and all else as an array.

    Raises
    ------
    ValueError
        No rows or columns, or columns of one name.
    """
    if not is_frame(X):
        return check_array(X, dtype=None, ensure_all_finite=False, input_name=name)
    names = column_names(X)
    if not all(X.shape):
        raise ValueError(f"{name} must have rows and columns. Got the shape {X.shape}.")
    if len(set(names)) < len(names):
        repeated = sorted({column for column in names if names.count(column) > 1})
        raise ValueError(f"{name} must have unique column names. Found several {repeated}.")
    return X


def draw_seed(random_state: Any) -> int:
    """Return one whole number for what is drawn."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _rows(X: Any, background: Any) -> Any:
    if X.shape[1] != background.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} columns, but the background has {background.shape[1]}."
        )
    return conform(X, background)


def _model(
    estimator: Any, attributions: Any, target: Any, response_method: Any, table: Any
) -> tuple[Model, NDArray[np.float64]]:
    if isinstance(estimator, Model):
        return estimator, estimator(table)
    if isinstance(attributions, Attribution):
        if response_method == "auto":
            response_method = _method_explained(estimator, attributions)
        if target is None:
            target = list(attributions.output_names)
    return make_model(estimator, response_method, target, table)


def _method_explained(estimator: Any, attributions: Attribution) -> str:
    """Return the method of the model whose answers were explained."""
    asked = attributions.params.get("response_method", _CALLED)
    if asked == _CALLED:
        return "auto"
    if not hasattr(estimator, asked):
        raise ValueError(
            f"attributions explain the response {asked!r}, which {type(estimator).__name__} does "
            "not have as a method: pass the same response_method as to the explainer."
        )
    return str(asked)


def _check_rows_explained(attributions: Attribution, rows: Any, table: Any) -> None:
    """Refuse an explanation of other rows."""
    data = attributions.data
    if data.shape != rows.shape or not equal_tables(conform(data, table), rows, _SAME):
        raise ValueError("attributions explain other rows than those of X.")


def _weights(sample_weight: Any, n_background: int) -> NDArray[np.float64]:
    if sample_weight is None:
        return np.full(n_background, 1.0 / n_background)
    weights = check_weights(sample_weight, n_background, "background rows")
    return weights / weights.sum()


def _linked(link: str, response: NDArray[np.float64]) -> NDArray[np.float64]:
    if link == "identity":
        return response
    if link in LINKS:  # a mean of ones may round to more than one
        return apply_link(link, np.clip(response, 0.0, 1.0 if link == "logit" else None))
    raise ValueError(
        f"The attributions add up under the link {link!r}, which is known by its name only: give "
        "the model a response_method that returns responses on that scale, and explain it."
    )
