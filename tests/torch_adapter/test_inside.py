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
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn import functional as F
from torch_open import (
    PIECEWISE,
    SMOOTH,
    Attention,
    Attentive,
    Bags,
    Calls,
    CodesAsNumbers,
    Convolution,
    Functional,
    Heads,
    Joined,
    Mixed,
    Pooled,
    Repeated,
    Residual,
    Reused,
    Scans,
    Squared,
    Squeezed,
    Tokens,
    Twice,
    Widened,
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
    "instance_norm": (Calls, lambda x: F.instance_norm(x[:, None])[:, 0]),
    "einsum": (Calls, lambda x: torch.einsum("ij,ij->ij", x, x)),
    "gt": (Calls, lambda x: torch.where(x > 0, x, 0 * x)),
    "dropout": (Calls, lambda x: F.dropout(x, 0.0, training=True)),
    "cummax": (Calls, lambda x: torch.cummax(x, dim=1)[0]),
    "item": (Calls, lambda x: x if x.sum().item() > 0.0 else 2.0 * x),
    "__float__": (Calls, lambda x: x * float(x.sum())),
    "amax": (Calls, lambda x: x - x.amax(0)),
}
PRODUCTS = {
    "mul": (Calls, lambda x: x * torch.sigmoid(x)),
    "square": (Calls, lambda x: x * x),
    "div": (Calls, lambda x: x / (1.0 + x.abs())),
    "rdiv": (Calls, lambda x: 1.0 / (2.0 + x**2)),
    "glu": (Calls, lambda x: F.glu(torch.cat([x, -x], dim=1))),
    "softmax": (Calls, lambda x: x.unflatten(1, (2, 3)).softmax(-1).flatten(1)),
    "matmul": (Calls, lambda x: (x[:, :, None] @ x[:, None, :]).sum(dim=2)),
    "multi_head_attention_forward": (Attentive,),
    "scaled_dot_product_attention": (Tokens, Attention),
    "heads": (Tokens, Heads),
    "encoder": (Tokens, lambda: nn.TransformerEncoderLayer(3, 1, 5, batch_first=True)),
    "constant": (Calls, lambda x: torch.maximum(x, torch.tensor(0.1))),
}
NORMALISATIONS = {
    "layer_norm": (
        Calls,
        lambda x: F.layer_norm(x, (6,), bias=x.new_ones(6)),
    ),
    "LayerNorm": (Tokens, lambda: nn.LayerNorm([2, 3])),
    "RMSNorm": (Tokens, lambda: nn.RMSNorm(3)),
    "GroupNorm": (Tokens, lambda: nn.GroupNorm(2, 2)),
}
LARGEST = {
    "halves": (Scans, nn.MaxPool1d(2)),
    "padded": (Scans, nn.MaxPool1d(3, 2, padding=1)),
    "dilated": (Scans, lambda x: F.max_pool1d(x, 3, 1, dilation=2)),
    "ceiling": (Scans, nn.MaxPool1d(4, 3, ceil_mode=True)),
    "adaptive": (Scans, nn.AdaptiveMaxPool1d(4)),
    "amax": (Scans, lambda x: x.amax((1, 2), keepdim=True)),
    "max": (Scans, lambda x: torch.max(x, -1)[0]),
    "min": (Scans, lambda x: x.min(dim=1, keepdim=True).values),
    "maximum": (Scans, lambda x: torch.maximum(x, x.flip(-1))),
    "images": (Pooled, nn.MaxPool2d(2), 16),
    "padded images": (Pooled, nn.MaxPool2d(3, 2, padding=1), 16),
    "dilated images": (Pooled, nn.MaxPool2d((2, 1), stride=1, dilation=(2, 1)), 32),
    "adaptive images": (Pooled, nn.AdaptiveMaxPool2d((3, 2)), 24),
    "all of an image": (Pooled, lambda x: torch.max_pool2d(x, kernel_size=4), 4),
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


def test_half_precision():
    net = classifier(X, 3)
    expected = Gradient(wrapped(as_torch(net))).fit(X).explain(ROWS).values
    found = Gradient(wrapped(as_torch(net, torch.bfloat16))).fit(X).explain(ROWS).values
    np.testing.assert_allclose(found, expected, atol=0.1 * np.abs(expected).max())
    bent = QuantileTransformer(n_quantiles=20).fit(X)
    with pytest.raises(ValueError, match="affine function of column 'x0'"):
        Gradient(make_pipeline(bent, wrapped(as_torch(net, torch.bfloat16)))).fit(X)


@pytest.mark.parametrize("last", [nn.Softmax, nn.LogSoftmax])
def test_a_softmax_inside_the_module(last):
    bare = seeded(Functional)
    model = wrapped(nn.Sequential(bare, last(dim=1)).double())
    inside = DeepLIFT(model).fit(X).explain(ROWS)
    np.testing.assert_allclose(inside.additivity_gap, 0.0, atol=1e-12)
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
    logs = nn.Sequential(two, nn.LogSoftmax(dim=1))
    modules = (two, one, chance, chances, logs)
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


def test_transposed_convolutions_and_interpolations():
    model = wrapped(seeded(Widened))
    path = IntegratedGradients(model).fit(X).explain(ROWS)
    assert path.details["is_exact"].all()
    others = (DeepLIFT(model), *(LRP(model, rule=rule) for rule in ("zero", "gamma", "w2")))
    for explained in (path, *(one.fit(X).explain(ROWS) for one in others)):
        np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)


