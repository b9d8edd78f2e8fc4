"""A fresh report is accepted, a changed one is not, and the numbers are computed again."""

import json
import re
from hashlib import sha256
from html import escape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import body
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from surrogates import Counterfactuals, KernelSHAP
from surrogates.report import decision_report, verify_report
from surrogates.report.page import read_contents, render

COLUMN = "</script><img onerror=1>"


@pytest.fixture(scope="module")
def report(explainer, denied):
    return decision_report(
        explainer, denied.iloc[0], reason_codes={COLUMN: ("R1", "A reason in words")},
        X_train=denied, y_train=np.full(len(denied), "bad"),
    )  # fmt: skip


def reseal(html):
    """Write the hash anew, as a forger would."""
    old = re.search(r"sha256:([0-9a-f]{64})", html)[1]
    empty = html.replace(old, "0" * 64)
    return empty.replace("0" * 64, sha256(empty.encode()).hexdigest())


def verify_text(html, path):
    path.write_bytes(html.encode("utf-8", "surrogatepass"))
    return verify_report(path)


def test_every_fresh_report_is_accepted(explainer, loans, denied, tmp_path):
    X, _ = loans
    for place in range(4):
        for view in ("officer", "applicant"):
            for forbidden in ((), ("age", COLUMN)):
                made = decision_report(
                    explainer, denied.iloc[place], view=view, forbidden=forbidden
                )
                path = made.save(tmp_path / f"{place}")
                assert verify_report(path), str(verify_report(path))
                assert verify_report(path, digest=made.digest)
                assert verify_report(str(path), explainer=explainer, X=X)


