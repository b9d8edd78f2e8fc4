"""The sections of a page that both applicants and officers read."""

from collections.abc import Mapping
from typing import Any

from surrogates.report.bars import bar
from surrogates.report.markup import Html, element, joined, table
from surrogates.report.wording import (
    effect,
    number,
    numbers,
    quantity,
    scale,
    threshold_words,
)

__all__ = [
    "alternatives_section",
    "boxed",
    "confidence_section",
    "decision_section",
    "inputs_section",
    "meaning_section",
    "reasons_section",
    "section",
    "terms",
    "withheld_section",
]

Contents = Mapping[str, Any]


def section(title: str, *children: Any) -> Html:
    """Return a section under its heading."""
    return element("section", element("h2", title), *children)


def terms(pairs: list[tuple[str, Any]]) -> Html:
    """Return a list of terms and what they are; those that are None are left out."""
    told = [(name, value) for name, value in pairs if value is not None]
    return element(
        "dl", *(joined(element("dt", name), element("dd", value)) for name, value in told)
    )


def boxed(kind: str, title: str, sentences: list[str]) -> Html | None:
    """Return a coloured box, or nothing where there is nothing to say."""
    if not sentences:
        return None
    lines = element("ul", *(element("li", sentence) for sentence in sentences))
    return element("div", element("p", element("strong", title)), lines, class_=f"box {kind}")


def withheld_section(contents: Contents) -> Html:
    """Return what is said where nothing may be said."""
    return section(
        "No statement was produced",
        element(
            "p",
            "No statement about this decision was produced. A person has to look at it first.",
            class_="box warning",
        ),
        terms([("Date", contents["date"])]),
    )


def decision_section(contents: Contents) -> Html:
    """Return the decision, the response and the threshold."""
    decision = contents["decision"]
    words = quantity(decision)
    return section(
        "The decision",
        element("p", decision["outcome"], class_="outcome"),
        terms(
            [
                (words[:1].upper() + words[1:], number(decision["response"])),
                ("Threshold", threshold_words(decision)),
                ("Case", contents["subject"]),
                ("Date", contents["date"]),
                ("Status of this report", contents["status"]),
            ]
        ),
    )


def reasons_section(contents: Contents) -> Html:
    """Return the principal reasons, and against whom they are."""
    reasons, decision = contents["reasons"], contents["decision"]
    edges = [reason[end] for reason in reasons for end in ("low", "high", "attribution")]
    known = [0.0, *(edge for edge in edges if edge is not None)]
    ends = min(known), max(known)
    lines = [_reason(contents, reason, ends) for reason in reasons]
    title = "The main reasons" if decision["side"] else "What the number comes from"
    return section(
        title,
        boxed("warning", "Do not rely on these reasons:", list(contents["warnings"])),
        element("p", _compared(contents)),
        element("ol", *lines, class_="reasons") if lines else None,
        *(element("p", note, class_="quiet") for note in contents["notes"]),
    )


def _compared(contents: Contents) -> str:
    reference = contents["reference"]
    mean = reference["mean"]
    average = (
        ""
        if mean is None
        else f" The mean {quantity(contents['decision'])} there is {number(mean)}."
    )
    rows = f"{reference['n_rows']} row{'s' * (reference['n_rows'] != 1)}"
    return f"Compared with {reference['name']} ({rows}).{average}"


def _reason(contents: Contents, reason: Mapping[str, Any], ends: tuple[float, float]) -> Html:
    level, largest = contents["confidence"]["level"], max(-ends[0], ends[1])
    told = effect(contents["decision"], reason, largest, level)
    name = reason["text"] or reason["column"]
    code = [element("span", reason["code"], class_="code"), " "] if reason["code"] else []
    mark = element("span", " (may not be a reason)", class_="mark")
    typical = "" if reason["typical"] is None else f" Typical there: {reason['typical']}."
    what = f"{reason['column']}: received {reason['value']}.{typical}"
    return element(
        "li",
        element(
            "p",
            f"{reason['rank']}. ",
            *code,
            name,
            mark if reason.get("is_forbidden") else None,
            class_="reason",
        ),
        element("p", what),
        bar(reason["attribution"], reason["low"], reason["high"], ends, f"{name}: {told}"),
        element("p", f"It {told}.", class_="quiet"),
    )


