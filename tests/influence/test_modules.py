"""Torch modules: influence equals that of the same model in scikit-learn, and changes nothing."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates import InfluenceFunctions

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from surrogates.influence.engine import Training  # noqa: E402
from surrogates.influence.gauss_newton import solve  # noqa: E402
from surrogates.influence.modules import read_module  # noqa: E402
from surrogates.influence.networks import read_network  # noqa: E402
from surrogates.torch import ColumnEncoder, TorchClassifier, TorchRegressor  # noqa: E402

CANCER, LABELS = (part[::5] for part in load_breast_cancer(return_X_y=True))
CANCER = StandardScaler().fit_transform(CANCER)[:, :8]
WINE, KINDS = (part[::2] for part in load_wine(return_X_y=True))
WINE = StandardScaler().fit_transform(WINE)[:, :5]
AMOUNT = CANCER[:, 0] ** 2 + CANCER[:, 1]
WEIGHTS = np.linspace(0.5, 2.0, len(LABELS))
LONG = {"solver": "lbfgs", "alpha": 1.0, "max_iter": 5000, "tol": 1e-10, "random_state": 0}
ACTIVATIONS = {"tanh": nn.Tanh, "logistic": nn.Sigmoid, "identity": nn.Identity, "relu": nn.ReLU}


def linear(coef, intercept):
    layer = nn.Linear(coef.shape[1], coef.shape[0]).double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(coef))
        layer.bias.copy_(torch.from_numpy(np.broadcast_to(intercept, len(coef)).copy()))
    return layer


def as_module(network):
    """Return the layers of a network of scikit-learn."""
    layers = []
    for coef, intercept in zip(network.coefs_, network.intercepts_, strict=True):
        layers += [linear(coef.T.copy(), intercept), ACTIVATIONS[network.activation]()]
    return nn.Sequential(*layers[:-1])


def values(model, X, y, X_test, y_test, weights=None, **options):
    explainer = InfluenceFunctions(model, **options).fit(X, y, sample_weight=weights)
    of = options.get("of", "loss")
    return explainer.explain(X_test, y_test if of == "loss" else None).values


def close(found, expected, rtol=1e-6):
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("layers", ["all", "last"])
@pytest.mark.parametrize("of", ["loss", "prediction"])
@pytest.mark.parametrize("method", ["first_order", "newton", "exact"])
def test_a_logistic_module_equals_logistic_regression(layers, of, method):
    model = LogisticRegression(C=0.5, tol=1e-12, max_iter=1000).fit(CANCER, LABELS, WEIGHTS)
    module = TorchClassifier(linear(model.coef_, model.intercept_), device="cpu")
    rows = CANCER, LABELS, CANCER[:9], LABELS[:9], WEIGHTS
    expected = values(model, *rows, method=method, of=of)
    penalty = {"weight": 2.0}
    close(values(module, *rows, method=method, of=of, layers=layers, penalty=penalty), expected)


@pytest.mark.parametrize("method", ["first_order", "newton", "exact"])
def test_a_linear_module_equals_ridge(method):
    X, y, weights = CANCER[:40], AMOUNT[:40], WEIGHTS[:40]
    model = Ridge(alpha=0.7).fit(X, y, weights)
    module = TorchRegressor(linear(model.coef_[None], model.intercept_), device="cpu")
    rows = X, y, X[:9], y[:9], weights
    expected = values(model, *rows, method=method)
    close(values(module, *rows, method=method, penalty={"weight": 0.7}), expected)
    by_module = InfluenceFunctions(module, penalty={"weight": 0.7}, method=method)
    groups = [[0, 4, 7], [2]]
    found = by_module.fit(X, y, sample_weight=weights).remove(groups, *rows[2:4])
    explainer = InfluenceFunctions(model, method=method).fit(X, y, sample_weight=weights)
    close(found.values, explainer.remove(groups, *rows[2:4]).values)


@pytest.mark.parametrize("layers", ["all", "last"])
@pytest.mark.parametrize("method", ["first_order", "newton"])
def test_three_classes_equal_multinomial_regression(layers, method):
    """Logits that all grow alike say the same: such directions have no curvature."""
    model = LogisticRegression(tol=1e-12, max_iter=1000).fit(WINE, KINDS)
    module = TorchClassifier(linear(model.coef_, model.intercept_), device="cpu")
    rows = WINE, KINDS, WINE[:9], KINDS[:9]
    expected = values(model, *rows, method=method)
    close(values(module, *rows, method=method, layers=layers, penalty={"weight": 1.0}), expected)


def test_probabilities_and_two_logits_are_the_same_model():
    model = LogisticRegression(tol=1e-12, max_iter=1000).fit(CANCER, LABELS)
    one = linear(model.coef_, model.intercept_)
    two = linear(np.vstack([-model.coef_ / 2, model.coef_ / 2]), model.intercept_)
    with torch.no_grad():
        two.bias[0] = -two.bias[1] / 2
        two.bias[1] /= 2
    modules = {
        "logit": (one, {"weight": 1.0}),
        "probability": (nn.Sequential(one, nn.Sigmoid()), {"0.weight": 1.0}),
        "two logits": (two, {"weight": 2.0}),
        "two probabilities": (nn.Sequential(two, nn.Softmax(dim=1)), {"0.weight": 2.0}),
    }
    rows = CANCER, LABELS, CANCER[:9], LABELS[:9]
    expected = values(model, *rows, method="newton")
    for module, penalty in modules.values():
        for layers in ("all", "last"):
            adapter = TorchClassifier(module, device="cpu")
            close(values(adapter, *rows, method="newton", layers=layers, penalty=penalty), expected)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("kind", ["binary", "classes", "numbers"])
def test_derivatives_equal_those_of_the_numpy_engine(activation, kind):
    X, y = {"binary": (CANCER, LABELS), "classes": (WINE, KINDS), "numbers": (CANCER, AMOUNT)}[kind]
    cls, adapter = (MLPClassifier, TorchClassifier)
    if kind == "numbers":
        cls, adapter = (MLPRegressor, TorchRegressor)
    model = cls(hidden_layer_sizes=(4, 3), activation=activation, solver="lbfgs", max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(random_state=0, alpha=0.3).fit(X, y)
    weights = np.linspace(0.5, 2.0, len(y))
    expected = read_network(Training(model, X, np.asarray(y), weights, True))
    wrapped = adapter(as_module(model), device="cpu")
    names = [name for name, _ in wrapped.module.named_parameters()]
    penalty = {name: 0.3 for name in names if name.endswith("weight")}
    found = read_module(Training(wrapped, X, np.asarray(y), weights, True), "all", penalty)
    order = place_in(model, names)
    assert found.theta == pytest.approx(expected.theta[order], abs=0)
    jacobian = expected.jacobian(X)[:, :, order]
    np.testing.assert_allclose(found.jacobian(X), jacobian, atol=1e-12)
    close(found.objective(found.theta)[1], expected.objective(expected.theta)[1][order], 1e-12)
    assert found.objective(found.theta)[0] == pytest.approx(expected.objective(expected.theta)[0])
    close(found.curvature(), expected.curvature()[np.ix_(order, order)], 1e-10)


def place_in(model, names):
    """Return for each parameter of the module its position in the numpy engine."""
    parts = [*model.coefs_, *model.intercepts_]
    starts = np.cumsum([0, *(part.size for part in parts)])
    order = []
    for name in names:
        layer = int(name.split(".")[0]) // 2
        if name.endswith("weight"):
            shape = model.coefs_[layer].shape
            order.append(starts[layer] + np.arange(np.prod(shape)).reshape(shape).T.ravel())
        else:
            size = len(model.intercepts_[layer])
            order.append(starts[len(model.coefs_) + layer] + np.arange(size))
    return np.concatenate(order)


@pytest.mark.parametrize("method", ["first_order", "newton", "auto"])
def test_a_network_equals_the_numpy_engine(method):
    model = MLPClassifier((3,), activation="tanh", **LONG).fit(CANCER, LABELS)
    module = TorchClassifier(as_module(model), device="cpu")
    rows = CANCER, LABELS, CANCER[:7], LABELS[:7]
    penalty = {"0.weight": 1.0, "2.weight": 1.0}
    close(
        values(module, *rows, method=method, penalty=penalty), values(model, *rows, method=method)
    )


def larger_case():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    model = read_module(
        Training(TorchClassifier(module, device="cpu"), WINE, KINDS, np.ones(len(KINDS)), False),
        "all",
        0.01,
    )
    return module, model


def test_conjugate_gradients_equal_a_direct_solution():
    _, model = larger_case()
    jacobian = model.jacobian(WINE)
    shares = model.loss.curvature(model.targets, model.margins(WINE))
    local = np.einsum("nk,kl->nkl", shares, np.eye(3)) - shares[:, :, None] * shares[:, None]
    curvature = np.einsum("nkp,nkl,nlq->pq", jacobian, local, jacobian) + np.diag(model.penalty)
    directions = np.random.default_rng(0).normal(size=(4, len(curvature)))
    close(
        model.gauss_newton_products(directions, model.margins(WINE)), directions @ curvature, 1e-12
    )
    right = np.vstack([directions, np.zeros(len(curvature))])
    found, left = solve(model, 0.02, right, tol=1e-12)
    damped = curvature + 0.02 * len(WINE) * np.eye(len(curvature))
    close(found, np.linalg.solve(damped, right.T).T, 1e-9)
    assert left < 1e-11
    assert solve(model, 0.02, right, tol=1e-12, most=2)[1] > 1e-6


def test_large_networks_use_conjugate_gradients(monkeypatch):
    import surrogates.influence.engines as engines

    model = LogisticRegression(C=0.5, tol=1e-12, max_iter=1000).fit(CANCER, LABELS)
    module = TorchClassifier(linear(model.coef_, model.intercept_), device="cpu")
    rows = CANCER, LABELS, CANCER[:9], LABELS[:9]
    options = {"penalty": {"weight": 2.0}, "damping": 0.0, "tol": 1e-10}
    monkeypatch.setattr(engines, "_MOST_PARAMETERS", 5)
    explainer = InfluenceFunctions(module, **options).fit(*rows[:2])
    influence = explainer.explain(*rows[2:])
    expected = InfluenceFunctions(model, method="first_order").fit(*rows[:2])
    close(influence.values, expected.explain(*rows[2:]).values)
    assert np.isnan(influence.self_influence).all()
    frame = explainer.validate(2)
    assert frame["pearson"].iloc[0] > 0.9
    assert explainer._self_influence is None
    close(explainer.self_influence_, expected.self_influence_)
    assert np.isfinite(explainer.explain(*rows[2:]).self_influence).all()
    groups = explainer.remove([[0, 1], [5]], *rows[2:]).values
    close(groups, expected.remove([[0, 1], [5]], *rows[2:]).values)
    followed = InfluenceFunctions(module, of="prediction", **options).fit(*rows[:2])
    linear_effect = InfluenceFunctions(model, method="first_order", of="prediction").fit(*rows[:2])
    close(followed.explain(CANCER[:3]).values, linear_effect.explain(CANCER[:3]).values)
    with pytest.raises(ValueError, match="layers='last'"):
        InfluenceFunctions(module, method="newton").fit(*rows[:2])


def test_influence_agrees_with_training_on(capsys):
    model = MLPClassifier((3,), activation="tanh", **LONG).fit(CANCER[:60], LABELS[:60])
    module = TorchClassifier(as_module(model), device="cpu")
    options = {"penalty": {"0.weight": 1.0, "2.weight": 1.0}, "random_state": 0}
    explainer = InfluenceFunctions(module, **options).fit(CANCER[:60], LABELS[:60])
    frame = explainer.validate(4)
    assert list(frame.index) == ["trained on without the row"]  # a module is never fitted again
    assert frame["pearson"].iloc[0] > 0.85
    assert "4 rows left out" in capsys.readouterr().out


def test_the_module_is_as_it_was():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3)
    )
    module.train()
    module[3].eval()
    before = copy.deepcopy(module.state_dict())
    flags = [part.training for part in module.modules()]
    pointers = [parameter.data_ptr() for parameter in module.parameters()]
    model = TorchClassifier(module, device="cpu")
    for layers in ("all", "last", ["4"]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            explainer = InfluenceFunctions(model, layers=layers, damping=0.1).fit(WINE, KINDS)
        explainer.explain(WINE[:3], KINDS[:3])
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert tensor.dtype == before[name].dtype
    assert flags == [part.training for part in module.modules()]
    assert pointers == [parameter.data_ptr() for parameter in module.parameters()]
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not any(part._forward_pre_hooks for part in module.modules())


def test_the_last_layer_is_the_layer_named():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    model = TorchClassifier(module, device="cpu")
    options = {"damping": 0.1, "method": "newton"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = [
            values(model, WINE, KINDS, WINE[:5], KINDS[:5], layers=layers, **options)
            for layers in ("last", ["2"], ["2.weight", "2.bias"])
        ]
    close(found[1], found[0], 1e-10)
    close(found[2], found[0], 1e-10)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent, self.head = nn.GRU(1, 2, batch_first=True), nn.Linear(2, 1)

    def forward(self, x):
        return self.head(self.recurrent(x[:, :, None])[0][:, -1]).squeeze(1)


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(2, 1, batch_first=True), nn.Linear(2, 3)

    def forward(self, x):
        pairs = torch.stack([x, x.cos()], dim=2)
        return torch.log_softmax(self.head(self.attention(pairs, pairs, pairs)[0].mean(1)), 1)


class Worded(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.hidden = nn.Embedding(4, 2), nn.Linear(3, 2)
        self.norm, self.head = nn.LayerNorm(2), nn.Linear(2, 2)

    def forward(self, numbers, codes):
        joint = torch.cat([numbers, self.words(codes[:, 0])], dim=1)
        return self.head(self.norm(self.hidden(joint).tanh()))


@pytest.mark.parametrize("kind", ["recurrent", "attention", "embedding"])
def test_derivatives_of_layers_of_many_kinds(kind):
    """Equal to differences, whether rows and directions can be taken side by side or not."""
    torch.manual_seed(0)
    X, y, encoder = WINE[:12, :3], KINDS[:12] + np.arange(12) % 2, None
    module = {"recurrent": Recurrent, "attention": Attending, "embedding": Worded}[kind]()
    if kind == "embedding":
        words = np.array(["a", "b", "c"])[np.arange(12) % 3]
        X = pd.DataFrame({"amount": WINE[:12, 0], "word": words})
        encoder = ColumnEncoder().fit(X)
    y = y if kind == "attention" else np.arange(12) % 2
    adapter = TorchClassifier(module.double(), encoder=encoder, device="cpu")
    model = read_module(Training(adapter, X, y, np.linspace(1, 2, 12), True), "all", 0.1)
    theta, step = model.theta, 1e-6
    shifts = step * np.eye(len(theta))[:: max(1, len(theta) // 8)]
    pairs = [(model.objective(theta + s), model.objective(theta - s)) for s in shifts]
    slopes = [(above[0] - below[0]) / (2 * step) for above, below in pairs]
    gradient, places = model.objective(theta)[1], (shifts > 0.0).argmax(axis=1)
    np.testing.assert_allclose(gradient[places], slopes, atol=1e-7 * np.abs(gradient).max() + 1e-8)
    bends = np.array([(above[1] - below[1]) / (2 * step) for above, below in pairs])
    products = model.curvature_products(shifts / step)
    np.testing.assert_allclose(products, bends, atol=1e-6 * np.abs(bends).max())
    margins = [(model.at(theta + s).margins(X), model.at(theta - s).margins(X)) for s in shifts]
    moved = [(above - below).reshape(12, -1) / (2 * step) for above, below in margins]
    jacobian = model.jacobian(X)[:, :, places]
    np.testing.assert_allclose(np.moveaxis(jacobian, 2, 0), moved, atol=1e-7)


def test_pipelines_frames_and_labels_of_any_kind():
    frame = pd.DataFrame(CANCER * 3 + 1, columns=[f"c{place}" for place in range(8)])
    names = np.array(["no", "yes"])[LABELS]
    scaler = StandardScaler().fit(frame)
    model = LogisticRegression(tol=1e-12, max_iter=1000).fit(scaler.transform(frame), names)
    wrapped = TorchClassifier(
        linear(model.coef_, model.intercept_), classes=["no", "yes"], device="cpu"
    )
    pipeline = make_pipeline(scaler, wrapped)
    explainer = InfluenceFunctions(pipeline, penalty={"weight": 1.0}, method="newton")
    influence = explainer.fit(frame, names).explain(frame[:4], names[:4])
    expected = InfluenceFunctions(make_pipeline(scaler, model), method="newton").fit(frame, names)
    close(influence.values, expected.explain(frame[:4], names[:4]).values)
    assert influence.details["preprocessing"] == "frozen"
    suspects = explainer.label_suspects(3)
    assert list(suspects.index) == list(expected.label_suspects(3).index)


@pytest.mark.parametrize("layers", ["all", "last"])
def test_fitted_explainers_can_be_pickled(layers):
    torch.manual_seed(0)
    model = TorchClassifier(nn.Sequential(nn.Linear(5, 3)).double(), device="cpu")
    explainer = InfluenceFunctions(model, layers=layers, method="newton", damping=0.1, n_jobs=2)
    with pytest.warns(ConvergenceWarning, match="train it for longer"):
        explainer.fit(WINE, KINDS)
    expected = explainer.explain(WINE[:3], KINDS[:3]).values
    again = pickle.loads(pickle.dumps(explainer)).explain(WINE[:3], KINDS[:3]).values
    np.testing.assert_array_equal(again, expected)


def test_refusals():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)).double()
    model = TorchClassifier(module, device="cpu")
    with pytest.raises(ValueError, match="never trains it"):
        InfluenceFunctions(model, method="retrain").fit(WINE, KINDS)
    with pytest.raises(ValueError, match="ends with one linear layer"):
        InfluenceFunctions(model, layers="last").fit(WINE, KINDS)
    with pytest.raises(ValueError, match="layers names 'head'"):
        InfluenceFunctions(model, layers=["head"]).fit(WINE, KINDS)
    with pytest.raises(ValueError, match="penalty names '7'"):
        InfluenceFunctions(model, penalty={"7": 1.0}).fit(WINE, KINDS)
    with pytest.raises(ValueError, match="'layers' parameter"):
        InfluenceFunctions(model, layers="first").fit(WINE, KINDS)
    two = TorchRegressor(nn.Linear(5, 2).double(), device="cpu")
    with pytest.raises(ValueError, match="several targets"):
        InfluenceFunctions(two).fit(WINE, WINE[:, :2])
    with pytest.warns(ConvergenceWarning, match="norm of the gradient"):
        InfluenceFunctions(model).fit(WINE, KINDS)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("layers", ["all", "last"])
def test_a_gpu_gives_the_same_answers(layers):
    model = LogisticRegression(tol=1e-12, max_iter=1000).fit(CANCER, LABELS)
    module = nn.Sequential(linear(model.coef_, model.intercept_), nn.Sigmoid())
    rows = CANCER, LABELS, CANCER[:9], LABELS[:9]
    options = {"layers": layers, "penalty": {"0.weight": 1.0}}
    found = [
        values(TorchClassifier(module, device=device), *rows, **options)
        for device in ("cpu", "cuda")
    ]
    close(found[1], found[0], 1e-9)
