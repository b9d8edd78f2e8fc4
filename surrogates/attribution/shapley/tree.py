"""Tree ensembles: exact Shapley values against the reference rows, by their leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.shapley.result import BlockResult
from surrogates.blackbox.ensembles import read_ensemble
from surrogates.blackbox.inside import Inside
from surrogates.blackbox.model import Model
from surrogates.blackbox.reference import ReferenceRows
from surrogates.blackbox.tree_ensemble import TreeEnsemble, matches
from surrogates.blackbox.tree_game import TreeGame, make_tree_game

__all__ = ["TreeEngine", "tree_engine"]

_ROWS_AT_A_TIME = 2000


@dataclass(frozen=True)
class TreeEngine:
    """Sums over leaves instead of coalitions.

    Parameters
    ----------
    inside : Inside
    game : TreeGame
    signs : ndarray of shape (n_outputs,)
        -1 where the margin of a binary classifier is read for the first class.
    reference : ReferenceRows
    interactions : bool
        Whether pairwise interactions are wanted too.
    """

    inside: Inside
    game: TreeGame
    signs: NDArray[np.float64]
    reference: ReferenceRows
    interactions: bool
    rows_per_block: int = _ROWS_AT_A_TIME
    stops: bool = False

    @property
    def n_references(self) -> int:
        """Reference rows that the rows are compared with."""
        return len(self.reference)

    @property
    def mean_response(self) -> NDArray[np.float64]:
        """Mean response over these rows."""
        return self.signs * self.game.base_values

    @property
    def record(self) -> Mapping[str, Any]:
        """How the values are computed."""
        return {"method": "tree", "n_background": len(self.reference)}

    def explain(self, rows: Any) -> BlockResult:
        """Explain a block of rows."""
        table = self.inside.table(rows)
        predictions = self.signs * self.game.ensemble.predict(table)
        result = BlockResult.empty(self.game.n_players, predictions, interactions=self.interactions)
        if self.reference.share_left > 0.0:
            values, variances = self.game.moments(table)
            result.reference_variances[:] = variances * self._variance_factor()
        else:
            values = self.game.values(table)
        result.values[:] = values * self.signs
        if result.interactions is not None:
            result.interactions[:] = self.game.interactions(table) * self.signs
        return result

    def _variance_factor(self) -> float:
        """Return what turns a spread over the reference rows into the variance of their mean."""
        concentration = float((self.reference.weights**2).sum())
        if concentration >= 1.0:  # a single row tells nothing about others
            return np.nan
        return self.reference.share_left * concentration / (1.0 - concentration)


def tree_engine(
    model: Model,
    inside: Inside,
    reference: ReferenceRows,
    responses: NDArray[np.float64],
    *,
    interactions: bool,
) -> TreeEngine | None:
    """Return the exact sum over leaves where a model is an ensemble of trees, else None.

    Parameters
    ----------
    model : Model
    inside : Inside
    reference : ReferenceRows
    responses : ndarray of shape (n_references, n_outputs)
        The model's responses to the reference rows, against which the trees are checked.
    interactions : bool
    """
    if not isinstance(model.method, str):
        return None
    ensemble = read_ensemble(inside.estimator, model.method)
    if ensemble is None:
        return None
    ensemble = _outputs_of(ensemble, model)
    table = inside.table(reference.rows)
    signs = np.asarray(model.signs)
    n_outputs = ensemble.n_outputs
    if not matches(ensemble, (responses * signs)[:, :n_outputs], table):
        return None
    owner = inside.players.of_column
    game = make_tree_game(ensemble, table, reference.weights, owner, len(inside.players))
    return TreeEngine(inside, game, signs, reference, interactions)


def _outputs_of(ensemble: TreeEnsemble, model: Model) -> TreeEnsemble:
    """Keep the outputs explained; the two classes of a binary margin are one output."""
    return ensemble if ensemble.n_outputs == 1 else ensemble.select(model.columns)