def test_changed_characters_are_found(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("changed") / "report.html"
    html = report.html

    @settings(max_examples=150)
    @given(
        place=st.integers(0, len(html) - 1),
        letter=st.characters(exclude_categories=["Cs"]),
        kind=st.sampled_from(["replace", "insert", "delete"]),
    )
    def check(place, letter, kind):
        after = html[place + (kind != "insert") :]
        changed = html[:place] + ("" if kind == "delete" else letter) + after
        assert bool(verify_text(changed, path)) == (changed == html)

    check()


def test_visible_numbers_and_reasons_cannot_be_changed(report, tmp_path):
    """Even by somebody who writes the hash anew."""
    visible, record = report.html.split("<details>")
    words = {str(word) for word in re.findall(r">([^<>]{3,})<", visible.split("<body>")[1])}
    assert len(words) > 40
    for word in sorted(words):
        changed = visible.replace(f">{word}<", f">{word[:-1]}{'7' if word[-1] != '7' else '8'}<")
        for html in (changed, reseal(changed + "<details>" + record)):
            page = html if "<details>" in html else html + "<details>" + record
            assert not verify_text(page, tmp_path / "report.html"), word


def test_whole_forgeries_are_found_by_the_digest_or_by_computing_again(
    report, explainer, loans, tmp_path
):
    X, _ = loans
    contents = json.loads(json.dumps(read_contents(report.html)))
    contents["audit"]["numbers"]["values"][0] *= 1.01
    contents["reasons"][0]["attribution"] *= 1.01
    forged = render(contents)
    path = tmp_path / "report.html"
    assert verify_text(forged, path)  # consistent in itself
    assert not verify_report(path, digest=report.digest)
    refused = verify_report(path, explainer=explainer, X=X)
    assert not refused
    assert "numbers" in {check.name for check in refused.checks if check.passed is False}


def test_forged_decisions_and_alternatives_are_found_by_computing_again(
    explainer, loans, model, denied, tmp_path
):
    X, _ = loans
    search = Counterfactuals(model, n_counterfactuals=2, random_state=0).fit(X)
    report = decision_report(
        explainer, denied.iloc[0], counterfactuals=search, passing="below", outcomes=("yes", "no")
    )
    fresh = {c.name: c.passed for c in verify_report(report, explainer=explainer, X=X).checks}
    assert fresh["decision"] is fresh["alternative 1"] is fresh["alternative 2"] is True

    def forged(name, change):
        contents = json.loads(json.dumps(read_contents(report.html)))
        change(contents)
        path = tmp_path / "report.html"
        assert verify_text(render(contents), path)
        checks = verify_report(path, explainer=explainer, X=X).checks
        assert [check.name for check in checks if check.passed is False] == [name]

    forged("decision", lambda contents: contents["decision"].update(outcome="yes"))
    forged("decision", lambda contents: contents["decision"].update(response=0.1))
    first = "alternative 1"
    forged(first, lambda c: c["alternatives"]["shown"][0].update(response=0.01))
    forged(first, lambda c: c["alternatives"]["shown"][0].update(values={"age": 20}))


def test_other_models_and_data_are_found(report, loans, model, explainer):
    X, y = loans
    named = {check.name: check.passed for check in verify_report(report, model=model, X=X).checks}
    assert named == dict.fromkeys(
        ("checksum", "text", "model", "reference", "row", "numbers", "decision"), True
    )
    refitted = KernelSHAP(
        type(model)(model.steps).set_params(logisticregression__C=0.1).fit(X, y),
        target="bad", random_state=0,
    ).fit(X)  # fmt: skip
    checks = {c.name: c.passed for c in verify_report(report, explainer=refitted, X=X).checks}
    assert checks["model"] is False
    assert checks["numbers"] is False
    elsewhere = KernelSHAP(explainer.estimator, target="bad", random_state=1).fit(X)
    checks = {c.name: c.passed for c in verify_report(report, explainer=elsewhere, X=X).checks}
    assert checks["reference"] is False
    changed = X.assign(age=X["age"] + 1)
    checks = {
        c.name: c.passed for c in verify_report(report, explainer=explainer, X=changed).checks
    }
    assert checks["row"] is False


def test_rows_alone_are_looked_up(report, loans, denied):
    X, _ = loans
    assert verify_report(report, X=X)
    assert not verify_report(report, X=X.drop(index=denied.index[0]))


def test_arrays_are_computed_again(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :6]
    model = LogisticRegression(max_iter=5000).fit(X, y)
    explainer = KernelSHAP(model, random_state=3).fit(X)
    report = decision_report(explainer, X[7])
    path = report.save(tmp_path / "report.html")
    assert verify_report(path, explainer=explainer, X=X)
    assert verify_report(path, model=model, X=X)


def test_seeds_that_are_not_known_need_the_explainer(loans, model, denied):
    X, _ = loans
    explainer = KernelSHAP(model, target="bad").fit(X)
    report = decision_report(explainer, denied.iloc[0])
    checks = {c.name: c.passed for c in verify_report(report, model=model, X=X).checks}
    assert checks["numbers"] is None
    assert verify_report(report, explainer=explainer, X=X)


def test_other_files_are_refused_without_an_exception(report, tmp_path):
    path = tmp_path / "page.html"
    decided, undecided = escape('"decision": {'), escape('"decision": null, "x": {')
    for content in (
        b"", b"<html></html>", b"\xff\xfe\x00", report.html.encode()[:5000],
        report.html.replace('<pre id="audit">', '<pre id="audit">x').encode(),
        reseal(report.html.replace('<pre id="audit">', '<pre id="audit">x')).encode(),
        reseal(report.html.replace('id="audit"', 'id="other"')).encode(),
        reseal(report.html.replace(escape('"format"'), escape('"formal"'))).encode(),
        reseal(report.html.replace(decided, undecided)).encode(),
    ):  # fmt: skip
        path.write_bytes(content)
        assert not verify_report(path)


def test_reports_of_other_versions_are_checked_by_their_hash(report, tmp_path):
    contents = json.loads(json.dumps(read_contents(report.html)))
    contents["audit"]["versions"]["surrogates"] = "0.0.1"
    found = verify_text(render(contents), tmp_path / "report.html")
    assert found
    assert {check.name: check.passed for check in found.checks}["text"] is None


def test_bad_arguments(report, explainer, model, loans, tmp_path):
    X, _ = loans
    with pytest.raises(ValueError, match="not both"):
        verify_report(report, explainer=explainer, model=model, X=X)
    with pytest.raises(ValueError, match="pass a table"):
        verify_report(report, model=model)
    with pytest.raises(TypeError, match="must be a fitted explainer"):
        verify_report(report, explainer=model, X=X)
    with pytest.raises(FileNotFoundError):
        verify_report(tmp_path / "nothing.html")


def test_the_verdict_in_words(report):
    assert "verified" in str(verify_report(report))
    assert "A reason in words" in body(report)


def test_text_that_looks_like_a_checksum(explainer, denied, tmp_path):
    for title in ("0" * 64, "sha256:" + "0" * 64, '<meta name="surrogates-digest"'):
        made = decision_report(explainer, denied.iloc[0], title=title, reference_name=title)
        assert verify_report(made.save(tmp_path / "report"))
