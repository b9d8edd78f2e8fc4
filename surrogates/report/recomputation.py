"""Whether a model and data still give the numbers and the decisions of a report."""

from collections.abc import Iterable
from typing import Any

import numpy as np

import surrogates
from surrogates.base import AttributionExplainer
from surrogates.blackbox.conform import conform
from surrogates.blackbox.table import column_names, is_frame, take_rows
from surrogates.explanation.cells import cell_objects
from surrogates.report.checks import Check
from surrogates.report.decision import DecisionRule
from surrogates.report.fingerprints import model_digest, row_digests, table_digest
from surrogates.report.markup import shortened
from surrogates.report.row_reading import read_row

__all__ = ["compute_again"]

_SAME = 1e-6


def compute_again(
    contents: dict[str, Any], explainer: Any, model: Any, X: Any, X_reference: Any
) -> list[Check]:
    """Compare a report with what a model says now.

    Parameters
    ----------
    contents : dict
        Of the report.
    explainer : AttributionExplainer or None
        Fitted.
    model : object or None
        Instead of it; the explainer is then built as the report says, on `X_reference`.
    X : {array-like, DataFrame} of shape (n_rows, n_columns)
        Has the row of the report.
    X_reference : {array-like, DataFrame} or None
        None is `X`.

    Returns
    -------
    checks : list of Check
    """
    audit = contents["audit"]
    fitted = explainer
    if model is not None:
        hashed = _same("model", model_digest(model), audit["model"]["sha256"])
        fitted, why = _build(contents, model, X if X_reference is None else X_reference)
        if fitted is None:
            return [hashed, Check("numbers", None, why)]
    if fitted is None:
        return [Check("row", *_find_by_digest(X, audit))]
    checks = [_same("model", model_digest(fitted.estimator_), audit["model"]["sha256"])]
    if "reference" in audit:
        rows = fitted.reference_
        own = table_digest(rows.rows, rows.weights)
        checks.append(_same("reference", own, audit["reference"]["sha256"]))
    table = conform(X if is_frame(X) else np.asarray(X), fitted.reference_.rows)
    found, detail = _find_by_digest(table, audit)
    checks.append(Check("row", found, detail))
    if found and "numbers" in audit:
        place = row_digests(table).index(audit["row"]["sha256"])
        row = take_rows(table, [place])
        checks.append(_check_numbers(audit["numbers"], fitted, row))
        checks += _check_decisions(contents, fitted, row)
    return checks


def _same(name: str, found: str, noted: str) -> Check:
    same = found == noted
    return Check(name, same, "the one of the report" if same else "another than the report's")


def _find_by_digest(table: Any, audit: dict[str, Any]) -> tuple[bool, str]:
    digests: Iterable[str] = row_digests(table if is_frame(table) else np.asarray(table))
    for place, digest in enumerate(digests):
        if digest == audit["row"]["sha256"]:
            return True, f"found at position {place} of the table"
    return False, "the table has no row with these values"


def _build(contents: dict[str, Any], model: Any, X: Any) -> tuple[Any, str]:
    """Build and fit the explainer that a report names, or say why that cannot be."""
    if "explainer" not in contents["audit"]:
        return None, "the report was withheld and has none"
    record = contents["audit"]["explainer"]
    name = str(record["class"])
    maker = getattr(surrogates, name, None) if name in surrogates.__all__ else None
    if not (isinstance(maker, type) and issubclass(maker, AttributionExplainer)):
        return None, f"{name} is no explainer of this package"
    if not record["can_be_rebuilt"]:
        return None, "parameters are not known exactly: pass the fitted explainer"
    return maker(model, **record["params"]).fit(X), ""


def _check_numbers(noted: dict[str, Any], explainer: Any, row: Any) -> Check:
    explanation = explainer.explain(row)
    if noted["output"] not in explanation.output_names:
        return Check("numbers", False, f"the model has no output {noted['output']!r}")
    own = explanation.output(noted["output"])
    found = np.append(own.values[0, noted["players"], 0], own.predictions[0, 0])
    said = np.append(np.asarray(noted["values"], dtype=float), float(noted["prediction"]))
    scale = max(float(np.abs(said).max()), np.finfo(float).tiny)
    gap = float(np.abs(found - said).max()) / scale
    return Check("numbers", bool(gap <= _SAME), f"computed again, they differ by {gap:.1e} of the "
                 "largest")  # fmt: skip


def _check_decisions(contents: dict[str, Any], explainer: Any, row: Any) -> list[Check]:
    """Decide about the row, and about its alternatives, once more."""
    record = dict(contents["audit"]["rule"])
    words = record.pop("outcomes")
    rule = DecisionRule(
        explainer.estimator_,
        explainer.model_,
        outcomes=None if words is None else (str(words[0]), str(words[1])),
        **record,
    )
    checks = [_decided("decision", contents["decision"], rule, row)]
    for line in (contents["alternatives"] or {"shown": []})["shown"]:
        name = f"alternative {line['rank']}"
        if line["values"] is None:
            checks.append(Check(name, None, "its values cannot be kept exactly"))
            continue
        cells = {
            column: cell_objects(row, place)[0] for place, column in enumerate(column_names(row))
        }
        table, _ = read_row({**cells, **line["values"]}, None, row)
        checks.append(_decided(name, line, rule, conform(table, row)))
    return checks


def _decided(name: str, said: dict[str, Any], rule: DecisionRule, row: Any) -> Check:
    (found,) = rule.decide(row)
    close = abs(found.response - said["response"]) <= _SAME * max(1.0, abs(said["response"]))
    same = shortened(found.outcome) == said["outcome"] and close
    return Check(name, same, f"{found.outcome}, as it says" if same else f"{found.outcome}, and "
                 "the report says otherwise")  # fmt: skip
