"""All that is known of one decision, before anything of it is written down for somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from surrogates.blackbox.table import column_names
from surrogates.explanation import Attribution
from surrogates.explanation.cells import Cells, cells_of
from surrogates.explanation.displays.labels import value_text
from surrogates.report.confidence import Confidence, Limits, judge
from surrogates.report.decision import Decision, DecisionRule
from surrogates.report.markup import shortened
from surrogates.report.reason_codes import ReasonCode
from surrogates.report.reasons import Reason, principal_reasons
from surrogates.report.typical_values import typical_value

__all__ = ["Case", "case_columns", "make_case"]


@dataclass(frozen=True)
class Case:
    """One row, its decision, and the reasons for it.

    Parameters
    ----------
    explainer : AttributionExplainer
        Fitted.
    explanation : Attribution
        Of the row and of the output that decides.
    label : object
        The caller's label of the row.
    rule : DecisionRule
    decision : Decision
    reasons : tuple of Reason
        The principal ones.
    n_reasons : int
        How many columns speak for the decision.
    codes : dict
        Reason codes by column.
    forbidden : frozenset of str
    limits : Limits
    confidence : Confidence
    """

    explainer: Any
    explanation: Attribution
    label: Any
    rule: DecisionRule
    decision: Decision
    reasons: tuple[Reason, ...]
    n_reasons: int
    codes: Mapping[str, ReasonCode]
    forbidden: frozenset[str]
    limits: Limits
    confidence: Confidence

    @property
    def row(self) -> Any:
        """The row as the model takes it, of shape (1, n_columns)."""
        return self.explanation.data

    @property
    def forbidden_reasons(self) -> tuple[Reason, ...]:
        """The principal reasons that may not be stated."""
        return tuple(reason for reason in self.reasons if self.is_forbidden(reason.player))

    @property
    def is_blocked(self) -> bool:
        """Whether a forbidden column ranks among the principal reasons."""
        return bool(self.forbidden_reasons)

    def name(self, player: int) -> str:
        """Return the name of a player."""
        return self.explanation.feature_names[player]

    def columns(self, player: int) -> tuple[int, ...]:
        """Return the positions of the columns of a player."""
        owned = np.flatnonzero(self.explainer.players_.of_column == player)
        return tuple(int(column) for column in owned)

    def is_forbidden(self, player: int) -> bool:
        """Tell whether a player is a forbidden column, or a group that has one."""
        names = self._column_names
        own = {self.name(player), *(names[column] for column in self.columns(player))}
        return bool(own & self.forbidden)

    def value(self, player: int) -> str:
        """Return what the row holds for a player, in words."""
        return value_text(self._cells.player(player)[0])

    @cached_property
    def _cells(self) -> Cells:
        return cells_of(self.explanation)

    @cached_property
    def _column_names(self) -> tuple[str, ...]:
        return column_names(self.row)

    def typical(self, player: int) -> str:
        """Return what the reference group typically holds for a player."""
        reference = self.explainer.reference_
        return typical_value(reference.rows, reference.weights, self.columns(player))


def make_case(
    explainer: Any,
    explanation: Attribution,
    label: Any,
    rule: DecisionRule,
    decision: Decision,
    *,
    codes: Mapping[str, ReasonCode],
    forbidden: frozenset[str],
    most_reasons: int,
    limits: Limits,
) -> Case:
    """Find the principal reasons of a decision."""
    explanation = explanation.output(rule.output)
    reasons, n_reasons = principal_reasons(explanation, decision.side, most_reasons)
    return Case(
        explainer=explainer,
        explanation=explanation,
        label=label,
        rule=rule,
        decision=decision,
        reasons=tuple(reasons),
        n_reasons=n_reasons,
        codes=codes,
        forbidden=forbidden,
        limits=limits,
        confidence=judge(explanation, reasons, n_reasons, limits),
    )


def case_columns(case: Case, players: Sequence[int]) -> list[tuple[str, int]]:
    """Return names and positions of the columns of some players."""
    names = column_names(case.row)
    return [
        (shortened(names[column]), column) for player in players for column in case.columns(player)
    ]
