"""The sections of a page that are not for applicants."""

from collections.abc import Mapping
from typing import Any

from surrogates.report.markup import Html, element, table
from surrogates.report.sections import boxed, section
from surrogates.report.wording import numbers, scale

__all__ = ["cases_section", "findings_section", "others_section"]

Contents = Mapping[str, Any]


def findings_section(contents: Contents) -> Html | None:
    """Return what has to be looked at before anything is sent."""
    findings = list(contents.get("findings", ()))
    if not findings:
        return None
    kind = "warning" if contents["status"] == "blocked" else "finding"
    title = "This report is blocked." if contents["status"] == "blocked" else "To be looked at:"
    return section("Findings", boxed(kind, title, findings))


def cases_section(contents: Contents) -> Html | None:
    """Return the similar past cases, side by side with the case."""
    found = contents.get("cases")
    if not found:
        return None
    own = {entry["column"]: entry["value"] for entry in contents["inputs"]["listed"]}
    measures = numbers([case["measure"] for case in found["cases"]], signed=False)
    first = "Distance" if found["kind"] == "distance" else "Influence"
    lines: list[list[Any]] = [
        [
            "Outcome",
            contents["decision"]["outcome"],
            *(case["outcome"] or "unknown" for case in found["cases"]),
        ],
        [first, "", *measures],
        *(
            [name, own.get(name, ""), *(case["cells"][place] for case in found["cases"])]
            for place, name in enumerate(found["columns"])
        ),
    ]
    return section(
        "Similar past cases",
        table(
            _caption(found),
            ["Column", "This case", *(case["label"] for case in found["cases"])],
            lines,
        ),
        element(
            "p",
            "Past cases are a context, not a precedent: the model need not have learnt from them "
            "alone.",
            class_="quiet",
        ),
    )


def _caption(found: Mapping[str, Any]) -> str:
    if found["kind"] == "distance":
        return "The nearest training rows, by Gower's distance (0 is equal, 1 is as far as can be)"
    sign = f"; {found['sign']}" if found["sign"] else ""
    unit = f" on the {found['unit']}" if found["unit"] else ""
    return f"The training rows with the largest influence{unit}{sign}"


def others_section(contents: Contents) -> Html | None:
    """Return the columns that are no principal reason."""
    others = contents.get("others")
    if not others or not (others["listed"] or others["n_rest"]):
        return None
    sizes = [entry["attribution"] for entry in others["listed"]]
    texts = numbers([*sizes, others["rest"]], signed=True)
    lines: list[list[Any]] = [
        [_name(entry), entry["value"], text]
        for entry, text in zip(others["listed"], texts, strict=False)
    ]
    if others["n_rest"]:
        lines.append([f"{others['n_rest']} more columns", "", texts[-1]])
    return section(
        "The other columns",
        table(
            f"Effects on {scale(contents['decision'])}, the largest first",
            ["Column", "Received", "Effect"],
            lines,
        ),
    )


def _name(entry: Mapping[str, Any]) -> str:
    return f"{entry['column']} (may not be a reason)" if entry["is_forbidden"] else entry["column"]
