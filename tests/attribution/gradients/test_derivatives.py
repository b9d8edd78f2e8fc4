"""Gradients and their products: finite differences, linear models, units of raw columns."""

import numpy as np
import pandas as pd
import pytest
from perceptrons import ACTIVATIONS, classifier, difference_quotients, regressor, table, trained
from polars_frames import to_polars
from sklearn.compose import make_column_transformer
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from surrogates import Gradient, GradientTimesInput, SmoothGrad

X = table()
ROWS = X[:6]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradients_of_probabilities(activation, n_classes):
    model = classifier(X, n_classes, activation=activation)
    explained = Gradient(model, target=model.classes_.tolist()).fit(X).explain(ROWS)
    expected = difference_quotients(model.predict_proba, ROWS)
    np.testing.assert_allclose(explained.values, expected, atol=1e-7)
    np.testing.assert_allclose(explained.predictions, model.predict_proba(ROWS), atol=1e-14)
    np.testing.assert_allclose(explained.values.sum(axis=2), 0.0, atol=1e-14)
    assert explained.n_model_rows == len(ROWS)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_a_regressor_in_raw_units(activation):
    raw = X * [1.0, 100.0, 0.01, 5.0, 3.0] + [0.0, 50.0, 1.0, 0.0, -7.0]
    scaled = StandardScaler().fit_transform(raw)
    model = make_pipeline(StandardScaler().fit(raw), regressor(scaled, activation=activation))
    explained = Gradient(model).fit(raw).explain(raw[:6])
    by_scaled = difference_quotients(model[-1].predict, scaled[:6])
    expected = by_scaled / raw.std(axis=0)[:, None]
    np.testing.assert_allclose(explained.values, expected, rtol=1e-5, atol=1e-7)


def test_logits_of_a_binary_network():
    model = classifier(X, 2, labels=["good", "bad"])
    options = {"response_method": "decision_function"}
    explained = Gradient(model, **options).fit(X).explain(ROWS)
    chances = model.predict_proba(ROWS)
    np.testing.assert_allclose(
        explained.predictions[:, 0], np.log(chances[:, 1] / chances[:, 0]), rtol=1e-6
    )
    slopes = Gradient(model).fit(X).explain(ROWS)
    product = chances[:, 0] * chances[:, 1]
    np.testing.assert_allclose(slopes.values[..., 0], explained.values[..., 0] * product[:, None])
    first = Gradient(model, target=model.classes_[0], **options).fit(X).explain(ROWS)
    np.testing.assert_array_equal(first.values, -explained.values)
    assert explained.output_names == (str(model.classes_[1]),)
    assert explained.params["response_method"] == "decision_function"


def test_the_model_of_logits_can_be_asked():
    model = classifier(X, 3)
    gradient = Gradient(model, response_method="decision_function").fit(X)
    logits = gradient.model_(ROWS)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(chances, model.predict_proba(ROWS), atol=1e-14)


def test_several_labels_per_row():
    targets = np.column_stack([X[:, 0] > 0, X[:, 1] + X[:, 2] > 0, X[:, 3] > 1]).astype(int)
    model = trained(MLPClassifier(hidden_layer_sizes=(8,)), X, targets)
    explained = Gradient(model).fit(X).explain(ROWS)
    expected = difference_quotients(model.predict_proba, ROWS)
    np.testing.assert_allclose(explained.values, expected, atol=1e-7)


@pytest.mark.parametrize("scaler", [None, StandardScaler(), MinMaxScaler(), RobustScaler()])
def test_linear_models(scaler):
    weights = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    steps = [LinearRegression()] if scaler is None else [scaler, LinearRegression()]
    model = make_pipeline(*steps).fit(X, X @ weights + 4.0)
    explained = Gradient(model).fit(X).explain(ROWS)
    np.testing.assert_allclose(explained.values[..., 0], np.tile(weights, (6, 1)), atol=1e-10)
    products = GradientTimesInput(model).fit(X).explain(ROWS)
    np.testing.assert_allclose(products.additivity_gap, 0.0, atol=1e-12)
    inputs = ROWS if scaler is None else model[0].transform(ROWS)
    np.testing.assert_allclose(products.values[..., 0], inputs * model[-1].coef_, atol=1e-12)


def test_linear_classifiers():
    labels = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])
    model = LogisticRegression().fit(X, labels)
    explained = Gradient(model).fit(X).explain(ROWS)
    expected = difference_quotients(model.predict_proba, ROWS)
    np.testing.assert_allclose(explained.values, expected, atol=1e-8)
    binary = LogisticRegression().fit(X, labels > 0)
    margin = Gradient(binary, response_method="decision_function", target=False).fit(X)
    np.testing.assert_allclose(margin.explain(ROWS[:1]).values[0, :, 0], -binary.coef_[0])


