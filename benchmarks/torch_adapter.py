"""What the torch adapter costs: over the raw module, and KernelSHAP through it over one forward.

Ratios are medians of interleaved CPU times of one thread. "One batched forward" composes the same
rows in torch and sends them through the module, 4096 at a time. What crosses between processor and
device is counted with the processor as the device. Where there is a GPU, 1,000 rows x 2,048
coalitions x 100 reference rows are timed there, in FP32 and in TF32.

    OMP_NUM_THREADS=1 python benchmarks/torch_adapter.py [--repeats 9] [--no-peer]
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from surrogates import LIME, KernelSHAP
from surrogates.datasets import load_german_credit
from surrogates.torch import ColumnEncoder, TorchClassifier
from surrogates.torch.inputs import Inputs
from surrogates.torch.placement import Placement

Table = dict[str, Any]
BATCH = 4096


def network(width: int = 256) -> nn.Module:
    """Return the network of all measurements: 30-256-256-2."""
    torch.manual_seed(0)
    layers = [nn.Linear(30, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 2)).eval()


def cpu(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def ratio(run: Callable[[], Any], base: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Return the median ratio of interleaved runs, and the median seconds of the base."""
    run(), base()
    pairs = [(cpu(run), cpu(base)) for _ in range(repeats)]
    return (
        float(np.median([one / other for one, other in pairs])),
        float(np.median([other for _, other in pairs])),
    )


def over_the_module(repeats: int) -> list[Table]:
    """`predict_proba` over forward and softmax."""
    module, table = network(), []
    adapter = TorchClassifier(module, device="cpu")
    X = np.random.default_rng(0).normal(size=(10_000, 30)).astype(np.float32)
    for n_rows, times in ((10_000, 5), (1_000, 30), (1, 300)):
        rows = X[:n_rows]
        tensor = torch.from_numpy(rows)

        def adapted(rows: Any = rows, times: int = times) -> None:
            for _ in range(times):
                adapter.predict_proba(rows)

        def raw(tensor: Any = tensor, times: int = times) -> None:
            with torch.inference_mode():
                for _ in range(times):
                    module(tensor).softmax(dim=1).numpy()

        found, base = ratio(adapted, raw, repeats)
        table.append(
            {
                "rows": n_rows,
                "adapter_over_module": found,
                "microseconds_over": (found - 1.0) * base / times * 1e6,
            }
        )
    return table


def one_forward(module: nn.Module, row: Any, background: Any, n_rows: int) -> None:
    """Compose as many rows with given masks, and send them through the module."""
    masks = torch.rand(BATCH, row.shape[1], generator=torch.Generator().manual_seed(0)) < 0.5
    with torch.inference_mode():
        for start in range(0, n_rows, BATCH):
            size = min(BATCH, n_rows - start)
            own = background[torch.arange(start, start + size) % len(background)]
            module(torch.where(masks[:size], row, own)).softmax(dim=1)


def over_one_forward(repeats: int) -> list[Table]:
    """KernelSHAP through the adapter, over one batched forward of the same rows."""
    module, table = network(), []
    adapter = TorchClassifier(module, device="cpu")
    X = np.random.default_rng(0).normal(size=(500, 30)).astype(np.float32)
    for n_background, n_coalitions, n_rows in ((1, 2048, 40), (20, 512, 8), (100, 2048, 1)):
        explainer = KernelSHAP(
            adapter, n_coalitions=n_coalitions, n_background=n_background, random_state=0
        ).fit(X)
        n_asked = explainer.explain(X[:n_rows]).n_model_rows
        background = torch.from_numpy(np.asarray(explainer.reference_.rows))

        def shapley(explainer: Any = explainer, n_rows: int = n_rows) -> None:
            explainer.explain(X[:n_rows])

        def forward(background: Any = background, n_asked: int = n_asked) -> None:
            one_forward(module, torch.from_numpy(X[:1]), background, n_asked)

        found, _ = ratio(shapley, forward, repeats)
        table.append(
            {
                "background": n_background,
                "coalitions": n_coalitions,
                "rows": n_rows,
                "surrogates": found,
            }
        )
    return table


class LoanNetwork(nn.Module):
    """An embedding for each category, and two layers."""

    def __init__(self, n_numbers: int, n_codes: tuple[int, ...]) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(levels, 4) for levels in n_codes)
        width = n_numbers + 4 * len(n_codes)
        self.layers = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, numbers: Any, codes: Any) -> Any:
        """Return a logit for each class."""
        looked_up = [embed(codes[:, at]) for at, embed in enumerate(self.embeddings)]
        return self.layers(torch.cat([numbers, *looked_up], dim=1))


class AsTables(TorchClassifier):
    """An adapter that gets mixtures as tables, like any other model."""

    def compose_mixtures(self, *_: Any) -> None:
        """Leave it to others."""


