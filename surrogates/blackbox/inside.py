"""The inside of a Pipeline: the model left when column-wise preprocessing is done before."""

from dataclasses import dataclass
from typing import Any

from surrogates.blackbox.model import Model
from surrogates.blackbox.pipelines import ColumnwisePreprocessing, preprocess_once
from surrogates.blackbox.players import Players, make_players
from surrogates.blackbox.table import column_names, is_frame
from surrogates.blackbox.wrappers import unwrap

__all__ = ["Inside", "look_inside"]


@dataclass(frozen=True)
class Inside:
    """A model of preprocessed rows.

    Parameters
    ----------
    model : Model
    preprocessing : ColumnwisePreprocessing or None
        None where the model takes the rows as they are.
    players : Players
        Owners of the columns that the model takes.
    """

    model: Model
    preprocessing: ColumnwisePreprocessing | None
    players: Players

    @property
    def estimator(self) -> Any:
        """The estimator that answers in the end, looked through its wrappers."""
        return unwrap(self.model.predictor, self.model.method)

    def table(self, rows: Any) -> Any:
        """Return rows as the model takes them."""
        return rows if self.preprocessing is None else self.preprocessing.transform(rows)


def look_inside(model: Model, rows: Any, players: Players | None = None) -> Inside:
    """Take column-wise preprocessing off a model, if a trial proves that nothing changes.

    Parameters
    ----------
    model : Model
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
        Rows that the model accepts.
    players : Players, default=None
        Owners of their columns. None: every column is a player.
    """
    if players is None:
        players = make_players(column_names(rows), None, named=is_frame(rows), owner="")
    found = preprocess_once(model, rows)
    if found is None:
        return Inside(model, None, players)
    inner, preprocessing = found
    return Inside(inner, preprocessing, preprocessing.players(players))
