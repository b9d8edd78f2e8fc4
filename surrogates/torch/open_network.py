"""A module as a function of numbers: derivatives, break points, multipliers and relevances."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.blackbox.breaks import Breaks, Path
from surrogates.blackbox.perceptron_relevance import Shares
from surrogates.blackbox.relevance import RelevanceRule
from surrogates.torch.embeddings import LookedUp
from surrogates.torch.gradient_inputs import GradientInputs, read_inputs
from surrogates.torch.kinks import Kinks
from surrogates.torch.last_link import LastLink, WithoutLink
from surrogates.torch.modes import evaluating
from surrogates.torch.network import Network
from surrogates.torch.outputs import checked_outputs
from surrogates.torch.relevance import RelevanceTracer
from surrogates.torch.rescale import Rescale
from surrogates.torch.tracing import Tracer

__all__ = ["Anatomy", "TorchNetwork", "naming"]

Floats = NDArray[np.float64]

_MOST_ROWS, _MOST_NUMBERS = 2**13, 2**21
_LEAST = 1e-30


@dataclass(frozen=True)
class Anatomy:
    """What a forward pass of a few rows told: see `Survey`."""

    n_layers: int
    n_kinks: int | None
    n_stages: int | None


@dataclass(frozen=True, eq=False)
class TorchNetwork:
    """A module as a function of numbers: `OpenNetwork` for torch.

    Parameters
    ----------
    adapter : TorchAdapter
    begins : GradientInputs
    reads_margins : bool
        Whether the outputs are logarithms of the probabilities that the module returns.
    anatomy : Anatomy
    link : LastLink or None
        A sigmoid or softmax at the end of the module, before which the outputs are read.
    """

    adapter: Any
    begins: GradientInputs
    reads_margins: bool
    anatomy: Anatomy
    link: LastLink | None = None

    @property
    def owners(self) -> NDArray[np.int64]:
        """Position of the column that owns each input."""
        return self.begins.owners

    @property
    def precision(self) -> float:
        """Relative rounding of floating inputs."""
        return float(torch.finfo(self.adapter._network().dtype).eps)

    @property
    def n_stages(self) -> int | None:
        """How many activations lie one behind the other, or None where it is not known."""
        return self.anatomy.n_stages

    def encode(self, table: Any) -> Floats:
        """Return the inputs of rows: floating inputs, then the rows of embeddings."""
        network = self.adapter._network()
        inputs = self.adapter._inputs(table, network).to(network.device)
        return _numbers(read_inputs(network.module, inputs)[0])

    def outputs(self, inputs: Floats) -> Floats:
        """Return the outputs of the module: (n_rows, n_last)."""
        network = self.adapter._network()
        with torch.no_grad():
            parts = [
                _numbers(self._forward(network, _tensor(network, inputs[block]))[0])
                for block in _blocks(inputs)
            ]
        return _joined(parts)

    def pullback(self, inputs: Floats, seeds: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """Return outputs, and derivatives (n_rows, n_inputs, n_wanted)."""
        network = self.adapter._network()
        found = []
        for block in _blocks(inputs):
            with _recording():
                leaf = _tensor(network, inputs[block]).requires_grad_()
                outputs, _ = self._forward(network, leaf)
                numbers = _numbers(outputs)
                wanted = seeds(numbers)
                wanted = wanted[block] if len(wanted) == len(inputs) else wanted
                found.append((numbers, self._derivatives(outputs, wanted, leaf)[0]))
        return _joined([one for one, _ in found]), _joined([two for _, two in found])

    def rescale(
        self, inputs: Floats, baselines: Floats, seeds: Callable[[Floats, Floats], Floats]
    ) -> tuple[Floats, Floats]:
        """Return outputs, and DeepLIFT's multipliers (n_rows, n_inputs, n_wanted).

        Raises
        ------
        ValueError
            An operation of the module is not known.
        """
        network = self.adapter._network()
        is_single = len(baselines) == 1
        with _recording():
            found = [
                self._multipliers(
                    network, inputs[block], baselines if is_single else baselines[block], seeds
                )
                for block in _blocks(inputs)
            ]
        return _joined([one for one, _ in found]), _joined([two for _, two in found])

    def breaks(self, starts: Floats, stops: Floats, most: int) -> Breaks | None:
        """Return where segments between inputs bend, or None where that is not known."""
        if self.anatomy.n_kinks is None:
            return None
        path = Path(len(stops), most)
        way = stops - starts
        for wanted in range(self.anatomy.n_kinks):
            rows, positions = path.breaks.rows, path.breaks.positions
            path.bend(self._given(wanted, starts[rows] + positions[:, None] * way[rows]))
        return path.breaks

    def relevance(
        self, inputs: Floats, rule: RelevanceRule, seeds: Floats
    ) -> tuple[Floats, Shares]:
        """Return outputs, and how they, weighted by seeds (n_last, n_wanted), are shared.

        Raises
        ------
        ValueError
            There is no rule for an operation of the module.
        """
        network = self.adapter._network()
        with _recording():
            found = [
                self._relevance(network, inputs[block], rule, seeds) for block in _blocks(inputs)
            ]
        shares = [part for _, part in found]
        return _joined([one for one, _ in found]), Shares(
            np.concatenate([part.units for part in shares], axis=1),
            np.concatenate([part.bias for part in shares], axis=1),
            np.concatenate([part.stabilizer for part in shares], axis=1),
        )

    def _forward(
        self,
        network: Network,
        leaf: torch.Tensor,
        tracer: Tracer | None = None,
        beside: Sequence[torch.Tensor] = (),
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the outputs for a leaf, and for the first of what a tracer sends along."""
        parts = [part.clone() for part in self.begins.parts(leaf)]
        arguments, rows = self.begins.arguments(parts)
        along = [self.begins.parts(other) for other in beside]
        modes = [*([tracer] if tracer else []), *([LookedUp(rows)] if rows else [])]
        modes += [WithoutLink(self.link)] if self.link else []
        with evaluating(network.module), _within(modes):
            if tracer is not None:
                for place, part in enumerate(parts):
                    tracer.follow(part, 0, [own[place] for own in along])
            answer = self._read(arguments.call(network.module))
        outputs = checked_outputs(answer, arguments, network.name)
        trace = None if tracer is None else tracer.trace_of(answer)
        others = None
        if trace is not None and trace.others:
            others = trace.others[0].reshape(-1, outputs.shape[1])
        return outputs, others

    def _read(self, raw: Any) -> Any:
        if not self.reads_margins:
            return raw
        raw = raw if raw.ndim == 2 else raw.reshape(-1, 1)
        return raw.clamp_min(torch.finfo(raw.dtype).tiny).log()

    def _derivatives(
        self, outputs: torch.Tensor, seeds: Floats, *leaves: torch.Tensor
    ) -> list[Floats]:
        """Return derivatives by leaves, with the axis of what is wanted at the end."""
        if not outputs.requires_grad:
            raise self._cut_off()
        placed = torch.from_numpy(np.array(np.moveaxis(seeds, 2, 0), order="C")).to(outputs)
        try:
            found = [
                torch.autograd.grad(
                    outputs, leaves, one, retain_graph=at < len(placed) - 1, allow_unused=True
                )
                for at, one in enumerate(placed)
            ]
        except RuntimeError as error:
            raise ValueError(
                f"The module of {type(self.adapter).__name__} cannot be differentiated: {error}"
            ) from error
        if all(part is None for one in found for part in one):
            raise self._cut_off()
        return [
            _last_axis([_or_zeros(one[place], leaf) for one in found])
            for place, leaf in enumerate(leaves)
        ]

    def _cut_off(self) -> ValueError:
        return ValueError(
            f"{type(self.adapter).__name__} cannot be differentiated: the outputs of its module "
            "are cut off from its inputs, such as by detach() or no_grad()."
        )

    def _multipliers(
        self,
        network: Network,
        inputs: Floats,
        baselines: Floats,
        seeds: Callable[[Floats, Floats], Floats],
    ) -> tuple[Floats, Floats]:
        leaf = _tensor(network, inputs).requires_grad_()
        outputs, others = self._beside(network, leaf, _tensor(network, baselines))
        numbers = _numbers(outputs)
        of_baselines = np.broadcast_to(_numbers(others), numbers.shape)
        wanted = seeds(numbers, of_baselines)
        multipliers = self._derivatives(outputs, wanted, leaf)[0]
        change = np.einsum("nk,nko->no", numbers - of_baselines, wanted)
        products = [(inputs - baselines, multipliers)]
        # a row that is its own baseline has a change of nothing but the rounding of its outputs
        self._check(network, change, products, [(numbers, wanted), (of_baselines, wanted)])
        return numbers, multipliers

    def _beside(
        self, network: Network, leaf: torch.Tensor, baselines: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the outputs for rows and baselines, with the rescale rule in between."""
        with naming(self.adapter, "DeepLIFT"):
            try:
                outputs, others = self._forward(network, leaf, Rescale(), [baselines])
            except RuntimeError:  # a module that counts its rows takes no single baseline along
                many = baselines.expand_as(leaf).clone()
                outputs, others = self._forward(network, leaf, Rescale(), [many])
        if others is None:
            raise self._cut_off()
        return outputs, others

    def _relevance(
        self, network: Network, inputs: Floats, rule: RelevanceRule, seeds: Floats
    ) -> tuple[Floats, Shares]:
        leaf = _tensor(network, inputs).requires_grad_()
        leaves = torch.ones((len(inputs), 2), dtype=leaf.dtype, device=leaf.device)
        leaves.requires_grad_()
        ends = _ends(inputs, rule)
        beside = [_tensor(network, end).requires_grad_() for end in ends]
        tracer = RelevanceTracer(rule, self.anatomy.n_layers, leaves)
        with naming(self.adapter, "LRP"):
            outputs, _ = self._forward(network, leaf, tracer, beside)
        self._check_way(tracer.n_seen, self.anatomy.n_layers)
        placed = np.broadcast_to(seeds, (len(inputs), *seeds.shape))
        by_leaf = self._derivatives(outputs, placed, leaf, leaves, *beside)
        units = inputs[:, :, None] * by_leaf[0]
        for end, own in zip(ends, by_leaf[2:], strict=True):
            units += end[:, :, None] * own
        numbers = _numbers(outputs)
        parts = [inputs, np.ones((len(inputs), 2)), *ends]
        self._check(network, numbers @ seeds, list(zip(parts, by_leaf, strict=True)))
        return numbers, Shares(np.moveaxis(units, 2, 0), by_leaf[1][:, 0].T, by_leaf[1][:, 1].T)

    def _given(self, wanted: int, points: Floats) -> Floats:
        """Return what a bending activation is given at points."""
        network = self.adapter._network()
        given = []
        for block in _blocks(points):
            kinks = Kinks(wanted)
            with torch.no_grad(), naming(self.adapter, None):
                self._forward(network, _tensor(network, points[block]), kinks)
            self._check_way(kinks.n_seen, self.anatomy.n_kinks)
            given.append(_numbers(kinks.given))
        return _joined(given)

    def _check_way(self, n_seen: int, n_known: int | None) -> None:
        """Refuse a way through the module that is not the one of the rows known in `fit`."""
        if n_seen != n_known:
            raise ValueError(
                f"The module of {type(self.adapter).__name__} takes {n_seen} layers where it took "
                f"{n_known}: its way depends on the rows, or it has changed since fit."
            )

    def _check(
        self,
        network: Network,
        change: Floats,
        products: list[tuple[Floats, Floats]],
        others: Sequence[tuple[Floats, Floats]] = (),
    ) -> None:
        """Refuse products whose sums are no change of the outputs: an operation was not seen.

        Compared with magnitudes of the products, and of others.
        """
        gap = np.abs(change - sum(np.einsum("ni,nio->no", *both) for both in products))
        tolerance = torch.finfo(network.dtype).eps ** (1 / 3)
        scale = np.maximum(np.abs(change), _LEAST)
        if (gap <= tolerance * scale).all():
            return
        many = (*products, *others)
        scale += sum(np.einsum("ni,nio->no", *map(np.abs, both)) for both in many)
        if not (gap <= tolerance * scale).all():
            raise ValueError(
                f"The contributions to {type(self.adapter).__name__} do not add up: its module "
                "does something that cannot be seen, such as a function of its own for autograd, "
                "or detach(). Use IntegratedGradients or KernelSHAP."
            )


@contextmanager
def naming(adapter: Any, method: str | None) -> Iterator[None]:
    """Say whose operation is not known, and for which method there is no rule."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("the operation"):
            raise
        advice = " Gradient and IntegratedGradients need no rules." if method else ""
        raise ValueError(
            f"{method or 'A gradient'} cannot go through the module of "
            f"{type(adapter).__name__}: {error}.{advice}"
        ) from error


@contextmanager
def _recording() -> Iterator[None]:
    """Record derivatives, whatever mode the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def _within(modes: list[Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for mode in modes:
            stack.enter_context(mode)
        yield


def _ends(inputs: Floats, rule: RelevanceRule) -> list[Floats]:
    """Return what is sent along with the inputs, for the rule of the first layer."""
    if rule.name in ("zB", "composite"):
        return [np.broadcast_to(end, inputs.shape) for end in (rule.low, rule.high)]
    return [np.ones_like(inputs)] if rule.name == "w2" else []


def _tensor(network: Network, numbers: Floats) -> torch.Tensor:
    """Return numbers where the module computes; always a copy, which can be written."""
    return torch.from_numpy(np.array(numbers, order="C")).to(network.device, network.dtype)


def _numbers(tensor: torch.Tensor) -> Floats:
    numbers: Floats = tensor.detach().to("cpu", torch.float64).numpy()
    return numbers


def _last_axis(parts: list[Floats]) -> Floats:
    """Stack along a last axis that is the first one in memory."""
    return parts[0][:, :, None] if len(parts) == 1 else np.stack(parts).transpose(1, 2, 0)


def _or_zeros(gradient: torch.Tensor | None, leaf: torch.Tensor) -> Floats:
    return np.zeros(tuple(leaf.shape)) if gradient is None else _numbers(gradient)


def _blocks(inputs: Floats) -> list[slice]:
    """Divide rows: many at a time, as far as layers of the size of the inputs allow."""
    n_rows, n_inputs = inputs.shape
    size = max(1, min(_MOST_ROWS, _MOST_NUMBERS // max(1, n_inputs)))
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def _joined(parts: list[Floats]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
