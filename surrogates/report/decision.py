"""What was decided about a row, and on which side of which threshold it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surrogates.blackbox.model import Model
from surrogates.blackbox.table import is_frame
from surrogates.explanation.displays.labels import number_texts, value_text
from surrogates.report.markup import shortened

__all__ = ["Decision", "DecisionRule", "predicted", "read_rule"]

_DEFAULT_THRESHOLDS = {"predict_proba": 0.5, "decision_function": 0.0}
_UNITS = {"predict_proba": "probability", "decision_function": "score"}
_CLOSE = 1e-9


def predicted(estimator: Any, model: Model, rows: Any) -> Any | None:
    """Return the labels that a model of classes predicts, one for each row; None for numbers."""
    if model.indicator_of is not None:
        answers = model.everything(rows)
        return np.array([model.labels[place] for place in answers.argmax(axis=1)], dtype=object)
    classes = getattr(estimator, "classes_", None)
    if classes is None or any(np.ndim(label) for label in classes):
        return None
    if not hasattr(estimator, "predict"):
        return None
    table = rows.to_numpy() if model.as_array and is_frame(rows) else rows
    return np.asarray(estimator.predict(table))


@dataclass(frozen=True)
class Decision:
    """The decision about one row.

    Parameters
    ----------
    outcome : str
        In words.
    response : float
        What the model answers for the output explained.
    side : int
        1 where reasons raise the response, -1 where they lower it, 0 where both do.
    passed : bool or None
        Whether the row passed; None where no side is known to pass.
    label : object
        What ``predict`` says, where it was asked; else None.
    """

    outcome: str
    response: float
    side: int
    passed: bool | None
    label: Any = None


@dataclass(frozen=True)
class DecisionRule:
    """How responses become decisions.

    Parameters
    ----------
    estimator : object
    model : Model
    output : str
        The output that decides.
    threshold : float or None
        In units of the response.
    passing : {"above", "below"} or None
        The side that passes; a response at the threshold passes.
    outcomes : tuple of (str, str) or None
        Words for passing and for failing.
    is_given : bool
        Whether the threshold decides, and not ``predict``.
    """

    estimator: Any
    model: Model
    output: str
    threshold: float | None
    passing: str | None
    outcomes: tuple[str, str] | None
    is_given: bool

    @property
    def unit(self) -> str:
        """What the response is, in a word."""
        if self.model.indicator_of is not None:
            return "indicator"
        return _UNITS.get(self.model.method_name, "prediction")

    @property
    def is_probability(self) -> bool:
        """Whether responses lie between 0 and 1."""
        return self.unit == "probability"

    def as_record(self) -> dict[str, Any]:
        """Return what is needed to decide in the same way again."""
        return {
            "output": self.output,
            "threshold": self.threshold,
            "passing": self.passing,
            "outcomes": None if self.outcomes is None else list(self.outcomes),
            "is_given": self.is_given,
        }

    def decide(self, rows: Any) -> list[Decision]:
        """Return the decision about each row, asking the model."""
        place = self.model.output_names.index(self.output)
        responses = self.model(rows)[:, place]
        labels = None if self.is_given else predicted(self.estimator, self.model, rows)
        if labels is not None:
            return [
                self._by_label(label, float(response))
                for label, response in zip(labels, responses, strict=True)
            ]
        return [self._by_threshold(float(response)) for response in responses]

    def _by_label(self, label: Any, response: float) -> Decision:
        side = 1 if str(label) == self.output else -1
        passed = None if self.passing is None else (side > 0) == (self.passing == "above")
        return Decision(self._words(passed, value_text(label)), response, side, passed, label)

    def _by_threshold(self, response: float) -> Decision:
        if self.threshold is None:
            return Decision(f"{self.output} {_number(response)}", response, 0, None)
        below = self.passing == "below"
        above = response > self.threshold if below else response >= self.threshold
        passed = None if self.passing is None else above != below
        return Decision(
            self._words(passed, self._side_words(above, passed)),
            response,
            1 if above else -1,
            passed,
        )

    def _words(self, passed: bool | None, otherwise: str) -> str:
        if self.outcomes is None or passed is None:
            return otherwise
        return self.outcomes[0] if passed else self.outcomes[1]

    def _side_words(self, above: bool, passed: bool | None) -> str:
        labels = [value_text(label) for label in self.model.labels]
        if self.unit in ("probability", "score") and len(labels) == 2:
            own = labels.index(self.output) if self.output in labels else 1
            return labels[own] if above else labels[1 - own]
        if passed is not None:
            return "passed" if passed else "not passed"
        return f"{'at or above' if above else 'below'} {_number(self.threshold or 0.0)}"


def _number(number: float) -> str:
    return number_texts([number], signed=False)[0]


def read_rule(
    explainer: Any,
    rows: Any,
    *,
    output: str | None,
    threshold: float | None,
    passing: str | None,
    outcomes: Sequence[str] | None,
) -> tuple[DecisionRule, Decision]:
    """Find out how a fitted explainer's model decides, and what it decides about a row.

    Parameters
    ----------
    explainer : AttributionExplainer
        Fitted. One that has a threshold brings it with it.
    rows : {ndarray, DataFrame} of shape (1, n_columns)
    output : str or None
        None is the class decided on, the only output, or the one with the largest response.
    threshold : float or None
    passing : {"above", "below"} or None
    outcomes : sequence of (str, str) or None

    Raises
    ------
    ValueError
        There is no such output, or the decision cannot have the words given.
    """
    estimator, model = explainer.estimator_, explainer.model_
    chosen = _choose_output(estimator, model, rows, output)
    record = getattr(explainer, "record_", {})
    if record.get("background") == "at_threshold":
        threshold, passing = _of_the_group(record, threshold, passing)
    elif threshold is None and getattr(explainer, "threshold", None) is not None:
        threshold, passing = float(explainer.threshold), passing or str(explainer.passing)
    words = None if outcomes is None else (shortened(outcomes[0]), shortened(outcomes[1]))
    rule = DecisionRule(
        estimator, model, chosen, threshold, passing, words, is_given=threshold is not None
    )
    if words is not None and passing is None:
        raise ValueError(
            "outcomes name what passes and what fails: say by passing='above' or passing='below' "
            "on which side of the threshold a response passes."
        )
    (decision,) = rule.decide(rows)
    if words is not None and decision.side == 0:
        raise ValueError("outcomes need the 'threshold' parameter for a model of numbers.")
    return rule if rule.is_given else _with_default(rule, decision), decision


def _of_the_group(
    record: Mapping[str, Any], threshold: float | None, passing: str | None
) -> tuple[float, str]:
    """Return the threshold and the side of a reference group that just passes."""
    at, side = float(record["threshold"]), str(record["passing"])
    if threshold not in (None, at) or passing not in (None, side):
        raise ValueError(
            f"The reference group of the explainer just passes the threshold {at:g} from "
            f"{side}: leave out threshold and passing, or fit the explainer with others. Got "
            f"threshold={threshold!r} and passing={passing!r}."
        )
    return at, side


def _choose_output(estimator: Any, model: Model, rows: Any, output: str | None) -> str:
    names = model.output_names
    if output is not None:
        if str(output) not in names:
            raise ValueError(f"output must be one of {list(names)}. Got {output!r} instead.")
        return str(output)
    if len(names) == 1:
        return names[0]
    labels = predicted(estimator, model, rows)
    if labels is not None and str(labels[0]) in names:
        return str(labels[0])
    return names[int(model(rows)[0].argmax())]


def _with_default(rule: DecisionRule, decision: Decision) -> DecisionRule:
    """Add the threshold that ``predict`` applies, where it is known and agrees with the answer."""
    at = _threshold_of(rule)
    if at is None or len(rule.model.labels) != 2:
        return rule
    if abs(decision.response - at) > _CLOSE and (decision.response > at) != (decision.side > 0):
        return rule
    return DecisionRule(
        rule.estimator, rule.model, rule.output, at, rule.passing, rule.outcomes, is_given=False
    )


def _threshold_of(rule: DecisionRule) -> float | None:
    """Return the threshold of the output explained."""
    for name in ("best_threshold_", "threshold"):  # classifiers that move it
        moved = getattr(rule.estimator, name, None)
        if isinstance(moved, (float, np.floating)):
            own = str(rule.model.labels[-1]) == rule.output
            flipped = 1.0 - moved if rule.is_probability else -moved
            return float(moved if own else flipped)
    return _DEFAULT_THRESHOLDS.get(rule.model.method_name)