def over_tables(repeats: int) -> list[Table]:
    """Time KernelSHAP of a raw frame: mixtures as tables, over mixtures composed in torch."""
    X = load_german_credit(return_X_y=True)[0]
    encoder = ColumnEncoder().fit(X)
    module = LoanNetwork(len(encoder.column_owners_[0]), encoder.n_codes_)
    runs = []
    for kind in (AsTables, TorchClassifier):
        adapter = kind(module, encoder=encoder, device="cpu")
        explainer = KernelSHAP(adapter, n_coalitions=512, n_background=20, random_state=0).fit(X)
        runs.append(partial(explainer.explain, X.iloc[:5]))
    found, seconds = ratio(*runs, repeats)
    return [{"rows": 5, "tables_over_device": found, "seconds_on_device": seconds}]


def peer(repeats: int) -> list[Table]:
    """Time the peer, which takes one reference row, over one batched forward."""
    try:
        from captum.attr import KernelShap
    except ImportError:
        return []
    module = network()
    X = torch.randn(500, 30, generator=torch.Generator().manual_seed(0))
    explainer = KernelShap(module)

    def shapley() -> None:
        explainer.attribute(
            X[:1], baselines=X[1:2], target=1, n_samples=2048, perturbations_per_eval=2048
        )

    found, _ = ratio(shapley, lambda: one_forward(module, X[:1], X[1:2], 2048), repeats)
    return [{"background": 1, "coalitions": 2048, "rows": 1, "captum": found}]


class Elsewhere(TorchClassifier):
    """An adapter that is asked as if the processor were a device across a bus."""

    computes_elsewhere = True


class Bus:
    """Counts the bytes that cross between processor and device."""

    def __init__(self) -> None:
        self.sent = self.returned = 0

    def count(self, run: Callable[[], Any]) -> Table:
        """Return the megabytes sent and returned while something runs."""
        cross, place, fetch = Placement._cross, Inputs.to, torch.Tensor.cpu

        def crossing(placement: Any, numbers: Any) -> Any:
            self.sent += numbers.nbytes
            return cross(placement, numbers)

        def placing(inputs: Any, device: Any) -> Any:
            self.sent += len(inputs) * inputs.bytes_per_row
            return place(inputs, device)

        def fetching(tensor: Any) -> Any:
            self.returned += tensor.nbytes
            return fetch(tensor)

        with (
            patch.object(Placement, "_cross", crossing),
            patch.object(Inputs, "to", placing),
            patch.object(torch.Tensor, "cpu", fetching),
        ):
            run()
        return {"sent_mb": self.sent / 1e6, "returned_mb": self.returned / 1e6}


def over_the_bus() -> list[Table]:
    """Count what crosses for 1,000 rows; the width of the network has no part in it."""
    X = np.random.default_rng(0).normal(size=(1_100, 30)).astype(np.float32)
    settings = {"n_coalitions": 2048, "n_background": 100, "random_state": 0}
    explainers = {
        "KernelSHAP, crossed": partial(KernelSHAP, **settings),
        "KernelSHAP, shared": partial(KernelSHAP, design="shared", **settings),
        "LIME, background": partial(LIME, sampling="background", random_state=0),
    }
    table = []
    for name, make in explainers.items():
        explainer = make(Elsewhere(network(4), device="cpu")).fit(X[:100])
        table.append({"explainer": name} | Bus().count(partial(explainer.explain, X[100:])))
    return table


def on_the_gpu() -> list[Table]:
    """Wall time of the whole task on a GPU, with the responses brought back."""
    if not torch.cuda.is_available():
        return []
    table = []
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_100, 30)).astype(np.float32)
    for tf32 in (False, True):
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        adapter = TorchClassifier(network(), device="cuda")
        for design in ("shared", "crossed"):
            explainer = KernelSHAP(
                adapter, n_coalitions=2048, n_background=100, design=design, random_state=0
            ).fit(X[:100])
            explainer.explain(X[100:110])
            torch.cuda.synchronize()
            start = time.perf_counter()
            explainer.explain(X[100:])
            table.append(
                {
                    "device": torch.cuda.get_device_name(),
                    "precision": "TF32" if tf32 else "FP32",
                    "design": design,
                    "seconds": time.perf_counter() - start,
                }
            )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--no-peer", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = {
        "adapter": over_the_module(arguments.repeats),
        "kernel_shap": over_one_forward(arguments.repeats) + ([] if arguments.no_peer else peer(3)),
        "embeddings": over_tables(3),
        "bus": over_the_bus(),
        "gpu": on_the_gpu(),
    }
    for name, table in results.items():
        print(name, *(json.dumps(row) for row in table), sep="\n  ")
    path = Path(__file__).parent / "results" / "torch_adapter.json"
    path.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