FRAME = pd.DataFrame(
    {
        "age": [20.0, 30.0, 50.0, 70.0, 41.0, 33.0],
        "income": [1, 5, 9, 2, 8, 3],
        "constant": [7.0] * 6,
        "city": ["Rome", "Oslo", "Rome", "Oslo", "Rome", "Oslo"],
    }
)


def test_constant_and_integer_columns_of_frames():
    model = make_pipeline(StandardScaler(), Ridge()).fit(FRAME.iloc[:, :3], [1.0, 4, 2, 8, 5, 7])
    scales = [FRAME["age"].std(ddof=0), FRAME["income"].std(ddof=0), 1.0]
    for frame in (FRAME.iloc[:, :3], to_polars(FRAME.iloc[:, :3])):
        explained = Gradient(model).fit(frame).explain(frame)
        np.testing.assert_allclose(explained.values[0, :, 0], model[-1].coef_ / scales, atol=1e-12)


def test_columns_without_a_derivative_are_named():
    y = [1.0, 4, 2, 8, 5, 7]
    one_hot = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(one_hot, Ridge()).fit(FRAME, y)
    for explainer in (Gradient(model), SmoothGrad(model)):
        with pytest.raises(ValueError, match="'city' is not numeric"):
            explainer.fit(FRAME)
    binned = make_pipeline(KBinsDiscretizer(3, strategy="uniform"), Ridge())
    numbers = FRAME[["age", "income"]]
    with pytest.raises(ValueError, match="affine function of column 'age'"):
        Gradient(binned.fit(numbers, y)).fit(numbers)
    filled = make_pipeline(SimpleImputer(), Ridge()).fit(numbers, y)
    gap = numbers.assign(age=[np.nan, *numbers["age"][1:]])
    with pytest.raises(ValueError, match="'age', which is missing in a row"):
        Gradient(filled).fit(numbers).explain(gap)


def test_columns_that_the_model_drops_have_no_gradient():
    model = make_pipeline(SelectKBest(f_regression, k=2), Ridge()).fit(X, X[:, 1] + X[:, 3])
    explained = Gradient(model).fit(X).explain(ROWS)
    assert not explained.values[:, [0, 2, 4]].any()
    assert explained.values[:, [1, 3]].all()


def test_smooth_grad_of_a_quadratic_response():
    """The mean slope of a parabola is that of its middle; the variance is that of the slope."""

    model = regressor(X, activation="tanh")
    inner = Gradient(model).fit(X)
    smooth = SmoothGrad(model, noise=1e-3, n_draws=400, random_state=0).fit(X)
    found = smooth.explain(ROWS)
    assert np.abs(found.values - inner.explain(ROWS).values).max() < 1e-3
    assert (np.abs(found.values - inner.explain(ROWS).values) < 5 * found.std_errors + 1e-5).all()
    curved = SmoothGrad(model, noise=1e-3, statistic="variance", n_draws=400, random_state=0)
    step = 1e-5
    slopes = [inner.explain(ROWS + step * side).values for side in np.eye(5)]
    base = inner.explain(ROWS).values
    hessian = np.stack([(slope - base)[..., 0] / step for slope in slopes], axis=2)
    expected = (hessian**2 * (1e-3 * X.std(axis=0)) ** 2).sum(axis=2)
    np.testing.assert_allclose(curved.fit(X).explain(ROWS).values[..., 0], expected, rtol=0.35)


def test_smooth_grad_squares_and_errors():
    model = classifier(X)
    options = {"n_draws": 200, "random_state": 1}
    mean = SmoothGrad(model, **options).fit(X).explain(ROWS)
    variance = SmoothGrad(model, statistic="variance", **options).fit(X).explain(ROWS)
    squares = SmoothGrad(model, statistic="mean_square", **options).fit(X).explain(ROWS)
    np.testing.assert_allclose(
        squares.values, mean.values**2 + variance.values * 199 / 200, atol=1e-14
    )
    np.testing.assert_allclose(mean.std_errors**2, variance.values / 200, atol=1e-14)
    other = SmoothGrad(model, n_draws=200, random_state=2).fit(X).explain(ROWS)
    distance = np.abs(mean.values - other.values) / np.hypot(mean.std_errors, other.std_errors)
    assert np.quantile(distance, 0.9) < 3.0


def test_no_groups_of_units():
    model = regressor(X)
    groups = {"both": [0, 1]}
    summed = GradientTimesInput(model, groups=groups).fit(X).explain(ROWS)
    alone = GradientTimesInput(model).fit(X).explain(ROWS)
    np.testing.assert_allclose(summed.values[:, 0], alone.values[:, :2].sum(axis=1))
    with pytest.raises(TypeError, match="groups"):
        Gradient(model, groups=groups)
