"""Whatever names and values are: the page is well-formed, small, sealed, and shows them as text."""

import tempfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates import Occlusion
from surrogates.report import decision_report, verify_report
from surrogates.report.markup import shortened

TAGS = {
    "body", "caption", "code", "dd", "details", "div", "dl", "dt", "footer", "h1", "h2", "head",
    "html", "li", "line", "main", "meta", "ol", "p", "pre", "rect", "section", "span", "strong",
    "style", "summary", "svg", "table", "tbody", "td", "th", "thead", "title", "tr", "ul",
}  # fmt: skip
ANYTHING = st.text(max_size=300) | st.sampled_from(
    [
        "</script><img onerror=1>",
        r"$\frac{$",
        "</pre></details><h1>",
        '" onload="x',
        "&lt;",
        "0" * 64,
    ]
)


class Nesting(HTMLParser):
    """Elements, and whether each is closed where it should be."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.words = [], set(), []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def first_length(table):
    return table.iloc[:, 0].str.len().to_numpy(float)


@settings(max_examples=40)
@given(
    names=st.lists(ANYTHING, min_size=2, max_size=4, unique=True),
    values=st.lists(ANYTHING, min_size=4, max_size=4),
    title=ANYTHING,
)
def test_any_text(names, values, title):
    table = pd.DataFrame({name: pd.Series(values, dtype=object) for name in names})
    table.iloc[0, 0] = values[0] + "longer than others"
    explainer = Occlusion(first_length, n_background=None).fit(table)
    report = decision_report(
        explainer, 0, X=table, title=title, reference_name=title, X_train=table, y_train=values,
        reason_codes={names[0]: (title, title)}, threshold=0.0, passing="above",
        outcomes=(title, "no"),
    )  # fmt: skip
    assert len(report.html.encode()) < 300_000
    page = Nesting(report.html)
    assert page.open == []
    assert page.tags <= TAGS
    text = "".join(page.words)
    for name in names:
        assert shortened(name) in text
    with tempfile.TemporaryDirectory() as folder:
        path = report.save(Path(folder) / "report.html")
        found = verify_report(path, explainer=explainer, X=table)
        assert found, str(found)


def test_no_text_is_too_long():
    table = pd.DataFrame({"a" * 100_000: ["x" * 100_000, "y"], "b": [1.0, 2.0]})
    explainer = Occlusion(first_length, n_background=None).fit(table)
    report = decision_report(
        explainer, 0, X=table, title="t" * 100_000, reference_name="r" * 100_000, threshold=1.0,
        passing="above", outcomes=("o" * 100_000, "p"), X_train=table,
        y_train=np.array(["z" * 100_000, "z"]), forbidden=["b"],
        reason_codes={"a" * 100_000: ("c" * 100_000, "d" * 100_000)},
    )  # fmt: skip
    assert len(report.html.encode()) < 300_000
    assert verify_report(report, explainer=explainer, X=table)
