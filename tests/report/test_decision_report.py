"""What a report says, to whom, and what it refuses."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from pages import Page, body
from polars_frames import to_polars
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import FixedThresholdClassifier

from surrogates import LEMNA, LIME, Counterfactuals, InfluenceFunctions, KernelSHAP, Occlusion
from surrogates.report import Report, decision_report, verify_report


def test_reasons_are_the_strongest_towards_the_decision(explainer, denied):
    report = decision_report(explainer, denied.iloc[0])
    explanation = explainer.explain(denied.iloc[:1])
    expected = explanation.top(4, sign="positive")
    assert report.decision["outcome"] == "bad"
    assert report.reasons["column"].tolist() == expected["feature"].tolist()
    np.testing.assert_array_equal(report.reasons["attribution"], expected["attribution"])
    low, high = explanation.confidence_interval(0.95)
    places = [explanation.feature_names.index(name) for name in report.reasons["column"]]
    np.testing.assert_allclose(report.reasons["low"], low[0, places, 0])
    np.testing.assert_allclose(report.reasons["high"], high[0, places, 0])


def test_reasons_for_the_other_output_turn_their_sign(loans, model, denied):
    X, _ = loans
    good = KernelSHAP(model, target="good", random_state=0).fit(X)
    bad = KernelSHAP(model, target="bad", random_state=0).fit(X)
    first, second = (decision_report(one, denied.iloc[0]) for one in (good, bad))
    assert first.reasons["column"].tolist() == second.reasons["column"].tolist()
    assert (first.reasons["attribution"] < 0).all()
    assert (second.reasons["attribution"] > 0).all()
    assert first.decision["outcome"] == second.decision["outcome"] == "bad"


def test_rows_in_every_form_give_the_same_reasons(explainer, loans, denied):
    X, _ = loans
    frame = denied.iloc[:1]
    place = X.index.get_loc(frame.index[0])
    forms = [frame, denied.iloc[0], denied.iloc[0].to_dict(), to_polars(frame)]
    reports = [decision_report(explainer, form) for form in forms]
    reports.append(decision_report(explainer, place, X=X))
    for report in reports:
        pd.testing.assert_frame_equal(report.reasons, reports[0].reasons)
        assert report.audit["row"]["sha256"] == reports[0].audit["row"]["sha256"]
    for report in (reports[0], reports[1], reports[-1]):
        assert report.contents["subject"] == frame.index[0]


def test_explainers_of_arrays_and_of_polars_frames():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    explainer = KernelSHAP(forest, random_state=0).fit(X)
    forms = [X[80], X[80:81], X[80].tolist(), pd.Series(X[80])]
    columns = [decision_report(explainer, form).reasons["column"].tolist() for form in forms]
    assert all(names == columns[0] for names in columns)
    assert set(columns[0]) <= {"x0", "x1", "x2", "x3"}
    frame = to_polars(pd.DataFrame(X, columns=list("abcd")))
    by_polars = KernelSHAP(
        lambda table: forest.predict_proba(table.to_numpy()), target=1, random_state=0
    ).fit(frame)
    report = decision_report(by_polars, 80, X=frame, threshold=0.5)
    assert set(report.reasons["column"]) <= set("abcd")


def test_several_classes_report_the_one_decided_on():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    forest = RandomForestClassifier(20, random_state=0).fit(X, names)
    explainer = KernelSHAP(forest, random_state=0).fit(X)
    report = decision_report(explainer, 80, X=X)
    assert report.decision["outcome"] == report.decision["output"] == "versicolor"
    assert report.decision["threshold"] is None
    assert (report.reasons["attribution"] > 0).all()
    other = decision_report(explainer, 80, X=X, output="setosa")
    assert other.decision["outcome"] == "versicolor"
    assert (other.reasons["attribution"] < 0).all()
    assert verify_report(other, explainer=explainer, X=X)


def test_regressors_have_reasons_for_the_number():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(X, y)
    explainer = KernelSHAP(model, n_background=None, random_state=0).fit(X)
    report = decision_report(explainer, 0, X=X)
    gaps = model.coef_ * (X.iloc[0] - X.mean())
    assert report.decision["threshold"] is None
    assert report.decision["response"] == pytest.approx(model.predict(X.iloc[:1])[0])
    assert report.reasons["column"].tolist() == gaps.abs().nlargest(4).index.tolist()
    assert "raises the prediction by" in body(report)
    assert "lowers the prediction by" in body(report)
    by_side = decision_report(
        explainer, 0, X=X, threshold=300.0, passing="above", outcomes=("yes", "no")
    )
    assert by_side.decision["outcome"] == "no"
    assert (by_side.reasons["attribution"] < 0).all()


def test_thresholds_decide_and_a_response_at_the_threshold_passes():
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    explainer = Occlusion(lambda table: table[:, 0] * 1.0, random_state=0).fit(X)
    words = {"outcomes": ("in", "out")}
    outcome = {
        (at, passing): decision_report(
            explainer, [2.0], threshold=at, passing=passing, **words
        ).decision["outcome"]
        for at in (1.5, 2.0, 2.5)
        for passing in ("above", "below")
    }
    assert outcome == {
        (1.5, "above"): "in",
        (1.5, "below"): "out",
        (2.0, "above"): "in",
        (2.0, "below"): "in",
        (2.5, "above"): "out",
        (2.5, "below"): "in",
    }


def test_classifiers_that_move_the_threshold_show_it(loans, model, denied):
    X, y = loans
    moved = FixedThresholdClassifier(model, threshold=0.9).fit(X, y)
    explainer = KernelSHAP(moved, random_state=0).fit(X)
    report = decision_report(explainer, denied.iloc[:1])
    assert report.decision["outcome"] == moved.predict(denied.iloc[:1])[0]
    assert report.decision["threshold"] == 0.9


def test_reason_codes_name_the_reasons(explainer, denied):
    columns = explainer.explain(denied.iloc[:1]).feature_names
    mapping = {name: (f"R{place}", f"Plain words {place}") for place, name in enumerate(columns)}
    frame = pd.DataFrame(
        [(name, code, text) for name, (code, text) in mapping.items()],
        columns=["column", "code", "text"],
    )
    for codes in (mapping, frame, {name: dict(zip(("code", "text"), pair, strict=True))
                                   for name, pair in mapping.items()}):  # fmt: skip
        report = decision_report(explainer, denied.iloc[0], reason_codes=codes)
        for reason in report.reasons.itertuples():
            assert (reason.code, reason.text) == mapping[reason.column]
            assert reason.text in body(report)
    partly = decision_report(explainer, denied.iloc[0], reason_codes={columns[0]: "Words"})
    assert any("reason codes lacks" in finding for finding in partly.findings)


def test_forbidden_reasons_block_the_applicants_text(explainer, denied):
    row = denied.iloc[0]
    plain = decision_report(explainer, row, view="applicant")
    forbidden = plain.reasons["column"][1]
    officer = decision_report(explainer, row, forbidden=[forbidden])
    applicant = decision_report(explainer, row, forbidden=[forbidden], view="applicant")
    assert officer.status == applicant.status == "blocked"
    assert any(repr(forbidden) in finding for finding in officer.findings)
    assert "blocked" in body(officer)
    assert applicant.reasons.empty
    assert applicant.findings == ()
    assert applicant.decision == {}
    assert "may not be a reason" not in applicant.html
    text = Page(applicant.html).text
    for name in explainer.feature_names_in_:
        if name != "age":  # a part of many words
            assert name not in text
    assert not any(str(value) in text for value in row.dropna() if len(str(value)) > 4)
    assert "numbers" not in applicant.audit
    assert verify_report(applicant)


def test_forbidden_columns_that_are_no_principal_reasons_do_not_block(explainer, denied):
    row = denied.iloc[0]
    full = explainer.explain(denied.iloc[:1])
    columns = decision_report(explainer, row, n_reasons=1).reasons["column"]
    harmless = full.features([n for n in full.feature_names if n not in set(columns)])
    names = list(harmless.feature_names)
    report = decision_report(explainer, row, n_reasons=1, forbidden=names)
    assert report.status == "ok"
    applicant = decision_report(explainer, row, n_reasons=1, forbidden=names, view="applicant")
    assert applicant.status == "ok"
    assert "may not be a reason" not in applicant.html
    assert "forbidden" not in json.dumps(dict(applicant.contents))
    assert applicant.contents["audit"]["numbers"]["features"] == list(columns)


def test_groups_with_a_forbidden_column_are_forbidden(loans, model, denied):
    X, _ = loans
    explainer = KernelSHAP(
        model, target="bad", groups={"person": ["age", "income"]}, random_state=0
    ).fit(X)
    rows = explainer.explain(denied).features("person").values[:, 0, 0]
    place = int(np.argmax(rows))
    report = decision_report(explainer, place, X=denied, forbidden=["age"])
    assert "person" in set(report.reasons["column"])
    assert report.status == "blocked"


def test_counterfactuals_are_asked_again(loans, model, explainer, denied):
    X, _ = loans
    search = Counterfactuals(model, n_counterfactuals=3, immutable=["age"], random_state=0).fit(X)
    row = denied.iloc[:1]
    report = decision_report(explainer, row, counterfactuals=search)
    shown = report.counterfactuals
    assert 1 <= shown["rank"].nunique() <= 3
    assert set(shown["outcome"]) == {"good"}
    assert (shown["response"] < 0.5).all()
    assert "age" not in set(shown["column"])
    found = search.explain(row)
    pd.testing.assert_frame_equal(
        decision_report(explainer, row, counterfactuals=found).counterfactuals, shown
    )
    lying = type(found)(**{**found._state(), "frame": found.data.iloc[[0] * len(found.row)]})
    refuted = decision_report(explainer, row, counterfactuals=lying)
    assert refuted.counterfactuals.empty
    strict = decision_report(explainer, row, counterfactuals=found, threshold=1e-9)
    assert strict.counterfactuals.empty  # they flip the prediction, but not this decision
    assert any("did not hold" in finding for finding in strict.findings)


def test_counterfactuals_never_change_a_forbidden_column(loans, model, explainer, denied):
    X, _ = loans
    weights = {name: 100.0 for name in X.columns if name != "age"}
    search = Counterfactuals(model, weights=weights, random_state=0).fit(X)
    rows = denied.iloc[:40]
    found = search.explain(rows)
    changed = found.changes
    place = int(changed.loc[changed["feature"] == "age", "row"].iloc[0])
    report = decision_report(
        explainer, place, X=rows, counterfactuals=search, forbidden=["age"], n_reasons=1
    )
    assert "age" not in set(report.counterfactuals["column"])
    assert any("forbidden column" in finding for finding in report.findings)


def test_past_cases_are_for_officers_only(loans, explainer, denied):
    X, y = loans
    train = X.copy()
    train["purpose"] = [f"secret {place}" for place in range(len(X))]
    arguments = {"X_train": train, "y_train": y}
    officer = decision_report(explainer, denied.iloc[0], n_cases=2, **arguments)
    assert len(officer.cases) == 2
    assert set(officer.cases["outcome"]) <= {"good", "bad"}
    assert officer.cases["distance"].is_monotonic_increasing
    applicant = decision_report(explainer, denied.iloc[0], view="applicant", **arguments)
    assert applicant.cases.empty
    assert "secret" not in applicant.html
    assert set(re.findall(r"case \d+", applicant.html)) == {denied.index[0]}


def test_past_cases_by_influence(loans, model, explainer, denied):
    X, y = loans
    influence = InfluenceFunctions(model).fit(X, y)
    row = denied.iloc[:1]
    report = decision_report(explainer, row, influence=influence, n_cases=4)
    expected = influence.explain(row, np.array(["bad"])).top(4)
    assert report.cases["label"].tolist() == expected["train"].tolist()
    np.testing.assert_allclose(report.cases["influence"], expected["influence"])
    same = decision_report(explainer, row, influence=influence.explain(row, ["bad"]), n_cases=4)
    pd.testing.assert_frame_equal(same.cases, report.cases)


def test_small_reference_groups_are_not_told_about(loans, model, denied):
    X, _ = loans
    few = KernelSHAP(model, target="bad", n_background=3, random_state=0).fit(X)
    applicant = decision_report(few, denied.iloc[0], view="applicant", limits={"error": 9.0})
    assert applicant.reasons["typical"].isna().all()
    base = few.explain(denied.iloc[:1]).base_values[0, 0]
    assert repr(float(base)) not in applicant.html
    assert "Typical there" not in body(applicant)


def test_missing_and_imputed_values_are_marked(explainer, loans, denied):
    X, _ = loans
    rows = denied[denied["income"].isna() & denied["purpose"].isna()]
    report = decision_report(explainer, rows.iloc[0])
    inputs = report.inputs.set_index("column")
    assert inputs.loc["income", "missing"]
    assert inputs.loc["income", "imputed"] == f"{X['income'].median():.0f}"
    assert inputs.loc["purpose", "imputed"] == X["purpose"].mode()[0]
    assert not inputs.loc["age", "missing"]
    assert f"imputed as {X['income'].median():.0f}" in body(report)


def test_low_fidelity_and_large_errors_warn(loans, model, denied):
    X, _ = loans
    lime = LIME(model, target="bad", random_state=0).fit(X)
    explanation = lime.explain(denied.iloc[:1])
    report = decision_report(lime, denied.iloc[:1], limits={"fidelity": 1.0})
    assert report.status == "warning"
    assert any("fidelity" in warning for warning in report.warnings)
    assert "Do not rely on these reasons" in body(report)
    assert report.contents["confidence"]["fidelity"] == pytest.approx(explanation.fidelity[0, 0])
    calm = decision_report(lime, denied.iloc[:1], limits={"fidelity": 0.0, "error": 9.0})
    assert not any("fidelity" in warning for warning in calm.warnings)
    rough = KernelSHAP(model, target="bad", n_background=2, random_state=0).fit(X)
    assert decision_report(rough, denied.iloc[:1], limits={"error": 1e-6}).status == "warning"


def test_rows_that_did_not_converge_warn():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 14))
    explainer = KernelSHAP(
        lambda table: np.prod(np.sin(3 * table[:, :6]), axis=1) + table[:, 6],
        n_coalitions=40, tol=1e-6, random_state=0,
    ).fit(X)  # fmt: skip
    report = decision_report(explainer, X[0])
    assert any("stopped before" in warning for warning in report.warnings)


@pytest.mark.parametrize("kind", [KernelSHAP, LIME, LEMNA, Occlusion])
def test_every_attribution_explainer_makes_a_report(kind):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = RandomForestRegressor(5, max_depth=4, random_state=0).fit(X, y)
    explainer = kind(model, random_state=0).fit(X)
    report = decision_report(explainer, 0, X=X)
    assert 1 <= len(report.reasons) <= 4
    assert report.decision["method"] == kind.__name__
    assert verify_report(report, explainer=explainer, X=X)
    assert verify_report(report, model=model, X=X)


def test_pages_are_small_even_for_wide_tables():
    rng = np.random.default_rng(0)
    names = [f"{'a very long name of a column <&> ' * 8}{place}" for place in range(1500)]
    X = pd.DataFrame(rng.normal(size=(30, 1500)), columns=names)
    model = LinearRegression().fit(X, X.iloc[:, 0])
    explainer = KernelSHAP(model, n_background=20, random_state=0).fit(X)
    report = decision_report(explainer, 0, X=X, X_train=X, y_train=X.iloc[:, 0])
    assert len(report.html.encode()) < 300_000
    assert verify_report(report, explainer=explainer, X=X)
    assert "more columns were received" in body(report)


def test_pages_are_deterministic_and_self_contained(explainer, denied):
    first, second = (decision_report(explainer, denied.iloc[0], date="2026-01-31") for _ in "ab")
    assert first.html == second.html
    page = Page(first.html)
    assert "script" not in page.tags
    assert page.tags.count("h1") == 1
    assert ("lang", "en") in page.attributes
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "http://" not in first.html
    assert "https://" not in first.html


def test_names_and_values_are_escaped(explainer, denied):
    for view in ("officer", "applicant"):
        report = decision_report(
            explainer, denied[denied["purpose"] == "<b>boat</b>"].iloc[0], view=view,
            title="<i>Title</i>", reference_name="<u>us</u>",
        )  # fmt: skip
        page = Page(report.html)
        assert not {"img", "b", "i", "u", "script"} & set(page.tags)
        assert "</script><img onerror=1>" in page.text
        assert r"$\frac{$" in page.text
        assert "<i>Title</i>" in page.text


def test_reports_are_kept_and_shown(explainer, denied, tmp_path):
    report = decision_report(explainer, denied.iloc[0])
    path = report.save(tmp_path / "report")
    assert path.name == "report.html"
    assert path.read_bytes() == report.html.encode()
    assert report._repr_html_().startswith("<iframe")
    again = pickle.loads(pickle.dumps(report))
    assert isinstance(again, Report)
    assert again.html == report.html
    assert "officer's view" in repr(report)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"view": "auditor"}, "'view' parameter of decision_report"),
        ({"n_reasons": 5}, "'n_reasons' parameter"),
        ({"passing": "over"}, "'passing' parameter"),
        ({"limits": {"tolerance": 1}}, "limits may have"),
        ({"forbidden": ["sex"]}, "forbidden has the columns"),
        ({"reason_codes": {"sex": "words"}}, "reason_codes has the columns"),
        ({"output": "other"}, "output must be one of"),
        ({"outcomes": ("yes", "no")}, "say by passing="),
        ({"outcomes": ("yes",), "passing": "below"}, "must be a pair"),
        ({"threshold": "high"}, "'threshold' parameter"),
        ({"n_cases": 0}, "'n_cases' parameter"),
        ({"y_train": [1]}, "y_train needs X_train"),
    ],
)
def test_bad_parameters(explainer, denied, arguments, message):
    with pytest.raises(ValueError, match=message):
        decision_report(explainer, denied.iloc[0], **arguments)


def test_explainers_bring_their_threshold(loans, model, denied):
    X, _ = loans
    explainer = KernelSHAP(
        model, target="bad", threshold=0.999, passing="below", random_state=0
    ).fit(X)
    report = decision_report(explainer, denied.iloc[0], outcomes=("approved", "denied"))
    assert report.decision["outcome"] == "approved"
    assert report.decision["threshold"] == 0.999
    other = decision_report(explainer, denied.iloc[0], threshold=0.5, passing="below")
    assert other.decision["outcome"] == "bad"


def test_a_threshold_other_than_that_of_the_reference_group(loans, model, denied):
    X, _ = loans
    explainer = KernelSHAP(
        model, target="bad", background="at_threshold", threshold=0.4, passing="below",
        random_state=0,
    ).fit(X)  # fmt: skip
    report = decision_report(explainer, denied.iloc[0], threshold=0.4)
    assert (report.decision["threshold"], report.decision["passing"]) == (0.4, "below")
    for wrong in ({"threshold": 0.5}, {"passing": "above"}):
        with pytest.raises(ValueError, match=r"just passes the threshold 0\.4 from below"):
            decision_report(explainer, denied.iloc[0], **wrong)


def test_bad_rows(explainer, loans, denied, model):
    X, y = loans
    with pytest.raises(ValueError, match="single row"):
        decision_report(explainer, denied.iloc[:2])
    with pytest.raises(ValueError, match="pass the table"):
        decision_report(explainer, 3)
    with pytest.raises(ValueError, match="position in the range"):
        decision_report(explainer, 1000, X=X)
    with pytest.raises(ValueError, match="row lacks the columns"):
        decision_report(explainer, {"age": 3})
    with pytest.raises(ValueError, match="which the reference data lack"):
        decision_report(explainer, {**denied.iloc[0].to_dict(), "sex": 1})
    with pytest.raises(TypeError, match="must be one that attributes to columns"):
        decision_report(model, denied.iloc[0])
    with pytest.raises(TypeError, match="must be a fitted Counterfactuals"):
        decision_report(explainer, denied.iloc[0], counterfactuals=explainer)
    with pytest.raises(TypeError, match="must be a fitted InfluenceFunctions"):
        decision_report(explainer, denied.iloc[0], influence=explainer)
    with pytest.raises(ValueError, match="y_train must have 240 entries"):
        decision_report(explainer, denied.iloc[0], X_train=X, y_train=y[:5])
    found = Counterfactuals(model).fit(X).explain(denied.iloc[1:2])
    with pytest.raises(ValueError, match="The CounterfactualSet is of other rows"):
        decision_report(explainer, denied.iloc[0], counterfactuals=found)
    with pytest.raises(TypeError, match="must be a text, a pair"):
        decision_report(explainer, denied.iloc[0], reason_codes={"age": 3})


def test_slopes_are_said_to_be_slopes():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(X, y)
    by_line = LIME(model, discretizer=None, random_state=0).fit(X)
    assert "for each unit more" in body(decision_report(by_line, 0, X=X))
    by_bins = LIME(model, random_state=0).fit(X)
    assert "for each unit more" not in body(decision_report(by_bins, 0, X=X))
