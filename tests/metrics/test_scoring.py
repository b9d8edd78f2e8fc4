"""Scorers for searches over explainers, and explainers side by side."""

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score

from surrogates import LIME, KernelSHAP
from surrogates.explanation import ComparisonDisplay
from surrogates.metrics import (
    compare_explainers,
    completeness_gap,
    effective_size,
    entropy,
    faithfulness_correlation,
    make_explanation_scorer,
    max_sensitivity,
    shapley_kernel_r2,
)

X, Y = load_diabetes(return_X_y=True, as_frame=True)
LINE = Ridge(0.01).fit(X, Y)


class Exact:
    """Explains a line, without being an estimator."""

    def __init__(self, noise=0.0):
        self.estimator, self.noise = LINE, noise

    def explain(self, X):
        class Answer:
            pass

        answer = Answer()
        rng = np.random.default_rng(0)
        answer.values = LINE.coef_ * np.asarray(X) + self.noise * rng.normal(size=X.shape)
        return answer


def test_scores_are_means():
    explainer = LIME(LINE, random_state=0).fit(X)
    scorer = make_explanation_scorer(faithfulness_correlation, n_background=1000)
    by_hand = faithfulness_correlation(
        LINE, X[:20], explainer.explain(X[:20]), background=X, random_state=0
    )
    np.testing.assert_allclose(scorer(explainer, X[:20]), by_hand.mean())


def test_smaller_is_better_for_some():
    explainer = LIME(LINE, random_state=0).fit(X)
    size = effective_size(LINE, X[:20], explainer.explain(X[:20])).mean()
    assert make_explanation_scorer(effective_size)(explainer, X[:20]) == -size
    forced = make_explanation_scorer(effective_size, greater_is_better=True)
    assert forced(explainer, X[:20]) == size
    assert "greater_is_better=False" in repr(make_explanation_scorer(partial(entropy)))


def test_grid_search_over_an_explainer():
    forest = RandomForestRegressor(10, max_depth=4, random_state=0).fit(X, Y)
    scorer = make_explanation_scorer(shapley_kernel_r2, n_background=20, n_samples=60)
    explainer = KernelSHAP(forest, method="sampling", n_background=20, random_state=0)
    search = GridSearchCV(explainer, {"n_coalitions": [14, 500]}, scoring=scorer, cv=2)
    search.fit(X[:60])
    assert search.best_params_ == {"n_coalitions": 500}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.estimator is forest


def test_unfitted_models_are_fitted_in_every_fold():
    scorer = make_explanation_scorer(completeness_gap, n_background=1000)
    scores = cross_val_score(KernelSHAP(Ridge(), n_background=None), X, Y, scoring=scorer, cv=3)
    np.testing.assert_allclose(scores, 0.0, atol=1e-6)


def test_scorers_can_be_pickled():
    explainer = KernelSHAP(LINE, random_state=0).fit(X)
    scorer = make_explanation_scorer(max_sensitivity, n_samples=3)
    again = pickle.loads(pickle.dumps(scorer))
    assert again(explainer, X[:5]) == scorer(explainer, X[:5])


def test_no_value_is_nan():
    explainer = LIME(lambda X: np.ones(len(X)), random_state=0).fit(X)
    score = make_explanation_scorer(faithfulness_correlation)(explainer, X[:3])
    assert np.isnan(score)


def test_comparison():
    explainers = {"exact": Exact(), "noisy": Exact(30.0)}
    frame = compare_explainers(explainers, X[:40], background=X)
    assert list(frame) == ["explainer", "metric", "mean", "std_error", "n_rows", "better"]
    assert frame["metric"].tolist()[::2] == [
        "faithfulness_correlation",
        "shapley_kernel_r2",
        "abpc",
        "effective_size",
    ]
    means = frame.set_index(["metric", "explainer"])["mean"].unstack()
    for metric in ("faithfulness_correlation", "shapley_kernel_r2", "abpc"):
        assert means.loc[metric, "exact"] > means.loc[metric, "noisy"]
    scores = faithfulness_correlation(
        LINE, X[:40], Exact(30.0).explain(X[:40]), background=X, random_state=1
    )
    line = frame.iloc[1]
    assert line["n_rows"] == 40
    np.testing.assert_allclose(line["std_error"], scores.std(ddof=1) / np.sqrt(40), rtol=0.5)
    assert frame["better"].tolist()[-1] == "smaller"


def test_comparison_is_repeatable():
    explainers = [KernelSHAP(LINE, random_state=0).fit(X), LIME(LINE, random_state=0).fit(X)]
    first = compare_explainers(explainers, X[:10])
    assert first.equals(compare_explainers(explainers, X[:10]))
    assert first["explainer"].tolist()[:2] == ["KernelSHAP", "LIME"]


def test_chosen_metrics():
    explainer = KernelSHAP(LINE, random_state=0).fit(X)
    metrics = {
        "one step": partial(max_sensitivity, radius=0.01, n_samples=2),
        "near rows": partial(max_sensitivity, explainer=None),
        "size": effective_size,
    }
    frame = compare_explainers([explainer], X[:6], metrics)
    assert frame["metric"].tolist() == list(metrics)
    assert frame["better"].tolist() == ["smaller"] * 3


def test_what_cannot_be_compared():
    explainer = LIME(LINE, random_state=0).fit(X)
    with pytest.raises(ValueError, match="need names"):
        compare_explainers([explainer, explainer], X[:3])
    with pytest.raises(ValueError, match="at least one explainer"):
        compare_explainers({}, X[:3])
    with pytest.raises(ValueError, match="at least one callable"):
        compare_explainers([explainer], X[:3], [])
    with pytest.raises(NotFittedError):
        compare_explainers([LIME(LINE)], X[:3])
    with pytest.raises(ValueError, match="one number for each of the 3 rows"):
        compare_explainers([explainer], X[:3], [lambda estimator, X, attributions: 1.0])
    with pytest.raises(TypeError, match="metric must be a callable"):
        make_explanation_scorer("faithfulness")


def test_picture():
    frame = compare_explainers({"exact": Exact(), "noisy": Exact(30.0)}, X[:10], background=X)
    display = ComparisonDisplay(frame).plot()
    assert len(display.axes_) == 4
    assert display.figure_ is display.ax_.figure
    assert display.frame().equals(frame)
    with pytest.raises(ValueError, match="must have the columns"):
        ComparisonDisplay(frame.drop(columns="mean"))
    with pytest.raises(ValueError, match="axes must hold 4 Axes"):
        ComparisonDisplay(frame).plot(display.axes_[:2])
