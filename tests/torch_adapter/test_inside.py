"""The open inside of torch modules: every way to write a network, rules, refusals, no traces."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from perceptrons import classifier, difference_quotients, table
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn import functional as F
from torch_open import (
    PIECEWISE,
    SMOOTH,
    Attentive,
    Calls,
    CodesAsNumbers,
    Convolution,
    Functional,
    Joined,
    Mixed,
    Pooled,
    Residual,
    Reused,
    Squared,
    Squeezed,
    Twice,
    as_torch,
    assert_untouched,
    chain,
    seeded,
    state_of,
    wrapped,
)

from surrogates import (
    LRP,
    DeepLIFT,
    Gradient,
    GradientTimesInput,
    IntegratedGradients,
    SmoothGrad,
)
from surrogates.torch import ColumnEncoder, TorchClassifier, TorchRegressor

X = table(60, 6)
ROWS = X[:8]
RULES = ("zero", "epsilon", "gamma", "zB", "w2", "composite")
METHODS = ("predict_proba", "decision_function")
ALL = PIECEWISE | SMOOTH
UNKNOWN = {
    "layer_norm": (Calls, lambda x: F.layer_norm(x, (6,))),
    "mul": (Calls, lambda x: x * torch.sigmoid(x)),
    "multi_head_attention_forward": (Attentive,),
    "einsum": (Calls, lambda x: torch.einsum("ij,ij->ij", x, x)),
    "maximum": (Calls, lambda x: torch.maximum(x, -x)),
    "gt": (Calls, lambda x: torch.where(x > 0, x, 0 * x)),
    "dropout": (Calls, lambda x: F.dropout(x, 0.0, training=True)),
    "cummax": (Calls, lambda x: torch.cummax(x, dim=1)[0]),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ALL)
def test_gradients(name, method):
    model = wrapped(seeded(*ALL[name]))
    explained = Gradient(model, response_method=method).fit(X).explain(ROWS)
    expected = difference_quotients(getattr(model, method), ROWS)
    np.testing.assert_allclose(explained.values, expected, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ALL)
def test_deep_lift_is_complete(name, method):
    module = seeded(*ALL[name])
    before = state_of(module)
    explained = DeepLIFT(wrapped(module), response_method=method).fit(X).explain(ROWS)
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)
    assert_untouched(module, before)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", PIECEWISE)
def test_paths_through_piecewise_linear_networks_are_exact(name, method):
    module = seeded(*PIECEWISE[name])
    before = state_of(module)
    explained = IntegratedGradients(wrapped(module), response_method=method).fit(X).explain(ROWS)
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)
    assert explained.details["is_exact"].all()
    assert_untouched(module, before)


@pytest.mark.parametrize("name", ["Tanh", "GELU", "Softplus"])
def test_paths_through_smooth_networks(name):
    explained = IntegratedGradients(wrapped(seeded(*SMOOTH[name]))).fit(X).explain(ROWS)
    assert explained.converged.all()
    assert not explained.details["is_exact"].any()
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ALL)
def test_relevances_bias_and_stabilizer_are_the_logit(name, rule):
    module = seeded(*ALL[name])
    before = state_of(module)
    explained = LRP(wrapped(module), rule=rule).fit(X).explain(ROWS)
    scale = np.abs(explained.values).sum(axis=1) + np.abs(explained.base_values)
    assert (np.abs(explained.additivity_gap) / scale).max() < 1e-12
    assert_untouched(module, before)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("make", [Functional, Reused, Twice, Residual, Joined, Convolution])
def test_networks_without_biases_conserve(make, rule):
    model = wrapped(seeded(make, False))
    explained = LRP(model, rule=rule, epsilon=0.0).fit(X).explain(ROWS)
    gap = np.abs(explained.predictions - explained.values.sum(axis=1))
    assert (gap <= 1e-12 * np.abs(explained.values).sum(axis=1)).all()
    assert not explained.details["bias_share"].any()


@pytest.mark.parametrize("make", [Functional, Reused, Residual])
def test_propositions_2_and_3(make):
    """Without biases LRP-0, gradient times input and the path from zero agree."""
    model = wrapped(seeded(make, False))
    options = {"response_method": "decision_function"}
    product = GradientTimesInput(model, **options).fit(X).explain(ROWS).values
    path = IntegratedGradients(model, baseline="zero", **options).fit(X).explain(ROWS).values
    np.testing.assert_allclose(path, product, atol=1e-13)
    relevance = LRP(model, rule=0).fit(X).explain(ROWS).values
    np.testing.assert_allclose(relevance, product, atol=1e-13)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_same_weights_in_numpy_and_in_torch(n_classes, activation):
    raw = 3.0 * X + 1.0
    scaler = StandardScaler().fit(raw)
    net = classifier(scaler.transform(raw), n_classes, activation=activation)
    ours = make_pipeline(scaler, net)
    theirs = make_pipeline(scaler, TorchClassifier(as_torch(net), classes=net.classes_))
    cases = [
        (Gradient, {}),
        (GradientTimesInput, {}),
        (IntegratedGradients, {"smoothing": 0.1, "n_draws": 3, "random_state": 0}),
        (SmoothGrad, {"random_state": 0}),
        (DeepLIFT, {"baseline": "background", "n_background": 5, "random_state": 0}),
        *((LRP, {"rule": rule}) for rule in RULES),
    ]
    for explainer, params in cases:
        first = explainer(ours, **params).fit(raw).explain(raw[:8])
        second = explainer(theirs, **params).fit(raw).explain(raw[:8])
        scale = np.abs(first.values).max()
        np.testing.assert_allclose(second.values, first.values, atol=1e-10 * scale)
        np.testing.assert_allclose(second.base_values, first.base_values, atol=1e-10 * scale)


def test_single_precision():
    net = classifier(X, 3)
    double = wrapped(as_torch(net))
    single = wrapped(as_torch(net, torch.float32))
    for explainer in (Gradient, IntegratedGradients, DeepLIFT, LRP):
        expected = explainer(double).fit(X).explain(ROWS)
        found = explainer(single).fit(X).explain(ROWS)
        assert found.values.dtype == np.float64
        scale = np.abs(expected.values).max()
        np.testing.assert_allclose(found.values, expected.values, atol=1e-4 * scale)


@pytest.mark.parametrize("last", [nn.Softmax, nn.LogSoftmax])
def test_a_softmax_inside_the_module(last):
    bare = seeded(Functional)
    model = wrapped(nn.Sequential(bare, last(dim=1)).double())
    inside = DeepLIFT(model).fit(X).explain(ROWS)
    np.testing.assert_allclose(inside.additivity_gap, 0.0, atol=1e-12)
    if last is nn.Softmax:
        outside = DeepLIFT(wrapped(bare)).fit(X).explain(ROWS)
        np.testing.assert_allclose(inside.values, outside.values, atol=1e-12)
        path = IntegratedGradients(model).fit(X).explain(ROWS)
        assert path.details["is_exact"].all()
        np.testing.assert_allclose(path.additivity_gap, 0.0, atol=1e-13)
    with pytest.raises(ValueError, match=r"LRP cannot go through .*softmax is not known"):
        LRP(model).fit(X)


def test_one_logit_two_logits_and_probabilities():
    torch.manual_seed(0)
    two = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    one = copy.deepcopy(two)
    one[2] = nn.Linear(8, 1).double()
    one[2].weight.data = two[2].weight.data[1:] - two[2].weight.data[:1]
    one[2].bias.data = two[2].bias.data[1:] - two[2].bias.data[:1]
    chance = nn.Sequential(one, nn.Sigmoid())
    chances = nn.Sequential(two, nn.Softmax(dim=1))
    modules = (two, one, chance, chances)
    models = [TorchClassifier(module, classes=["no", "yes"]) for module in modules]
    for explainer in (Gradient, IntegratedGradients, DeepLIFT):
        explained = [explainer(model).fit(X).explain(ROWS) for model in models]
        assert {one.output_names for one in explained} == {("yes",)}
        for other in explained[1:]:
            np.testing.assert_allclose(other.values, explained[0].values, atol=1e-12)
    margins = [LRP(model, rule="zero").fit(X).explain(ROWS) for model in models]
    for other in margins[1:]:
        np.testing.assert_allclose(other.values, margins[0].values, atol=1e-12)
    with pytest.raises(ValueError, match="LRP explains logits"):
        LRP(models[2], response_method="predict_proba").fit(X)


def test_regressors_with_several_outputs():
    model = TorchRegressor(seeded(Functional))
    for explainer in (IntegratedGradients, DeepLIFT, LRP):
        explained = explainer(model).fit(X).explain(ROWS)
        np.testing.assert_allclose(explained.predictions, model.predict(ROWS), atol=1e-12)
        np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-10)


def test_a_single_row_may_lose_its_axis():
    model = TorchRegressor(seeded(Squeezed))
    for explainer in (Gradient, IntegratedGradients, DeepLIFT, LRP):
        fitted = explainer(model).fit(X)
        whole, alone = fitted.explain(ROWS), fitted.explain(ROWS[:1])
        np.testing.assert_allclose(alone.values, whole.values[:1], atol=1e-13)
        if explainer is not Gradient:
            np.testing.assert_allclose(whole.additivity_gap, 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("pool", "n_left"),
    [(nn.AvgPool2d(2), 16), (nn.AdaptiveAvgPool2d(1), 4), (nn.BatchNorm2d(4), 64)],
)
def test_images(pool, n_left):
    model = wrapped(seeded(Pooled, pool, n_left))
    cases = [(LRP, {"rule": rule}) for rule in RULES]
    for explainer, params in [(IntegratedGradients, {}), (DeepLIFT, {}), *cases]:
        explained = explainer(model, **params).fit(X).explain(ROWS)
        np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)


def test_the_largest_of_several():
    model = wrapped(seeded(Pooled, nn.MaxPool2d(2), 16))
    explained = LRP(model).fit(X).explain(ROWS)
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)
    with pytest.raises(ValueError, match="max_pool2d is not known"):
        DeepLIFT(model).fit(X)
    path = IntegratedGradients(model).fit(X).explain(ROWS)
    assert not path.details["is_exact"].any()
    np.testing.assert_allclose(path.additivity_gap, 0.0, atol=1e-3)


def loans(n_rows=50):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo", "Lima"], size=n_rows),
            "amount": rng.lognormal(size=n_rows),
            "grade": pd.Categorical(rng.choice(["a", "b"], size=n_rows)),
            "age": rng.integers(18, 80, size=n_rows),
            "owner": rng.random(n_rows) < 0.5,
        }
    )


@pytest.mark.parametrize("explainer", [GradientTimesInput, IntegratedGradients, DeepLIFT, LRP])
def test_embeddings_belong_to_their_columns(explainer):
    frame = loans()
    encoder = ColumnEncoder().fit(frame)
    module = seeded(Mixed, encoder.n_codes_)
    model = TorchClassifier(module, classes=["bad", "good"], encoder=encoder)
    fitted = explainer(model).fit(frame)
    assert fitted.differentiable_.owners.tolist() == [1, 3, 0, 0, 0, 2, 2, 4, 4]
    explained = fitted.explain(frame.head(6))
    assert explained.feature_names == tuple(frame.columns)
    if explainer is not GradientTimesInput:
        np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-9)
    if explainer is IntegratedGradients:
        rows = module.first.weight.detach().numpy()
        codes = encoder.transform(frame)[1][:, 0]
        np.testing.assert_allclose(fitted.baselines_.inputs[0, 2:5], rows[codes].mean(axis=0))
    again = pickle.loads(pickle.dumps(fitted)).explain(frame.head(6))
    np.testing.assert_array_equal(again.values, explained.values)


@pytest.mark.parametrize("explainer", [GradientTimesInput, IntegratedGradients, DeepLIFT, LRP])
def test_one_hot_columns_before_or_inside_the_adapter(explainer):
    frame = loans()
    columns = make_column_transformer(
        (StandardScaler(), ["amount", "age"]), (OneHotEncoder(), ["city", "grade", "owner"])
    ).fit(frame)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    before = make_pipeline(columns, TorchClassifier(module, classes=["bad", "good"]))
    inside = TorchClassifier(module, classes=["bad", "good"], encoder=columns)
    explained = [explainer(model).fit(frame).explain(frame.head(5)) for model in (before, inside)]
    assert explained[0].feature_names == tuple(frame.columns)
    np.testing.assert_allclose(explained[1].values, explained[0].values, atol=1e-12)


def test_the_caller_may_have_switched_derivatives_off():
    model = wrapped(seeded(Functional))
    for explainer in (Gradient, IntegratedGradients, DeepLIFT, LRP):
        expected = explainer(model).fit(X).explain(ROWS).values
        with torch.inference_mode():
            found = explainer(model).fit(X).explain(ROWS).values
        np.testing.assert_allclose(found, expected, atol=1e-13)


def test_codes_outside_of_embeddings_are_refused():
    frame = loans()
    model = TorchClassifier(seeded(CodesAsNumbers).float(), encoder=ColumnEncoder().fit(frame))
    with pytest.raises(ValueError, match=r"outside of an embedding"):
        IntegratedGradients(model).fit(frame)


@pytest.mark.parametrize("explainer", [DeepLIFT, LRP])
@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_operations_are_named(name, explainer):
    module = seeded(*UNKNOWN[name])
    before = state_of(module)
    with pytest.raises(ValueError, match=rf"cannot go through .*\b{name}\b.* is not known"):
        explainer(wrapped(module)).fit(X)
    assert_untouched(module, before)


@pytest.mark.parametrize("name", ["layer_norm", "mul", "multi_head_attention_forward"])
def test_paths_need_no_rules(name):
    explained = IntegratedGradients(wrapped(seeded(*UNKNOWN[name]))).fit(X).explain(ROWS)
    assert explained.converged.all()
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-5)


@pytest.mark.parametrize("explainer", [DeepLIFT, LRP])
@pytest.mark.parametrize("function", [Squared.apply, lambda x: F.relu(x) + torch.tanh(x.detach())])
def test_what_cannot_be_seen_is_no_answer(function, explainer):
    """Functions of one's own for autograd, and detached branches."""
    model = wrapped(seeded(Calls, function))
    with pytest.raises(ValueError, match=r"do not add up|is not known|cut off"):
        explainer(model).fit(X).explain(ROWS)


