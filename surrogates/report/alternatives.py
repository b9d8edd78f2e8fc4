"""What would have led to another decision: counterfactuals, asked of the model once more."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.base import Explainer
from surrogates.blackbox.conform import conform
from surrogates.explanation import CounterfactualSet
from surrogates.explanation.displays.labels import value_text
from surrogates.report.audit import plain
from surrogates.report.decision import Decision, DecisionRule, predicted
from surrogates.report.row_reading import equal_row

__all__ = ["exact_values", "find_alternatives"]

_MOST = 3
_MOST_CHANGES = 20
_MOST_LETTERS = 5000
_SAME = 1e-6


def find_alternatives(
    counterfactuals: Any,
    row: Any,
    rule: DecisionRule,
    decision: Decision,
    forbidden: frozenset[str],
) -> dict[str, Any]:
    """Return at most three counterfactuals that the model, asked again, decides otherwise.

    Parameters
    ----------
    counterfactuals : Counterfactuals or CounterfactualSet
        A fitted explainer, or its answer about the row.
    row : {ndarray, DataFrame} of shape (1, n_columns)
        In the form that the model takes.
    rule : DecisionRule
    decision : Decision
        About the row.
    forbidden : frozenset of str
        Columns that no counterfactual shown may change.

    Returns
    -------
    alternatives : dict
        shown (list of dict with rank, outcome, response, cost and changes), n_found, n_refuted
        (decided like the row itself), n_forbidden, status.
    """
    found, wanted = _explained(counterfactuals, row)
    lines = conform(found.frame, row) if found.frame.shape[0] else found.frame
    after = rule.decide(lines) if len(found.row) else []
    holds = _hold(found, lines, rule, after, wanted)
    holds &= [(one.side, one.outcome) != (decision.side, decision.outcome) for one in after]
    changes = found.changes
    shown: list[dict[str, Any]] = []
    n_forbidden = 0
    for line in np.flatnonzero(holds).tolist():
        own = changes[changes["rank"] == found.rank[line]]
        if not len(own):
            continue
        if forbidden & set(own["feature"].astype(str)):
            n_forbidden += 1
        elif len(shown) < _MOST and len(own) <= _MOST_CHANGES:
            shown.append(
                {
                    "rank": len(shown) + 1,
                    "outcome": after[line].outcome,
                    "response": after[line].response,
                    "cost": float(found.cost[line]),
                    "values": exact_values(own),
                    "changes": [
                        {
                            "column": str(change.feature),
                            "before": value_text(change.before),
                            "after": value_text(change.after),
                        }
                        for change in own.itertuples(index=False)
                    ],
                }
            )
    return {
        "shown": shown,
        "n_found": len(holds),
        "n_refuted": int((~holds).sum()),
        "n_forbidden": n_forbidden,
        "status": str(found.status[0]),
    }


def exact_values(changes: Any) -> dict[str, Any] | None:
    """Return the new values as JSON knows them, or None where it does not."""
    values = plain(dict(zip(changes["feature"], changes["after"], strict=True)))
    if not isinstance(values, dict) or len(json.dumps(values)) > _MOST_LETTERS:
        return None
    return values


def _explained(counterfactuals: Any, row: Any) -> tuple[CounterfactualSet, Any]:
    """Return the counterfactuals of the row alone, and the range that was wanted, if any."""
    if isinstance(counterfactuals, CounterfactualSet):
        place = equal_row(conform(counterfactuals.data, row), row, "The CounterfactualSet")
        return counterfactuals[place], None
    if not isinstance(counterfactuals, Explainer) or not hasattr(counterfactuals, "desired_class"):
        raise TypeError(
            "counterfactuals must be a fitted Counterfactuals explainer, or the CounterfactualSet "
            f"of the row. Got {type(counterfactuals).__name__} instead."
        )
    found: CounterfactualSet = counterfactuals.explain(row)
    return found, counterfactuals.desired_range


def _hold(
    found: CounterfactualSet, lines: Any, rule: DecisionRule, after: list[Decision], wanted: Any
) -> NDArray[np.bool_]:
    """Tell of which lines the model says what it was said to say."""
    if not after:
        return np.empty(0, dtype=bool)
    labels: Any = [one.label for one in after]
    if labels[0] is None:
        labels = predicted(rule.estimator, rule.model, lines)
    if labels is not None:
        as_said: NDArray[np.bool_] = np.array(list(map(str, labels))) == found.predictions.astype(
            str
        )
        return as_said
    numbers = np.array([one.response for one in after])
    said = found.predictions.astype(np.float64)
    close = np.abs(numbers - said) <= _SAME * np.maximum(np.abs(said), 1.0)
    return close & _within(numbers, wanted)


def _within(numbers: NDArray[np.float64], wanted: Any) -> NDArray[np.bool_]:
    low, high = (None, None) if wanted is None else wanted
    inside = np.ones(len(numbers), dtype=bool)
    if low is not None:
        inside &= numbers >= low
    if high is not None:
        inside &= numbers <= high
    return inside
