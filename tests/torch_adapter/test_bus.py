"""What crosses to the device and back: rows, reference rows, bits of coalitions, and sums."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_networks import mlp

from surrogates import LIME, KernelSHAP, Occlusion
from surrogates.torch import TorchClassifier
from surrogates.torch.adapter import TorchAdapter
from surrogates.torch.inputs import Inputs
from surrogates.torch.placement import Placement

pytestmark = pytest.mark.filterwarnings("ignore:The surrogate explains less")  # of random networks

N_REFERENCES, N_PLAYERS = 12, 11
BITS = -(-N_PLAYERS // 8)
PLACES = 3000  # bytes of positions and weights, which take a byte or eight each


class Bus:
    """Counts bytes, as if the processor were a device across a bus."""

    def __init__(self, monkeypatch):
        self.sent = self.returned = 0
        cross, place, fetch = Placement._cross, Inputs.to, torch.Tensor.cpu

        def crossing(placement, numbers):
            self.sent += numbers.nbytes
            return cross(placement, numbers)

        def placing(inputs, device):
            self.sent += len(inputs) * inputs.bytes_per_row
            return place(inputs, device)

        def fetching(tensor):
            self.returned += tensor.nbytes
            return fetch(tensor)

        monkeypatch.setattr(Placement, "_cross", crossing)
        monkeypatch.setattr(Inputs, "to", placing)
        monkeypatch.setattr(torch.Tensor, "cpu", fetching)
        monkeypatch.setattr(TorchAdapter, "computes_elsewhere", True)

    def during(self, run):
        """Return the bytes sent and returned while something runs."""
        self.sent = self.returned = 0
        run()
        return self.sent, self.returned


@pytest.fixture
def bus(monkeypatch):
    return Bus(monkeypatch)


@pytest.fixture
def table():
    return np.random.default_rng(0).normal(size=(100, N_PLAYERS))


def n_bytes(rows):
    return 4 * rows.size  # in single precision


@pytest.mark.parametrize("design", ["crossed", "shared"])
def test_coalitions_cross_as_bits_and_sums_come_back(design, bus, table):
    explainer = KernelSHAP(
        TorchClassifier(mlp(N_PLAYERS, 3)),
        n_coalitions=1024,
        n_background=N_REFERENCES,
        design=design,
        random_state=0,
    ).fit(table[:40])
    rows, n_pairs = table[40:], 511
    sent, returned = bus.during(lambda: explainer.explain(rows))
    n_designs, n_seatings = 8, 1 if design == "crossed" else 8
    # arranged designs are sent anew when a seating adds one
    n_arranged = N_REFERENCES if design == "crossed" else n_seatings * (n_seatings + 1) // 2
    assert (
        sent
        <= (
            2 * n_bytes(rows)  # to be predicted, and to be mixed
            + n_bytes(table[:N_REFERENCES])
            + (n_designs + n_arranged) * n_pairs * BITS
            + len(rows) * (3 * 8 + 2)
            + n_seatings * N_REFERENCES * (N_PLAYERS + 6 * 8)
            + PLACES
        )
    )
    assert returned == len(rows) * 3 * 8 * (1 + 3 * N_PLAYERS)


@pytest.mark.parametrize("n_rows", [1, 30])
def test_neighbours_cross_as_bits_and_donors(n_rows, bus, table):
    explainer = LIME(
        TorchClassifier(mlp(N_PLAYERS, 2)), sampling="background", n_samples=1024, random_state=0
    ).fit(table)
    n_neighbours = 1024 + 256
    rows = table[:n_rows]
    sent, returned = bus.during(lambda: explainer.explain(rows))
    told_once = n_bytes(table) + n_neighbours * (BITS + 1) + len(table)
    assert sent <= 2 * n_bytes(rows) + told_once + PLACES
    assert returned == n_rows * (2 + n_neighbours) * 8  # both probabilities of rows, one of others
    again, _ = bus.during(lambda: explainer.explain(rows))
    assert again <= 2 * n_bytes(rows) + PLACES


def test_neighbours_of_new_values_cross_once_for_all_rows(bus, table):
    explainer = LIME(TorchClassifier(mlp(N_PLAYERS, 2)), n_samples=1024, random_state=0)
    told, _ = bus.during(lambda: explainer.fit(table))
    assert told <= 3 * n_bytes(table) + (1024 + 256) * 4 * N_PLAYERS + PLACES
    sent, returned = bus.during(lambda: explainer.explain(table[:5]))
    assert sent == n_bytes(table[:5])
    assert returned == 5 * 2 * 8


def test_masks_of_occlusion_cross_as_bits(bus, table):
    explainer = Occlusion(
        TorchClassifier(mlp(N_PLAYERS, 2)), n_background=N_REFERENCES, random_state=0
    ).fit(table)
    sent, returned = bus.during(lambda: explainer.explain(table))
    n_masks = N_PLAYERS * N_REFERENCES
    n_blocks = -(-len(table) // explainer.differences_.rows_per_block)
    of_block = n_masks * (BITS + 1) + N_REFERENCES
    assert sent <= 2 * n_bytes(table) + n_bytes(table[:N_REFERENCES]) + n_blocks * of_block + PLACES
    assert returned == len(table) * (2 + n_masks) * 8