def test_modules_that_cut_gradients_off():
    model = wrapped(seeded(Calls, torch.Tensor.detach))
    with pytest.raises(ValueError, match="cut off from its inputs"):
        Gradient(model).fit(X).explain(ROWS)


def test_scripts_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(seeded(chain, nn.ReLU))
    with pytest.raises(ValueError, match="TorchScript"):
        IntegratedGradients(wrapped(script)).fit(X)


def test_a_module_that_raises_is_untouched():
    module = seeded(Functional)
    module.train()
    explainer = DeepLIFT(wrapped(module)).fit(X)
    before = state_of(module)
    handle = module.last.register_forward_pre_hook(raising)
    with pytest.raises(ValueError, match="stop"):
        explainer.explain(ROWS)
    handle.remove()
    assert_untouched(module, before)
    assert module.training
    with torch.no_grad():
        explainer.explain(ROWS)


def raising(*_):
    raise ValueError("stop")


def test_randomised_networks_change_the_attributions():
    first, second = (
        [
            explainer(wrapped(module)).fit(X).explain(X).values.ravel()
            for explainer in (Gradient, GradientTimesInput, IntegratedGradients, DeepLIFT, LRP)
        ]
        for module in (seeded(chain, nn.ReLU), chain(nn.ReLU).double())
    )
    for one, other in zip(first, second, strict=True):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.7


