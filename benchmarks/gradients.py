"""The gradient family: what sums miss, and times over a forward and backward pass.

Prints JSON, and writes it to ``results/gradients.json``. Needs torch; captum is the peer::

    python benchmarks/gradients.py [--no-peer]
    python benchmarks/gradients.py --tables  # of docs/benchmarks.rst

Times are CPU times, measured in turns. A forward and backward pass is the one of training: the
derivatives by all weights.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

from surrogates import LRP, DeepLIFT, Gradient, IntegratedGradients
from surrogates.torch import TorchClassifier, TorchRegressor

Table = dict[str, Any]


class Functional(nn.Module):
    """Activations called as functions."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(30, 32, bias=bias), nn.Linear(32, 32, bias=bias)
        self.last = nn.Linear(32, 2, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self.last(functional.relu(self.second(functional.relu(self.first(x)))))


class Reused(Functional):
    """One activation used twice."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__(bias)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self.last(self.relu(self.second(self.relu(self.first(x)))))


class Residual(nn.Module):
    """A layer added to what it was given."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.block, self.last = nn.Linear(30, 30, bias=bias), nn.Linear(30, 2, bias=bias)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self.last(x + self.relu(self.block(x)))


def chain(bias: bool = True, width: int = 64, activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    return nn.Sequential(
        nn.Linear(30, width, bias=bias),
        activation(),
        nn.Linear(width, width, bias=bias),
        activation(),
        nn.Linear(width, 2, bias=bias),
    )


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "modules": chain,
    "functional": Functional,
    "re-used": Reused,
    "residual": Residual,
    "GELU": partial(chain, activation=nn.GELU),
    "SiLU": partial(chain, activation=nn.SiLU),
    "Hardtanh": partial(chain, activation=nn.Hardtanh),
}


def trained(make: Callable[..., nn.Module], X: Any, y: Any, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    module = make(**options)
    inputs, labels = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    optimiser = torch.optim.Adam(module.parameters(), 1e-3)
    for _ in range(150):
        optimiser.zero_grad()
        functional.cross_entropy(module(inputs), labels).backward()
        optimiser.step()
    return module.eval()


def missed(total: Any, change: Any) -> float:
    return float((np.abs(total - change) / np.maximum(np.abs(change), 1e-3)).max())


def peer(method: str, module: nn.Module, rows: torch.Tensor, **options: Any) -> Any:
    import captum.attr

    try:
        found = getattr(captum.attr, method)(module).attribute(rows, target=1, **options)
    except (RuntimeError, TypeError, AssertionError) as error:
        return type(error).__name__
    return found.detach().numpy()


def sums(X: Any, y: Any, with_peer: bool) -> list[Table]:
    """Return what sums of contributions miss at worst, relative to the change of the logit."""
    rows, table = X[:64], []
    inputs = torch.tensor(rows)
    for name, make in NETWORKS.items():
        biased, bare = (trained(make, X, y, bias=bias).double() for bias in (True, False))
        with torch.no_grad():
            change = (biased(inputs) - biased(torch.zeros_like(inputs)))[:, 1].numpy()
            logit = bare(inputs)[:, 1].numpy()
        cases = {
            "IntegratedGradients": (biased, change, {"baseline": "zero"}, IntegratedGradients),
            "DeepLIFT": (biased, change, {"baseline": "zero"}, DeepLIFT),
            "LRP": (bare, logit, {"rule": "zero"}, LRP),
        }
        line: Table = {"network": name}
        for method, (module, expected, options, explainer) in cases.items():
            found = explainer(TorchRegressor(module, device="cpu"), **options).fit(X).explain(rows)
            line[method] = missed(found.values[..., 1].sum(axis=1), expected)
            if with_peer and method != "IntegratedGradients":
                values = peer({"DeepLIFT": "DeepLift"}.get(method, method), module, inputs)
                failed = isinstance(values, str)
                line[f"captum {method}"] = values if failed else missed(values.sum(1), expected)
        table.append(line)
    return table


def integrals(X: Any, y: Any, with_peer: bool) -> list[Table]:
    """Return gaps and times of exact integrals, and those of a peer by its number of steps."""
    table = []
    for width in (64, 256):
        module = trained(chain, X, y, width=width).double()
        explainer = IntegratedGradients(TorchRegressor(module, device="cpu"), baseline="zero")
        explainer.fit(X)
        rows, inputs = X[:64], torch.tensor(X[:64])
        exact = explainer.explain(rows)
        line: Table = {
            "width": width,
            "gap": float(np.abs(exact.additivity_gap).max()),
            "pieces per row": float(exact.details["n_gradients"].mean()),
        }
        jobs: dict[Any, Callable[[], Any]] = {"ours": partial(explainer.explain, rows)}
        for steps in (50, 300, 1000) if with_peer else ():
            options = {"n_steps": steps, "internal_batch_size": 4096}
            found = peer("IntegratedGradients", module, inputs, **options)
            line[f"error of captum, {steps} steps"] = float(
                np.abs(found - exact.values[..., 1]).max()
            )
            jobs[steps] = partial(peer, "IntegratedGradients", module, inputs, **options)
        seconds = in_turns(jobs, 3)
        line["ms per row"] = 1e3 * seconds.pop("ours") / len(rows)
        for steps, own in seconds.items():
            line[f"ms per row of captum, {steps} steps"] = 1e3 * own / len(rows)
        table.append(line)
    return table


def in_turns(jobs: dict[Any, Callable[[], Any]], n_rounds: int) -> dict[Any, float]:
    """Return the least CPU time of each job, measured in turns."""
    seconds = dict.fromkeys(jobs, np.inf)
    for _ in range(n_rounds):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds


def one_step(module: nn.Module, inputs: torch.Tensor) -> Any:
    loss = module(inputs.clone().requires_grad_())[:, 1].sum()
    return torch.autograd.grad(loss, list(module.parameters()))


def times(X: Any, y: Any, with_peer: bool) -> list[Table]:
    """Return the times of `explain` over a forward and backward pass of the same rows."""
    table = []
    for width, dtype in product((64, 256), (torch.float32, torch.float64)):
        module = trained(chain, X, y, width=width).to(dtype)
        adapter = TorchClassifier(module, classes=[0, 1], output="logits", device="cpu")
        logits = {"response_method": "decision_function"}
        fitted = {
            "Gradient": Gradient(adapter, **logits).fit(X),
            "DeepLIFT": DeepLIFT(adapter, **logits).fit(X),
            "DeepLIFT of probabilities": DeepLIFT(adapter).fit(X),
            "LRP epsilon": LRP(adapter).fit(X),
            "LRP gamma": LRP(adapter, rule="gamma").fit(X),
            "LRP composite": LRP(adapter, rule="composite").fit(X),
        }
        for n_rows in (500, 1000, 5000):
            rows = np.tile(X, (9, 1))[:n_rows]
            inputs = torch.tensor(rows, dtype=dtype)
            jobs = {name: partial(one.explain, rows) for name, one in fitted.items()}
            jobs["step"] = partial(one_step, module, inputs)
            if with_peer:
                jobs["captum DeepLift"] = partial(peer, "DeepLift", module, inputs)
                jobs["captum LRP"] = partial(peer, "LRP", module, inputs)
            seconds = in_turns(jobs, 15)
            step = seconds.pop("step")
            line = {"width": width, "dtype": str(dtype).removeprefix("torch."), "rows": len(rows)}
            table.append(line | {name: own / step for name, own in seconds.items()})
    return table


def perceptron_times(X: Any, y: Any) -> list[Table]:
    """Return the times for scikit-learn's network, over a gradient of its inside."""
    table = []
    for width in (64, 256):
        network = MLPClassifier((width, width), max_iter=40, random_state=0).fit(X, y)
        logits = {"response_method": "decision_function"}
        fitted = {
            "DeepLIFT": DeepLIFT(network, **logits).fit(X),
            "LRP epsilon": LRP(network).fit(X),
            "LRP composite": LRP(network, rule="composite").fit(X),
            "IntegratedGradients": IntegratedGradients(network, **logits).fit(X),
        }
        rows = X[:500]
        inside = fitted["DeepLIFT"].differentiable_
        jobs: dict[Any, Any] = {name: partial(one.explain, rows) for name, one in fitted.items()}
        jobs["gradient"] = partial(inside.gradients, inside.encode(rows))
        seconds = in_turns(jobs, 7)
        gradient = seconds.pop("gradient")
        line: Table = {"width": width, "rows": len(rows)}
        table.append(line | {name: own / gradient for name, own in seconds.items()})
    return table


def as_table(lines: list[Table]) -> str:
    """Write lines as the tables of the documentation."""
    text = [".. list-table::", "   :header-rows: 1", ""]
    for line in ({name: name for name in lines[0]}, *lines):
        cells = [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in line.values()]
        text += [f"   {'* -' if not at else '  -'} {cell}" for at, cell in enumerate(cells)]
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--tables", action="store_true", help="print the results as tables")
    args = parser.parse_args()
    with_peer, path = not args.no_peer, Path(__file__).parent / "results" / "gradients.json"
    if args.tables:
        for lines in json.loads(path.read_text("utf-8")).values():
            print(as_table(lines))
        return
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    report: Table = {
        "sums": sums(X, y, with_peer),
        "integrals": integrals(X, y, with_peer),
        "times": times(X, y, with_peer),
        "perceptron_times": perceptron_times(X, y),
    }
    text = json.dumps(report, indent=1)
    print(text)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
