"""A GPU gives the answers that the processor gives, and leaves the module where it is."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_networks import WithEmbeddings, mlp

from surrogates import LIME, LRP, DeepLIFT, IntegratedGradients, KernelSHAP, Occlusion
from surrogates.attribution.shapley import added_up
from surrogates.datasets import load_german_credit
from surrogates.torch import ColumnEncoder, TorchClassifier

DEVICE = "cuda"

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore:The surrogate explains less"),  # of random networks
]

EXPLAINERS = {
    "crossed": lambda model: KernelSHAP(model, n_coalitions=64, n_background=9, random_state=0),
    "shared": lambda model: KernelSHAP(
        model, n_coalitions=64, n_background=9, design="shared", random_state=0
    ),
    "logit": lambda model: KernelSHAP(
        model, n_coalitions=64, n_background=9, link="logit", random_state=0
    ),
    "occlusion": lambda model: Occlusion(model, n_background=9, random_state=0),
    "lime": lambda model: LIME(model, sampling="background", n_samples=300, random_state=0),
    "lime of values": lambda model: LIME(model, n_samples=300, random_state=0),
    "integrated": lambda model: IntegratedGradients(model, random_state=0),
    "relevance": LRP,
    "rescale": DeepLIFT,
}


def compare(explainer, pair, X, tolerance):
    there, here = (explainer(model).fit(X).explain(X[40:45]).values for model in pair)
    np.testing.assert_allclose(there, here, rtol=0, atol=tolerance * np.abs(here).max())


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.mark.parametrize("name", EXPLAINERS)
def test_explanations(name, dtype):
    X = np.random.default_rng(0).normal(size=(60, 8))
    X[:, 2] = X[:, 2] > 0
    module = mlp(8, 3)
    pair = [TorchClassifier(module, dtype=dtype, device=device) for device in (DEVICE, "cpu")]
    compare(EXPLAINERS[name], pair, X, 1e-4 if dtype == "float32" else 1e-10)
    assert {parameter.device.type for parameter in module.parameters()} == {"cpu"}


@pytest.mark.parametrize("n_coalitions", [64, 200])
@pytest.mark.parametrize("design", ["crossed", "shared"])
def test_responses_are_added_up(design, n_coalitions, dtype, monkeypatch):
    monkeypatch.setattr(added_up, "_WORTH_ADDING_UP", 1)
    X = np.random.default_rng(0).normal(size=(60, 12))
    X[:, 2], X[::3, 5] = X[:, 2] > 0, 0.0
    module = mlp(12, 2)
    pair = [TorchClassifier(module, dtype=dtype, device=device) for device in (DEVICE, "cpu")]

    def explainer(model):
        return KernelSHAP(
            model, n_coalitions=n_coalitions, n_background=25, design=design, random_state=0
        )

    compare(explainer, pair, X, 1e-4 if dtype == "float32" else 1e-10)


@pytest.mark.parametrize("name", ["crossed", "occlusion", "lime"])
def test_embeddings(name):
    loans = load_german_credit(return_X_y=True)[0].iloc[:120]
    encoder = ColumnEncoder().fit(loans)
    module = WithEmbeddings(len(encoder.column_owners_[0]), encoder.n_codes_).double()
    pair = [TorchClassifier(module, encoder=encoder, device=device) for device in (DEVICE, "cpu")]
    compare(EXPLAINERS[name], pair, loans, 1e-10)


def test_chunks():
    X = np.random.default_rng(0).normal(size=(60, 8))
    module = mlp(8, 2, torch.float64)
    pair = [TorchClassifier(module, device=DEVICE, batch_size=size) for size in (7, 10_000)]
    compare(EXPLAINERS["crossed"], pair, X, 1e-12)


def test_a_module_that_was_there_loads_here():
    X = np.random.default_rng(0).normal(size=(6, 8))
    adapter = TorchClassifier(mlp(8, 2).to(DEVICE))
    loaded = pickle.loads(pickle.dumps(adapter))
    assert {parameter.device.type for parameter in loaded.module.parameters()} == {"cpu"}
    expected = adapter.predict_proba(X)
    np.testing.assert_allclose(loaded.predict_proba(X), expected, rtol=1e-4, atol=1e-5)
