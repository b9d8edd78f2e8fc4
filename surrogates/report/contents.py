"""What a report says, as plain values: all that its page shows follows from these."""

from typing import Any

import numpy as np

from surrogates.report.audit import audit_record, numbers_record, plain
from surrogates.report.case import Case
from surrogates.report.confidence import as_record
from surrogates.report.markup import shortened
from surrogates.report.reasons import LEVEL, Reason
from surrogates.report.received_values import received_values

__all__ = ["FORMAT", "LAYOUT", "make_contents"]

FORMAT = "surrogates decision report"
LAYOUT = 1
"""Version of the layout of the contents."""

_SLOPES = {"Gradient", "SmoothGrad"}
_FEWEST_OTHERS = 10  # a typical value of fewer rows would tell about single ones


def make_contents(
    case: Case,
    *,
    view: str,
    title: str,
    date: str,
    reference_name: str | None,
    alternatives: dict[str, Any] | None,
    cases: dict[str, Any] | None,
    most: int,
) -> dict[str, Any]:
    """Return the contents of a report in one of its views.

    An applicant is shown what concerns the applicant: no forbidden findings, and nothing of others
    but what is typical of a group. Of a blocked decision there is nothing to show.

    Parameters
    ----------
    case : Case
    view : {"applicant", "officer"}
    title, date : str
    reference_name : str or None
        What the reference group is called; None describes it.
    alternatives, cases : dict or None
    most : int
        How many columns are listed, at most.
    """
    for_officer = view == "officer"
    audit = audit_record(case.explainer, case.explanation, case.label)
    head = {
        "format": FORMAT,
        "layout": LAYOUT,
        "view": view,
        "status": _status(case),
        "title": title,
        "date": date,
    }
    if case.is_blocked and not for_officer:
        return {**head, "audit": {name: audit[name] for name in ("versions", "model", "row")}}
    contents: dict[str, Any] = {
        **head,
        "subject": shortened(case.label),
        "decision": _decision(case),
        "reference": _reference(case, reference_name),
        "reasons": [_reason(case, reason, for_officer) for reason in case.reasons],
        "confidence": as_record(case.confidence, case.limits) | {"level": LEVEL},
        "warnings": list(case.confidence.warnings),
        "notes": list(case.confidence.notes),
        "alternatives": _alternatives(alternatives, for_officer),
        "inputs": _inputs(case, most),
        "audit": {
            **audit,
            "rule": case.rule.as_record(),
            "numbers": numbers_record(case.explanation, _told(case, view, most)),
        },
    }
    if not for_officer:
        _hide_others(contents)
    if for_officer:
        contents |= {
            "findings": _findings(case, alternatives),
            "others": _others(case, most),
            "cases": cases,
        }
        contents["audit"]["forbidden"] = [*map(shortened, sorted(case.forbidden))][:most]
    return contents


def _hide_others(contents: dict[str, Any]) -> None:
    """Take out what tells about single members of the reference group."""
    contents["audit"]["explainer"].pop("run")  # has the responses at the ends of a band
    if not contents["reference"]["is_shown"]:
        contents["reference"] |= {"mean": None, "base_value": None}
        contents["audit"]["numbers"]["base_value"] = None
        for reason in contents["reasons"]:
            reason["typical"] = None


def _status(case: Case) -> str:
    if case.is_blocked:
        return "blocked"
    return "warning" if case.confidence.warnings else "ok"


def _decision(case: Case) -> dict[str, Any]:
    rule, decision = case.rule, case.decision
    return {
        "outcome": shortened(decision.outcome),
        "passed": decision.passed,
        "output": shortened(rule.output),
        "unit": rule.unit,
        "response": decision.response,
        "threshold": rule.threshold,
        "passing": rule.passing,
        "side": decision.side,
        "link": str(case.explanation.params.get("link", "identity")),
        "method": case.explanation.method,
        "per_unit": _is_slope(case),
    }


def _is_slope(case: Case) -> bool:
    """Tell whether attributions are changes per unit of a column, not parts of the response."""
    is_line = case.explanation.method == "LIME" and case.explainer.discretizer is None
    return is_line or case.explanation.method in _SLOPES


def _reference(case: Case, name: str | None) -> dict[str, Any]:
    reference = case.explanation.reference
    n_rows = len(case.explainer.reference_) if reference is None else reference.n_rows
    mean = reference.mean_response[0] if reference is not None and reference.mean_response else None
    return {
        "name": name or _described(case),
        "n_rows": int(n_rows),
        "mean": plain(mean),
        "base_value": plain(case.explanation.base_values[0, 0]),
        "is_shown": n_rows >= _FEWEST_OTHERS,
    }


def _described(case: Case) -> str:
    reference = case.explanation.reference
    name = "population" if reference is None else reference.name
    if name == "at_threshold":
        return "those who just passed the threshold"
    return "the population that the model was explained against" if name == "population" else name


