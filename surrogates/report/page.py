"""The page of a report: a pure function of its contents, with a hash over all of it."""

import json
from collections.abc import Mapping
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

from surrogates.exceptions import FileFormatError
from surrogates.report.markup import Html, element, joined, preformatted
from surrogates.report.sections import (
    alternatives_section,
    confidence_section,
    decision_section,
    inputs_section,
    meaning_section,
    reasons_section,
    withheld_section,
)
from surrogates.report.sections_for_officers import (
    cases_section,
    findings_section,
    others_section,
)
from surrogates.report.style import STYLE

__all__ = ["is_sealed", "page_digest", "read_contents", "render"]

_EMPTY = "0" * 64
_META = '<meta name="surrogates-digest" content="sha256:'
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_AUDIT = "audit"


def render(contents: Mapping[str, Any]) -> str:
    """Return the page that says what the contents say, sealed by its hash.

    Parameters
    ----------
    contents : mapping
        Values that JSON knows.
    """
    if "decision" in contents:
        sections = [
            decision_section(contents),
            findings_section(contents),
            reasons_section(contents),
            alternatives_section(contents),
            confidence_section(contents),
            cases_section(contents),
            others_section(contents),
            inputs_section(contents),
            meaning_section(contents),
            _audit_section(contents),
        ]
    else:
        sections = [withheld_section(contents), _audit_section(contents)]
    page = _document(str(contents["title"]), str(contents["view"]), joined(*sections))
    return _with_digest(page, _EMPTY, sha256(page.encode("utf-8")).hexdigest())


def _with_digest(page: str, old: str, new: str) -> str:
    """Exchange the hash in both of its places, which no escaped text can look like."""
    for before, after in ((_META, '">'), ("<code>", "</code>")):
        page = page.replace(f"{before}{old}{after}", f"{before}{new}{after}")
    return page


def _document(title: str, view: str, body: Html) -> str:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html(f'{_META}{_EMPTY}">'),
        element("title", title),
        element("style", STYLE),
    )
    main = element("main", element("h1", title), body, class_=view)
    foot = element("footer", element("p", "Checksum ", element("code", _EMPTY)))
    return f'<!DOCTYPE html>\n<html lang="en">\n{head}\n{element("body", main, foot)}\n</html>\n'


def _audit_section(contents: Mapping[str, Any]) -> Html:
    text = json.dumps(dict(contents), indent=1, sort_keys=True, allow_nan=False)
    return element(
        "section",
        element("h2", "For the record"),
        element(
            "p",
            "What this page says, with versions, parameters, seeds and hashes. The command ",
            element("code", "surrogates verify"),
            " checks that the page is unchanged, and computes it again from model and data.",
        ),
        element(
            "details",
            element("summary", "Audit block"),
            preformatted(text, id=_AUDIT),
        ),
        aria_label="For the record",
    )


def page_digest(html: str) -> str:
    """Return the hash that a page says it has.

    Raises
    ------
    FileFormatError
        It says none.
    """
    start = html.find(_META)
    digest = html[start + len(_META) :][:64]
    if start < 0 or len(digest) < 64 or set(digest) - set("0123456789abcdef"):
        raise FileFormatError("The file is no report of surrogates: it has no checksum.")
    return digest


def is_sealed(html: str) -> bool:
    """Tell whether a page has the hash that it says it has."""
    digest = page_digest(html)
    page = _with_digest(html, digest, _EMPTY)
    return digest == sha256(page.encode("utf-8", "surrogatepass")).hexdigest()


class _AuditReader(HTMLParser):
    """Collect the text of the audit block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.count = 0
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre" and ("id", _AUDIT) in attrs:
            self._inside, self.count = True, self.count + 1

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts.append(data)


def read_contents(html: str) -> dict[str, Any]:
    """Return the contents kept in the audit block of a page.

    Raises
    ------
    FileFormatError
        There is none, or it cannot be read.
    """
    reader = _AuditReader()
    reader.feed(html)
    reader.close()
    try:
        contents = json.loads("".join(reader.texts))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"The audit block of the report cannot be read: {error}") from error
    if reader.count != 1 or not isinstance(contents, dict):
        raise FileFormatError("The report does not have one audit block.")
    return contents