@pytest.mark.parametrize("baseline", ["mean", "background"])
@pytest.mark.parametrize("name", LARGEST | PRODUCTS | NORMALISATIONS)
def test_deep_lift_of_several_numbers_is_complete(name, baseline):
    module = seeded(*(LARGEST | PRODUCTS | NORMALISATIONS)[name])
    module(torch.tensor(X))
    before = state_of(module)
    explainer = DeepLIFT(wrapped(module), baseline=baseline, n_background=9, random_state=0)
    explained = explainer.fit(X).explain(X)
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)
    assert_untouched(module, before)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", LARGEST | NORMALISATIONS)
def test_winners_and_normalisations_conserve(name, rule):
    model = wrapped(seeded(*(LARGEST | NORMALISATIONS)[name]))
    explained = LRP(model, rule=rule).fit(X).explain(ROWS)
    scale = np.abs(explained.values).sum(axis=1) + np.abs(explained.base_values)
    assert (np.abs(explained.additivity_gap) / scale).max() < 1e-12


def test_the_largest_is_put_down_to_the_winner_now_or_before():
    module = Calls(lambda x: x.amax(1, keepdim=True))
    module.first, module.last = nn.Identity(), nn.Identity()
    baseline = np.array([[1.0, 5.0, 0.0]])
    rows = np.array([[7.0, 2.0, 0.0], [4.0, 3.0, 0.0], [1.0, 5.0, 0.0]])
    model = TorchRegressor(module, dtype="float64")
    explained = DeepLIFT(model).fit(baseline).explain(rows)
    # grown from 5 to 7 by the first number; shrunk from 5 to 4 by the second; unchanged
    expected = np.array([[2.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(explained.values[..., 0], expected)


def test_factors_have_their_shapley_values():
    module = Calls(lambda x: x[:, :1] * x[:, 1:])
    module.first, module.last = nn.Identity(), nn.Identity()
    model = TorchRegressor(module, dtype="float64")
    explained = DeepLIFT(model).fit(np.array([[1.0, 2.0]])).explain(np.array([[4.0, 6.0]]))
    np.testing.assert_allclose(explained.values[0, :, 0], [3.0 * 4.0, 4.0 * 2.5])


def test_paths_through_the_largest_of_several():
    path = IntegratedGradients(wrapped(seeded(*LARGEST["images"]))).fit(X).explain(ROWS)
    assert not path.details["is_exact"].any()
    np.testing.assert_allclose(path.additivity_gap, 0.0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_that_are_their_own_baselines(dtype):
    model = wrapped(seeded(chain, nn.Tanh).to(dtype))
    explainer = DeepLIFT(model, baseline="background", n_background=None).fit(X)
    atol = 1e-6 if dtype is torch.float32 else 1e-13
    np.testing.assert_allclose(explainer.explain(X).additivity_gap, 0.0, atol=atol)
    alone = DeepLIFT(model).fit(X[:1]).explain(X[:3]).values
    np.testing.assert_allclose(alone[0], 0.0, atol=1e-13)


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


@pytest.mark.parametrize("mode", ["mean", "sum"])
@pytest.mark.parametrize("explainer", [IntegratedGradients, DeepLIFT, LRP])
def test_bags_of_embeddings(explainer, mode):
    frame = loans()
    encoder = ColumnEncoder().fit(frame)
    module = seeded(Bags, encoder.n_codes_, mode)
    model = TorchClassifier(module, classes=["bad", "good"], encoder=encoder)
    explained = explainer(model).fit(frame).explain(frame)
    np.testing.assert_allclose(explained.additivity_gap, 0.0, atol=1e-12)
    assert explained.values.any(axis=(0, 2)).all()
    refused = TorchClassifier(seeded(Bags, encoder.n_codes_, "max"), encoder=encoder)
    with pytest.raises(ValueError, match="embedding_bag is not known"):
        explainer(refused).fit(frame)


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


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_have_no_relevance(name):
    with pytest.raises(ValueError, match=r"LRP cannot go through .* is not known"):
        LRP(wrapped(seeded(*PRODUCTS[name]))).fit(X)


@pytest.mark.parametrize("name", ["layer_norm", "mul", "multi_head_attention_forward"])
def test_paths_need_no_rules(name):
    module = seeded(*(PRODUCTS | NORMALISATIONS)[name])
    explained = IntegratedGradients(wrapped(module)).fit(X).explain(ROWS)
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
    many = np.tile(X, (150, 1)) + 0.01 * table(9000, 6, seed=1)
    fitted = DeepLIFT(model, n_jobs=2).fit(X)
    with parallel_config(backend="threading"):
        whole = fitted.explain(many).values
        last = fitted.explain(many[8100:]).values
    np.testing.assert_allclose(last, whole[8100:], atol=1e-13)


def trained_on(module):
    optimiser = torch.optim.SGD(module.parameters(), 1e-2)
    module(torch.tensor(X)).square().mean().backward()
    optimiser.step()
    module.zero_grad()


CHANGES = {
    "a step of training": trained_on,
    "weights": lambda module: module.first.weight.data.mul_(1.01),
    "a layer": lambda module: setattr(module, "last", nn.Linear(12, 3).double()),
    "a hook": lambda module: module.first.register_forward_hook(doubled),
    "the way": lambda module: setattr(module, "n_times", 2),
}


@pytest.mark.parametrize(
    "explainer", [Gradient, GradientTimesInput, IntegratedGradients, SmoothGrad, DeepLIFT, LRP]
)
@pytest.mark.parametrize("name", CHANGES)
def test_a_module_that_changed_since_fit(name, explainer):
    module = seeded(Repeated)
    fitted = explainer(TorchRegressor(module)).fit(X)
    module.train()
    fitted.explain(ROWS)
    CHANGES[name](module)
    with pytest.raises(ValueError, match="call fit again"):
        fitted.explain(ROWS)


def doubled(_, given, result):
    return 2.0 * result


@pytest.mark.parametrize("explainer", [IntegratedGradients, LRP])
def test_a_way_that_depends_on_the_rows(explainer):
    """Without a change of the network that could be seen in other rows."""
    module = seeded(Repeated)
    fitted = explainer(TorchRegressor(module)).fit(X)
    module.n_times = 2
    fitted._known = fitted.differentiable_.responses(fitted._asked)
    with pytest.raises(ValueError, match="its way depends on the rows, or it has changed"):
        fitted.explain(ROWS)


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