def test_blocks_and_jobs():
    model = wrapped(seeded(Residual))
    many = np.tile(X, (40, 1)) + 0.01 * table(2400, 6, seed=1)
    fitted = DeepLIFT(model, n_jobs=2).fit(X)
    with parallel_config(backend="threading"):
        whole = fitted.explain(many).values
        last = fitted.explain(many[2100:]).values
    np.testing.assert_allclose(last, whole[2100:], atol=1e-13)


def test_captum_agrees_where_it_is_right():
    captum = pytest.importorskip("captum.attr")
    module = seeded(chain, nn.ReLU).eval()
    model = wrapped(module)
    inputs = torch.tensor(ROWS)
    options = {"response_method": "decision_function", "target": "b"}
    zero = {"baseline": "zero", **options}
    ours = DeepLIFT(model, **zero).fit(X).explain(ROWS).values[..., 0]
    theirs = attributed(captum.DeepLift(copy.deepcopy(module)), inputs)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    ours = Gradient(model, **options).fit(X).explain(ROWS).values[..., 0]
    np.testing.assert_allclose(ours, attributed(captum.Saliency(module), inputs, abs=False))
    ours = GradientTimesInput(model, **options).fit(X).explain(ROWS).values[..., 0]
    theirs = attributed(captum.InputXGradient(module), inputs)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    ours = IntegratedGradients(model, **zero).fit(X).explain(ROWS).values[..., 0]
    theirs = attributed(captum.IntegratedGradients(module), inputs, n_steps=2000)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    bare = seeded(chain, nn.ReLU, False).eval()
    ours = LRP(wrapped(bare), target="b").fit(X).explain(ROWS).values[..., 0]
    np.testing.assert_allclose(ours, attributed(captum.LRP(copy.deepcopy(bare)), inputs), atol=1e-6)


def attributed(method, inputs, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return method.attribute(inputs.clone().requires_grad_(), target=1, **options).detach()
