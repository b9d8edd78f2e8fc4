"""Reports as a browser shows them: on a desk, on a phone, and to those who cannot see."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pages import Page

from surrogates import Counterfactuals
from surrogates.report import decision_report

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

WIDTHS = (360, 1280)
PROBE = (Path(__file__).parent / "probe.html").read_text(encoding="utf-8")


def browse(path, *options):
    """Open a file without a window."""
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={path.parent / 'profile'}", "--virtual-time-budget=20000",
         *options, path.as_uri()],
        capture_output=True, timeout=120, check=True,
    ).stdout.decode("utf-8")  # fmt: skip


@pytest.fixture(scope="module")
def pages(loans, model, explainer, denied):
    X, y = loans
    search = Counterfactuals(model, n_counterfactuals=3, random_state=0).fit(X)
    common = {"counterfactuals": search, "X_train": X, "y_train": y, "passing": "below",
              "outcomes": ("approved", "denied"), "title": "<b>A loan</b> & more"}  # fmt: skip
    row = denied.iloc[0]
    first = decision_report(explainer, row).reasons["column"][0]
    made = {
        "officer": decision_report(explainer, row, reason_codes={"age": ("7", "Age")}, **common),
        "applicant": decision_report(explainer, row, view="applicant", **common),
        "warned": decision_report(explainer, row, limits={"error": 1e-9}, **common),
        "blocked": decision_report(explainer, row, forbidden=[first], **common),
        "withheld": decision_report(explainer, row, forbidden=[first], view="applicant"),
    }
    return {name: report.html for name, report in made.items()}


@pytest.fixture(scope="module")
def seen(pages, tmp_path_factory):
    """What a browser makes of each page at each width."""
    path = tmp_path_factory.mktemp("browser") / "probe.html"
    sources = json.dumps(pages).replace("<", "\\u003c")
    path.write_text(PROBE.replace("PAGES", sources).replace("WIDTHS", str(list(WIDTHS))), "utf-8")
    dom = browse(path, "--dump-dom")
    answer = re.search(r'<pre id="out">(.*?)</pre>', dom, re.DOTALL)[1]
    found = json.loads(html.unescape(answer))
    assert len(found) == len(pages) * len(WIDTHS)
    return found


def test_pages_render_at_every_width(seen):
    for page in seen:
        assert page["height"] > 100, page["name"]
        assert page["overflow"] <= 0, (page["name"], page["width"])
        assert page["wide"] == [], (page["name"], page["width"])
        assert page["letters"] >= 12
        assert page["scripts"] == 0


def test_pages_are_accessible(seen):
    for page in seen:
        assert page["contrast"] >= 4.5, page["name"]
        assert page["language"] == "en"
        assert page["title"]
        assert page["landmarks"] == 1
        assert page["headings"][0] == 1
        assert set(page["headings"][1:]) == {2}
        assert page["unnamed"] == page["bad_tables"] == page["flat"] == 0
        if page["name"] != "withheld":
            assert page["images"] >= 1
            assert page["tables"] >= 1


def test_names_are_shown_as_they_are(seen):
    for page in seen:
        if page["name"] in ("officer", "applicant", "warned"):
            assert "</script><img onerror=1>" in page["text"]
            assert r"$\frac{$" in page["text"]
            assert "<b>A loan</b> & more" in page["text"]


def test_the_page_as_a_file(pages, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(pages["officer"].encode())
    dom = Page(browse(path, "--dump-dom"))
    assert not {"script", "img"} & set(dom.tags)
    assert "</script><img onerror=1>" in dom.text
    picture = tmp_path / "picture.png"
    browse(path, f"--screenshot={picture}", "--window-size=800,600")
    assert picture.stat().st_size > 10_000  # an empty page is smaller
