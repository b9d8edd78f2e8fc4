"""Algorithms of captum as explainers: the same numbers as captum alone, and as our own."""

# ruff: noqa: E402 - what needs torch and captum is imported once they are known to be there

import pickle
import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from perceptrons import classifier, table
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

torch = pytest.importorskip("torch")
captum = pytest.importorskip("captum.attr")

from torch import nn
from torch_open import Functional, Mixed, assert_untouched, chain, seeded, state_of, wrapped

from surrogates import CaptumAttribution, DeepLIFT, GradientTimesInput, IntegratedGradients
from surrogates.metrics import effective_size
from surrogates.torch import ColumnEncoder, TorchClassifier, TorchRegressor

X = table(60, 6)
ROWS = X[:8]


def smoothed(forward):
    return captum.NoiseTunnel(captum.Saliency(forward))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("IntegratedGradients", {"n_steps": 20}),
        ("DeepLift", {}),
        ("InputXGradient", {}),
        ("Saliency", {"abs": False}),
        ("LRP", {}),
        ("FeatureAblation", {}),
    ],
)
def test_the_numbers_of_captum(name, options):
    module = seeded(chain, nn.ReLU).eval()
    before = state_of(module)
    explainer = CaptumAttribution(wrapped(module), method=name, options=options, baseline="zero")
    explained = explainer.fit(X).explain(ROWS)
    assert explained.output_names == ("a", "b", "c")
    assert_untouched(module, before)
    algorithm = getattr(captum, name)(module)
    for output in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            leaf = torch.tensor(ROWS).requires_grad_()
            expected = algorithm.attribute(leaf, target=output, **options).detach()
        np.testing.assert_allclose(explained.values[..., output], expected, atol=1e-12)


@pytest.mark.parametrize("method", ["DeepLift", captum.DeepLift])
def test_our_own_numbers(method):
    model = wrapped(seeded(chain, nn.ReLU))
    theirs = CaptumAttribution(model, method=method).fit(X).explain(ROWS)
    ours = DeepLIFT(model, response_method="decision_function").fit(X).explain(ROWS)
    np.testing.assert_allclose(theirs.values, ours.values, atol=1e-12)
    np.testing.assert_allclose(theirs.base_values, ours.base_values, atol=1e-12)
    np.testing.assert_allclose(theirs.additivity_gap, 0.0, atol=1e-12)
    np.testing.assert_allclose(*(effective_size(model, ROWS, one) for one in (theirs, ours)))


def test_gaps_show_where_captum_is_wrong():
    theirs = CaptumAttribution(wrapped(seeded(Functional)), method="DeepLift").fit(X).explain(ROWS)
    assert np.abs(theirs.additivity_gap).max() > 1e-3


@pytest.mark.parametrize("inside", [True, False])
def test_columns_behind_encoders(inside):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": rng.choice(["x", "y", "z"], 50), "age": rng.normal(40, 9, 50)})
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city"]))
    columns.fit(frame)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    if inside:
        model = TorchClassifier(module, classes=["bad", "good"], encoder=columns)
    else:
        model = make_pipeline(columns, TorchClassifier(module, classes=["bad", "good"]))
    theirs = CaptumAttribution(model, method="DeepLift").fit(frame).explain(frame.head(5))
    ours = DeepLIFT(model, response_method="decision_function").fit(frame).explain(frame.head(5))
    assert theirs.feature_names == ("city", "age")
    assert theirs.output_names == ("good",)
    np.testing.assert_allclose(theirs.values, ours.values, atol=1e-12)
    masked = CaptumAttribution(model, method="ShapleyValues").fit(frame).explain(frame.head(5))
    np.testing.assert_allclose(masked.additivity_gap, 0.0, atol=1e-6)  # in single precision
    alone = CaptumAttribution(model, method="FeatureAblation", groups={"all": ["city", "age"]})
    np.testing.assert_allclose(alone.fit(frame).explain(frame).additivity_gap, 0.0, atol=1e-6)


def test_embeddings():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo"], 50),
            "amount": rng.normal(size=50),
            "grade": rng.choice(["a", "b"], 50),
            "age": rng.normal(size=50),
            "owner": rng.choice(["yes", "no"], 50),
        }
    )
    encoder = ColumnEncoder().fit(frame)
    module = seeded(Mixed, encoder.n_codes_)
    model = TorchClassifier(module, classes=["bad", "good"], encoder=encoder)
    theirs = CaptumAttribution(model, method="InputXGradient").fit(frame).explain(frame.head(6))
    ours = GradientTimesInput(model, response_method="decision_function").fit(frame)
    np.testing.assert_allclose(theirs.values, ours.explain(frame.head(6)).values, atol=1e-12)


@pytest.mark.parametrize("method", ["GradientShap", smoothed, "KernelShap"])
def test_seeds(method):
    model = TorchRegressor(seeded(chain, nn.ReLU))
    baseline = "background" if method == "GradientShap" else "mean"
    explainer = CaptumAttribution(model, method=method, baseline=baseline, random_state=3).fit(X)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = explainer.explain(ROWS), pickle.loads(pickle.dumps(explainer)).explain(ROWS)
    np.testing.assert_array_equal(first.values, second.values)
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002


def test_probabilities_constructors_and_clones():
    model = wrapped(seeded(chain, nn.ReLU))
    make = partial(captum.IntegratedGradients, multiply_by_inputs=False)
    explainer = CaptumAttribution(model, method=captum.IntegratedGradients, target="b")
    explained = clone(explainer).set_params(response_method="predict_proba").fit(X).explain(ROWS)
    np.testing.assert_allclose(explained.predictions[:, 0], model.predict_proba(ROWS)[:, 1])
    ours = IntegratedGradients(model, target="b").fit(X).explain(ROWS)
    np.testing.assert_allclose(explained.values, ours.values, atol=1e-2)
    slopes = CaptumAttribution(model, method=make).fit(X).explain(ROWS)
    assert "multiply_by_inputs=False" in slopes.params["algorithm"]


def test_refusals():
    model = wrapped(seeded(chain, nn.ReLU))
    with pytest.raises(ValueError, match="captum explains networks of torch"):
        CaptumAttribution(classifier(X, 3)).fit(X)
    with pytest.raises(ValueError, match=r"captum\.attr has no algorithm 'Magic'"):
        CaptumAttribution(model, method="Magic").fit(X)
    with pytest.raises(TypeError, match="'method' parameter of CaptumAttribution"):
        CaptumAttribution(model, method=type).fit(X)
    with pytest.raises(ValueError, match="Occlusion of captum raised TypeError"):
        CaptumAttribution(model, method="Occlusion").fit(X).explain(ROWS)
    with pytest.raises(ValueError, match="LRP of captum raised"):
        CaptumAttribution(wrapped(seeded(chain, nn.GELU)), method="LRP").fit(X).explain(ROWS)


def test_without_captum():
    code = (
        "import sys; sys.modules['captum'] = sys.modules['captum.attr'] = None\n"
        "import surrogates, torch, numpy\n"
        "from surrogates.torch import TorchRegressor\n"
        "surrogates.CaptumAttribution(TorchRegressor(torch.nn.Linear(2, 1))).fit(numpy.eye(2))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "CaptumAttribution needs captum, which is not installed: pip install" in run.stderr
