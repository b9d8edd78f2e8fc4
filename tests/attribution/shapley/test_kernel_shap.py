"""The contract of KernelSHAP: budgets, seeds, invariances, errors of its values, bad input."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from truths import shapley_of_model

from surrogates import KernelSHAP
from surrogates.attribution.shapley import rows as rows_module
from surrogates.attribution.shapley import sampling
from surrogates.exceptions import ModelOutputError


def wavy(Z):
    Z = np.asarray(Z, dtype=float)
    waves = np.sin(Z[:, 0]) * Z[:, 1] * Z[:, 2] + np.cos(Z[:, 3] * Z[:, 4]) + Z[:, 5] * Z[:, 6]
    return waves + np.tanh(Z[:, 7] + Z[:, 8] * Z[:, 9]) * Z[:, 10] + Z[:, 11]


class Counting:
    """Counts the rows a model is asked about."""

    def __init__(self, model):
        self.model, self.n_rows = model, 0

    def __call__(self, X):
        self.n_rows += len(X)
        return self.model(X)


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(0).normal(size=(60, 12))


@pytest.mark.parametrize(
    "params",
    [
        {"n_coalitions": 200},
        {"n_coalitions": 200, "design": "shared"},
        {"n_coalitions": 30},
        {"n_coalitions": 10},
        {"n_coalitions": 4},
        {"tol": 0.05},
        {"max_model_rows": 700},
        {"n_coalitions": 200, "link": "logit"},
        {"n_coalitions": 200, "n_background": None},
    ],
    ids=str,
)
def test_efficiency_and_budget(table, params):
    def probability(Z):
        return 1 / (1 + np.exp(-wavy(Z)))

    model = Counting(probability)
    explainer = KernelSHAP(model, random_state=0, **{"n_background": 20, **params}).fit(table)
    before = model.n_rows
    explanation = explainer.explain(table[:4])
    assert np.abs(explanation.additivity_gap).max() < 1e-9
    assert explanation.n_model_rows == model.n_rows - before
    assert explanation.n_model_rows == explanation.details["n_model_rows"].sum()
    n_reference = 60 if params.get("n_background", 20) is None else 20
    budget = params.get("max_model_rows", params.get("n_coalitions", 2072) * n_reference)
    assert explanation.details["n_model_rows"].max() <= budget


def test_outputs_of_a_classifier():
    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    forest = RandomForestClassifier(20, random_state=0).fit(X, labels)
    explanation = KernelSHAP(forest, random_state=0).fit(X).explain(X.iloc[[0, 70, 140]])
    assert explanation.output_names == ("setosa", "versicolor", "virginica")
    np.testing.assert_allclose(explanation.predictions, forest.predict_proba(X.iloc[[0, 70, 140]]))
    np.testing.assert_allclose(explanation.values.sum(axis=2), 0, atol=1e-12)
    alone = KernelSHAP(forest, target="virginica", random_state=0).fit(X)
    np.testing.assert_allclose(
        alone.explain(X.iloc[[0, 70, 140]]).values[:, :, 0], explanation.values[:, :, 2], atol=1e-12
    )


def test_regressor_with_several_outputs(table):
    targets = np.column_stack([wavy(table), table[:, 0]])
    forest = RandomForestRegressor(10, random_state=0).fit(table, targets)
    explanation = KernelSHAP(forest, n_coalitions=100, random_state=0).fit(table).explain(table[:2])
    assert explanation.values.shape == (2, 12, 2)
    np.testing.assert_allclose(explanation.predictions, forest.predict(table[:2]))


@pytest.mark.parametrize("n_background", [1, 10])
@pytest.mark.parametrize("budget", [20, 100, 4000])
def test_estimates_scale_with_the_model(table, budget, n_background):
    params = {"n_coalitions": budget, "random_state": 0, "n_background": n_background}
    values = KernelSHAP(wavy, **params).fit(table).explain(table[:3]).values
    scaled = KernelSHAP(lambda Z: 5.0 - 3.0 * wavy(Z), **params).fit(table).explain(table[:3])
    np.testing.assert_allclose(scaled.values, -3.0 * values, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("design", ["crossed", "shared"])
def test_explain_repeats_itself(table, design):
    explainer = KernelSHAP(wavy, n_coalitions=100, design=design, random_state=3).fit(table)
    first, second = explainer.explain(table[:5]), explainer.explain(table[:5])
    np.testing.assert_array_equal(first.values, second.values)
    again = KernelSHAP(wavy, n_coalitions=100, design=design, random_state=3).fit(table)
    np.testing.assert_array_equal(again.explain(table[:5]).values, first.values)
    other = KernelSHAP(wavy, n_coalitions=100, design=design, random_state=4).fit(table)
    assert not np.allclose(other.explain(table[:5]).values, first.values)


@pytest.mark.parametrize(
    "params", [{"design": "crossed"}, {"design": "shared"}, {"tol": 0.02}], ids=str
)
def test_a_row_does_not_depend_on_the_batch(table, params):
    explainer = KernelSHAP(wavy, n_coalitions=400, random_state=0, **params).fit(table)
    together = explainer.explain(table[:8])
    backwards = explainer.explain(table[7::-1])
    np.testing.assert_allclose(backwards.values[::-1], together.values, rtol=1e-12, atol=1e-14)
    alone = explainer.explain(table[3:4])
    np.testing.assert_allclose(alone.values[0], together.values[3], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(alone.std_errors[0], together.std_errors[3], rtol=1e-6)


def test_order_and_repetition_of_reference_rows_change_nothing(table):
    params = {"n_coalitions": 100, "n_background": 15, "random_state": 0}
    explained = KernelSHAP(wavy, **params).fit(table).explain(table[:3])
    shuffled = KernelSHAP(wavy, **params).fit(table[::-1]).explain(table[:3])
    np.testing.assert_allclose(shuffled.values, explained.values, rtol=1e-12)
    repeated = KernelSHAP(wavy, **params).fit(np.repeat(table, 3, axis=0)).explain(table[:3])
    np.testing.assert_allclose(repeated.values, explained.values, rtol=1e-9)


@pytest.mark.parametrize("design", ["crossed", "shared"])
def test_size_of_model_calls_changes_nothing(table, design, monkeypatch):
    explainer = KernelSHAP(wavy, n_coalitions=300, design=design, random_state=0).fit(table)
    whole = explainer.explain(table[:4])
    for rows in (37, 1000):
        monkeypatch.setattr(rows_module, "rows_per_call", lambda _, rows=rows: rows)
        np.testing.assert_allclose(
            explainer.explain(table[:4]).values, whole.values, rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize(
    "params", [{"design": "crossed"}, {"design": "shared"}, {"link": "logit"}], ids=str
)
def test_bounded_memory_changes_nothing(table, params, monkeypatch):
    """Rows whose responses do not fit in memory are explained in parts."""

    def probability(Z):
        return 1 / (1 + np.exp(-wavy(Z)))

    explainer = KernelSHAP(
        probability, n_coalitions=200, n_background=30, random_state=0, **params
    ).fit(table)
    whole = explainer.explain(table[:3])
    monkeypatch.setattr(sampling, "_MOST_RESPONSES", 3000)
    parts = explainer.explain(table[:3])
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-9, atol=1e-12)
    ours, theirs = (e.details["coalition_std_errors"] for e in (parts, whole))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    ratio = parts.details["reference_std_errors"] / whole.details["reference_std_errors"]
    assert 0.3 < np.median(ratio) < 3.0  # from the first part only, in a shared design


def test_tolerance_is_met_row_by_row(table):
    explainer = KernelSHAP(wavy, tol=0.02, n_coalitions=3000, n_background=10, random_state=0)
    explanation = explainer.fit(table).explain(table[:10])
    error = explanation.details["coalition_std_errors"][:, :, 0].max(axis=1)
    reached = error <= 0.02 * np.ptp(explanation.values[:, :, 0], axis=1)
    np.testing.assert_array_equal(explanation.converged, reached)
    assert explanation.converged.any()
    tight = KernelSHAP(wavy, tol=1e-6, n_coalitions=300, n_background=10, random_state=0).fit(table)
    assert not tight.explain(table[:2]).converged.any()
    assert KernelSHAP(wavy, n_coalitions=100).fit(table).explain(table[:2]).converged is None


def test_intervals_cover_the_exact_values(table):
    """About 95 % of the intervals hold the value under the reference rows drawn."""
    rows = table[:6]
    exact = KernelSHAP(wavy, n_background=12, method="exact", random_state=0).fit(table)
    truth = exact.explain(rows).values
    inside = []
    for seed in range(8):
        background = exact.reference_.rows
        sampled = KernelSHAP(wavy, n_coalitions=200, n_background=None, random_state=seed)
        explanation = sampled.fit(background).explain(rows)
        inside.append(np.abs(explanation.values - truth) <= 1.96 * explanation.std_errors)
    assert 0.90 <= np.mean(inside) <= 0.99


def test_intervals_cover_the_whole_reference_table(table):
    rows = table[:6]
    truth = KernelSHAP(wavy, n_background=None, method="exact").fit(table).explain(rows).values
    inside = []
    for seed in range(8):
        sampled = KernelSHAP(wavy, n_coalitions=200, n_background=30, random_state=seed)
        explanation = sampled.fit(table).explain(rows)
        inside.append(np.abs(explanation.values - truth) <= 1.96 * explanation.std_errors)
    assert 0.90 <= np.mean(inside) <= 0.99


def test_errors_of_exact_values_are_those_of_the_reference_draw(table):
    rows = table[:3]
    drawn = (
        KernelSHAP(wavy, n_background=20, method="exact", random_state=0).fit(table).explain(rows)
    )
    assert (drawn.details["coalition_std_errors"] == 0).all()
    assert (drawn.std_errors.max(axis=(1, 2)) > 0).all()
    whole = KernelSHAP(wavy, n_background=None, method="exact").fit(table).explain(rows)
    assert (whole.std_errors == 0).all()


def test_standard_error_of_the_reference_draw_in_closed_form():
    """For a linear model: coef * s / sqrt(n) with finite-population correction."""
    X = np.random.default_rng(0).normal(size=(80, 3))
    coef = np.array([1.0, -2.0, 0.5])
    explainer = KernelSHAP(lambda Z: Z @ coef, n_background=25, random_state=0).fit(X)
    kept = explainer.reference_.rows
    expected = np.abs(coef) * kept.std(axis=0, ddof=1) / 5 * np.sqrt(1 - 25 / 80)
    np.testing.assert_allclose(explainer.explain(X[:1]).std_errors[0, :, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("budget", [12, 20, 40])
def test_pooled_pairs_are_unbiased(table, budget):
    """Fewer pairs than players for each reference row: all rows share one regression."""
    reference, row = table[:30], table[40:41]
    exact = KernelSHAP(wavy, n_background=None, method="exact").fit(reference).explain(row).values
    params = {"n_coalitions": budget, "n_background": None}
    estimates = [
        KernelSHAP(wavy, random_state=seed, **params).fit(reference).explain(row)
        for seed in range(40)
    ]
    mean = np.mean([e.values for e in estimates], axis=0)
    spread = np.std([e.values for e in estimates], axis=0)
    assert np.abs(mean - exact).max() < 5 * spread.max() / np.sqrt(40)
    claimed = np.sqrt(np.mean([e.std_errors**2 for e in estimates], axis=0))
    assert 0.6 < np.median(claimed / spread) < 1.6


@pytest.mark.parametrize("container", ["numpy", "float32", "object", "pandas", "mixed", "polars"])
def test_containers_agree(table, container):
    polars = pytest.importorskip("polars") if container == "polars" else None
    names = [f"c{j}" for j in range(12)]
    frame = pd.DataFrame(table.round(1), columns=names)
    made = {
        "numpy": frame.to_numpy,
        "float32": lambda: frame.to_numpy(dtype=np.float32),
        "object": lambda: frame.to_numpy(dtype=object),
        "pandas": lambda: frame,
        "mixed": lambda: frame.astype({"c0": "float32", "c1": object, "c2": "category"}),
        "polars": lambda: polars.DataFrame({name: frame[name].to_numpy() for name in names}),
    }[container]()
    params = {"n_coalitions": 60, "n_background": None, "random_state": 0}
    expected = KernelSHAP(wavy, **params).fit(frame.to_numpy()).explain(frame.to_numpy()[:3])
    found = KernelSHAP(wavy, method="exact", **params).fit(made).explain(made[:3])
    exact = KernelSHAP(wavy, method="exact", **params).fit(frame.to_numpy())
    np.testing.assert_allclose(found.values, exact.explain(frame.to_numpy()[:3]).values, atol=1e-5)
    assert expected.values.shape == found.values.shape


def test_mixed_table_equals_brute_force():
    frame = pd.DataFrame(
        {
            "text": ["a", "b", None, "a", "c"],
            "level": pd.Categorical(["x", "y", "y", np.nan, "x"], categories=["x", "y", "z"]),
            "flag": [True, False, True, True, False],
            "count": [1, 2, 3, 4, 5],
            "size": [0.5, np.nan, 2.5, 1.0, -1.0],
        }
    )

    def score(X):
        assert X.dtypes.astype(str).to_list()[1:] == frame.dtypes.astype(str).to_list()[1:]
        text = X["text"].map({"a": 1.0, "b": 2.0, "c": -1.0}).astype(float).fillna(0.3)
        level = X["level"].astype(object).map({"x": 1.0, "y": -2.0}).astype(float).fillna(0.0)
        size = X["size"].fillna(0.7)
        return (text * level * X["flag"] + text * X["count"] * size + size * level).to_numpy()

    numbers = np.arange(len(frame))[:, None] * np.ones((1, 5))

    def of_positions(positions):
        mixed = pd.DataFrame(
            {
                name: frame[name].take(positions[:, j].astype(int)).array
                for j, name in enumerate(frame)
            }
        )
        return score(mixed)

    explanation = KernelSHAP(score, n_background=None).fit(frame).explain(frame.iloc[[0, 2]])
    for row, values in zip((0, 2), explanation.values[:, :, 0], strict=True):
        expected = shapley_of_model(of_positions, numbers[row], numbers)
        np.testing.assert_allclose(values, expected, atol=1e-10)


def test_progress_is_shown_only_when_asked(table, capsys):
    explainer = KernelSHAP(wavy, n_coalitions=50, random_state=0).fit(table)
    explainer.explain(table[:2])
    assert capsys.readouterr().err == ""
    explainer.set_params(verbose=True).explain(table[:2])
    assert "KernelSHAP" in capsys.readouterr().err


def test_explainer_is_a_step_of_a_pipeline(table):
    forest = RandomForestRegressor(10, random_state=0).fit(table, wavy(table))
    explainer = KernelSHAP(forest, n_coalitions=50, n_background=10, random_state=0)
    model = make_pipeline(explainer, LogisticRegression()).fit(table, table[:, 0] > 0)
    assert model.predict(table[:5]).shape == (5,)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_coalitions": 0}, "'n_coalitions' parameter of KernelSHAP must be an int in the range"),
        ({"n_coalitions": -5}, "'n_coalitions'"),
        ({"n_coalitions": 2.5}, "'n_coalitions'"),
        ({"n_background": 0}, "'n_background' parameter of KernelSHAP must be an int in the range"),
        ({"max_model_rows": 0}, "'max_model_rows'"),
        ({"tol": 0.0}, "'tol'"),
        ({"link": "probit"}, "'link' parameter of KernelSHAP must be a str among"),
        ({"design": "other"}, "'design'"),
        ({"method": "magic"}, "'method'"),
        ({"design": "crossed", "link": "log"}, "'design' parameter"),
        ({"groups": {"a": [0, 1], "b": [1, 2]}}, "must not overlap: column 1"),
        ({"groups": {"a": [77]}}, "unknown column 77"),
        ({"groups": {"a": ["age"]}}, "unknown column 'age'"),
        ({"groups": {"a": []}}, "Group 'a'"),
        ({"groups": {"x5": [0, 1]}}, "name of a column"),
        ({"groups": [0, 1]}, "'groups'"),
        ({"target": "nobody"}, "'target' parameter names no output"),
        ({"response_method": "predict_proba"}, "has no method predict_proba"),
        ({"verbose": "yes"}, "'verbose'"),
    ],
    ids=str,
)
def test_wrong_parameters_are_named(table, params, message):
    with pytest.raises(ValueError, match=message):
        KernelSHAP(wavy, **params).fit(table)


def test_too_many_players_to_enumerate():
    with pytest.raises(ValueError, match=r"enumerates 2\^30"):
        KernelSHAP(lambda Z: Z[:, 0], method="exact").fit(np.zeros((3, 30)))


def test_link_refuses_responses_outside_of_its_domain(table):
    with pytest.raises(ValueError, match="link"):
        KernelSHAP(wavy, link="logit").fit(table)


class Breaks:
    """Answers the first call and breaks later."""

    def __init__(self, answer):
        self.answer, self.calls = answer, 0

    def __call__(self, X):
        self.calls += 1
        return X[:, 0] if self.calls < 3 else self.answer(X)


def not_a_number(X):
    return np.full(len(X), np.nan)


def too_short(X):
    return X[1:, 0]


def too_wide(X):
    return X[:, :2]


def raises(X):
    raise RuntimeError("out of order")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (not_a_number, "NaN"),
        (too_short, "rows"),
        (too_wide, "outputs"),
        (raises, "RuntimeError: out of order"),
    ],
)
def test_broken_models_are_named(table, answer, message):
    with pytest.raises(ModelOutputError, match=message):
        KernelSHAP(Breaks(answer), n_coalitions=50).fit(table).explain(table[:2])