def _reason(case: Case, reason: Reason, for_officer: bool) -> dict[str, Any]:
    name = case.name(reason.player)
    code = case.codes.get(name)
    return {
        "rank": reason.rank,
        "column": shortened(name),
        "code": "" if code is None else shortened(code.code),
        "text": "" if code is None else shortened(code.text, 400),
        "value": shortened(case.value(reason.player)),
        "typical": shortened(case.typical(reason.player)),
        "attribution": reason.attribution,
        "share": reason.share,
        "std_error": reason.std_error,
        "low": reason.low,
        "high": reason.high,
        "is_certain": reason.is_certain,
        **({"is_forbidden": case.is_forbidden(reason.player)} if for_officer else {}),
    }


def _alternatives(found: dict[str, Any] | None, for_officer: bool) -> dict[str, Any] | None:
    if found is None:
        return None
    shown = [
        {
            **line,
            "outcome": shortened(line["outcome"]),
            "changes": [
                {key: shortened(text) for key, text in change.items()} for change in line["changes"]
            ],
        }
        for line in found["shown"]
    ]
    if not for_officer:
        return {"shown": shown, "status": found["status"]}
    return {**found, "shown": shown}


def _inputs(case: Case, most: int) -> dict[str, Any]:
    received = received_values(case.explainer.estimator_, case.row)
    kept = sorted(
        sorted(range(len(received)), key=lambda place: not received[place]["missing"])[:most]
    )
    listed = [
        {
            **received[place],
            "column": shortened(received[place]["column"]),
            "value": shortened(received[place]["value"]),
            "imputed": _shortened_or_none(received[place]["imputed"]),
        }
        for place in kept
    ]
    return {"listed": listed, "n_columns": len(received)}


def _shortened_or_none(text: str | None) -> str | None:
    return None if text is None else shortened(text)


def _strongest(case: Case) -> list[int]:
    sizes = np.abs(case.explanation.values[0, :, 0])
    return [int(player) for player in np.argsort(-sizes, kind="stable")]


def _told(case: Case, view: str, most: int) -> list[int]:
    """Return the players whose exact numbers are kept."""
    if view == "officer":
        return _strongest(case)[:most]
    return [reason.player for reason in case.reasons]


def _others(case: Case, most: int) -> dict[str, Any]:
    """Return the columns that are no principal reason, and the sum of those not listed."""
    principal = {reason.player for reason in case.reasons}
    players = [player for player in _strongest(case) if player not in principal]
    values, errors = case.explanation.values[0, :, 0], case.explanation.std_errors
    listed = [
        {
            "column": shortened(case.name(player)),
            "value": shortened(case.value(player)),
            "attribution": float(values[player]),
            "std_error": None if errors is None else plain(errors[0, player, 0]),
            "is_forbidden": case.is_forbidden(player),
        }
        for player in players[:most]
    ]
    rest = players[most:]
    return {"listed": listed, "n_rest": len(rest), "rest": float(values[rest].sum())}


def _findings(case: Case, alternatives: dict[str, Any] | None) -> list[str]:
    """Return what an officer has to know, and an applicant must not be told."""
    found = [
        f"The column {shortened(case.name(reason.player))!r} may not be a reason, but it is reason "
        f"{reason.rank} of this decision ({reason.share:.0%} of all attributions). No statement "
        "for the applicant is produced."
        for reason in case.forbidden_reasons
    ]
    found += _near_findings(case)
    uncoded = [
        shortened(case.name(reason.player))
        for reason in case.reasons
        if case.codes and case.name(reason.player) not in case.codes
    ]
    if uncoded:
        found.append(f"The table of reason codes lacks these reasons: {', '.join(uncoded)}.")
    if alternatives is not None:
        found += _alternative_findings(alternatives)
    return found


def _near_findings(case: Case) -> list[str]:
    """Return a finding where a forbidden column only just misses the principal reasons."""
    if not case.reasons or not case.reasons[-1].tied_with_next or case.is_blocked:
        return []
    side, values = case.decision.side, case.explanation.values[0, :, 0]
    sizes = np.abs(values) if side == 0 else side * values
    principal = {reason.player for reason in case.reasons}
    following = max((p for p in range(len(sizes)) if p not in principal), key=lambda p: sizes[p])
    if not case.is_forbidden(following):
        return []
    return [
        f"The column {shortened(case.name(following))!r} may not be a reason. It is not among the "
        "principal ones, but cannot be told from the last of them."
    ]


def _alternative_findings(alternatives: dict[str, Any]) -> list[str]:
    told = []
    if alternatives["n_refuted"]:
        told.append(
            f"{alternatives['n_refuted']} of {alternatives['n_found']} counterfactuals did not "
            "hold when the model was asked again, and are not shown."
        )
    if alternatives["n_forbidden"]:
        told.append(
            f"{alternatives['n_forbidden']} of {alternatives['n_found']} counterfactuals would "
            "change a forbidden column, and are not shown: make these columns immutable."
        )
    return told