def alternatives_section(contents: Contents) -> Html | None:
    """Return what would have led to another decision."""
    found = contents["alternatives"]
    if found is None:
        return None
    lines = [_alternative(contents, line) for line in found["shown"]]
    none = element("p", "No change was found that leads to another decision under the rules given.")
    said = (
        "Each of these was asked of the model again, with all other values as they are. They say "
        "what this model would have decided, and promise nothing."
    )
    return section("What would have led to another decision", element("p", said) if lines else none,
                   *lines)  # fmt: skip


def _alternative(contents: Contents, line: Mapping[str, Any]) -> Html:
    response = f"{quantity(contents['decision'])} {number(line['response'])}"
    return table(
        f"Alternative {line['rank']}: {line['outcome']} ({response})",
        ["Column", "Received", "Instead"],
        [[change["column"], change["before"], change["after"]] for change in line["changes"]],
    )


def confidence_section(contents: Contents) -> Html:
    """Return how sure the numbers are."""
    known, limits = contents["confidence"], contents["confidence"]["limits"]
    error, fidelity, converged = known["error"], known["fidelity"], known["converged"]
    return section(
        "How sure these numbers are",
        terms(
            [
                (
                    "Errors, relative to the numbers",
                    "not known for this method"
                    if error is None
                    else f"{100 * error:.1f} % (limit {100 * limits['error']:.0f} %)",
                ),
                (
                    "Fidelity of the simple model",
                    None
                    if fidelity is None
                    else f"{number(fidelity)} (limit {number(limits['fidelity'])})",
                ),
                (
                    "Reached the accuracy asked for",
                    None if converged is None else ("yes" if converged else "no"),
                ),
                ("Left unexplained, relative to the numbers", f"{100 * known['gap']:.1f} %"),
                ("Method", contents["decision"]["method"]),
            ]
        ),
        element(
            "p",
            f"Intervals hold {100 * known['level']:.0f} % of the errors made by asking the model a "
            "limited number of questions about a limited number of rows. They say nothing about "
            "errors of the model itself.",
            class_="quiet",
        ),
    )


def inputs_section(contents: Contents) -> Html:
    """Return the inputs as received."""
    inputs = contents["inputs"]
    rest = inputs["n_columns"] - len(inputs["listed"])
    lines = [[entry["column"], _received(entry)] for entry in inputs["listed"]]
    more = f"{rest} more column{'s' * (rest != 1)} were received; the hash of the row covers them."
    return section(
        "The inputs as received",
        table("What the model was given about this case", ["Column", "Value"], lines),
        element("p", more, class_="quiet") if rest else None,
    )


def _received(entry: Mapping[str, Any]) -> Any:
    if not entry["missing"]:
        return entry["value"]
    mark = element("span", "missing", class_="mark")
    if entry["imputed"] is None:
        return joined(mark, " (what the model makes of it is inside of the model)")
    return joined(mark, f", imputed as {entry['imputed']}")


def meaning_section(contents: Contents) -> Html:
    """Return what the numbers do not mean."""
    decision = contents["decision"]
    base = contents["reference"]["base_value"]
    added = f"Effects are on the scale of {scale(decision)}."
    if base is not None and decision["link"] == "identity" and decision["method"] == "KernelSHAP":
        start, end = numbers([base, decision["response"]])
        added = (
            f"The effects of all columns lead from {start}, the mean of the group that the case is "
            f"compared with, to {end}."
        )
    return section(
        "What these numbers do not mean",
        element(
            "ul",
            element("li", added),
            element("li", "They tell how this model used the values, not what causes what in the "
                    "world. Changing a value need not change what it stands for."),
            element("li", "They depend on whom the case is compared with. Another group gives "
                    "other numbers, and may give other reasons."),
            element("li", "That a column is not among the reasons does not show that the model "
                    "ignores it, nor that the decision is fair: other columns may say the same."),
        ),
    )  # fmt: skip
