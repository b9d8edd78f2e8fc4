"""Numbers arrive as they were sent, and maps made where the coalitions are equal those of numpy."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode
from torch_networks import mlp

from surrogates import KernelSHAP
from surrogates.attribution.shapley import added_up
from surrogates.attribution.shapley.design import draw_designs
from surrogates.attribution.shapley.kriging import FreeKriging
from surrogates.torch import TorchClassifier
from surrogates.torch.inputs import Inputs
from surrogates.torch.placement import Placement


@pytest.fixture
def placement():
    return Placement(Inputs((torch.zeros(3, 2),)), (np.arange(2),), torch.device("cpu"))


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300), max_size=8))
def test_whole_numbers_arrive(numbers):
    placement = Placement(Inputs((torch.zeros(3, 2),)), (np.arange(2),), torch.device("cpu"))
    array = np.array(numbers, dtype=np.int64)
    placed = placement.send(array)
    assert placed.dtype == torch.int64
    np.testing.assert_array_equal(placed.numpy(), array)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_other_numbers_arrive(dtype, placement):
    array = np.arange(12).reshape(3, 4).T.astype(dtype)
    np.testing.assert_array_equal(placement.send(array).numpy(), array)


def test_what_is_kept_is_made_once(placement):
    array, made = np.arange(3), []

    def make():
        made.append(len(made))
        return made[-1]

    assert [placement.keep("one", array, make) for _ in range(3)] == [0, 0, 0]
    assert placement.keep("other", array, make) == 1
    assert placement.keep("one", array.copy(), make) == 2
    del array
    gc.collect()
    others = [np.array([value]) for value in range(200)]
    for value, other in enumerate(others):
        placement.keep("one", other, lambda value=value: value)
    assert len(placement._kept) <= 64
    assert placement.keep("one", others[-1], make) == 199


@pytest.mark.parametrize(("n_players", "budget"), [(6, 40), (12, 200), (30, 700)])
def test_maps_made_in_torch(n_players, budget, placement):
    reach = np.linspace(0.35, 0.02, n_players)
    designs = draw_designs(n_players, [budget], [1, 2, 3], reach)
    expected = designs.kriging(0)
    assert not designs.shrinks(0)
    signs = torch.from_numpy(designs.coalitions).to(torch.float64)
    found = FreeKriging(designs.stages[0], reach)(signs, torch, placement.send)
    np.testing.assert_allclose(found.values.numpy(), expected.matrix, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.errors.numpy(), expected.residuals, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.spreads.numpy(), expected.spreads, rtol=0, atol=1e-12)


class Waits(TorchDispatchMode):
    """Counts how often a number of the device is waited for."""

    def __init__(self):
        super().__init__()
        self.n_read = self.n_relu = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.n_read += function is torch.ops.aten._local_scalar_dense.default
        self.n_relu += function is torch.ops.aten.relu.default
        return function(*args, **(kwargs or {}))


def test_no_chunk_waits(monkeypatch):
    """Also where responses are added up: one look at the responses, whatever the chunks."""
    monkeypatch.setattr(added_up, "_WORTH_ADDING_UP", 1)
    X = np.random.default_rng(0).normal(size=(40, 8))
    waits = []
    for batch_size in (64, 100_000):
        adapter = TorchClassifier(mlp(8, 2), batch_size=batch_size)
        explainer = KernelSHAP(adapter, n_coalitions=100, n_background=20, random_state=0).fit(X)
        with Waits() as counter:
            explainer.explain(X[:1] + 1.0)
        waits.append(counter)
    many, one = waits
    assert many.n_relu > 20 * one.n_relu / 2
    assert many.n_read == one.n_read <= 4
