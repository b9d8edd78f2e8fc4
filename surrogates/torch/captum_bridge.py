"""Algorithms of captum on an open network, whose module is copied before they hook into it."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surrogates.blackbox.heads import Head
from surrogates.blackbox.open_model import OpenModel
from surrogates.torch.open_network import TorchNetwork

__all__ = ["Response", "attribute", "find_algorithm", "takes"]

Floats = NDArray[np.float64]

_LINKS = {"logistic": torch.nn.Sigmoid, "softmax": lambda: torch.nn.Softmax(dim=1)}


class Response(torch.nn.Module):
    """The responses of an open model as a module of its inputs.

    Parameters
    ----------
    opened : OpenModel
        Of a module; a copy of it computes.
    """

    def __init__(self, opened: OpenModel) -> None:
        super().__init__()
        network: Any = opened.network
        adapter = network.adapter.__sklearn_clone__()
        adapter.module, adapter._made = deepcopy(network.adapter._network().module), None
        self.network: TorchNetwork = replace(network, adapter=adapter)
        self.head: Head = opened.head
        self.inner = adapter.module
        if self.head.link in _LINKS:
            self.link = _LINKS[self.head.link]()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return responses to inputs (n_rows, n_inputs): (n_rows, n_outputs)."""
        outputs, _ = self.network._forward(self.network.adapter._network(), inputs)
        linked = self.link(outputs) if self.head.link in _LINKS else outputs
        matrix = torch.from_numpy(np.array(self.head.matrix)).to(linked)
        return linked @ matrix + torch.from_numpy(np.array(self.head.offset)).to(linked)


def find_algorithm(method: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what makes an algorithm of a module.

    Parameters
    ----------
    method : str or callable
        A name in `captum.attr`, or a class or function.

    Raises
    ------
    ImportError
        captum is not installed.
    ValueError
        There is no algorithm of that name.
    """
    try:
        import captum.attr
    except ImportError as error:
        raise ImportError(
            "CaptumAttribution needs captum, which is not installed: pip install captum"
        ) from error
    if not isinstance(method, str):
        return method
    found: Callable[[Any], Any] | None = getattr(captum.attr, method, None)
    if found is None:
        raise ValueError(f"captum.attr has no algorithm {method!r}.")
    return found


def takes(algorithm: Any, name: str) -> bool:
    """Tell whether an algorithm, or the one that it repeats, has a parameter."""
    parts = (algorithm, getattr(algorithm, "attribution_method", algorithm))
    return any(name in inspect.signature(part.attribute).parameters for part in parts)


def attribute(
    make: Callable[[Any], Any],
    response: Response,
    inputs: Floats,
    owners: NDArray[np.int64],
    options: Mapping[str, Any],
    seed: int,
) -> Floats:
    """Return what an algorithm attributes to inputs: (n_rows, n_inputs, n_outputs).

    Where it masks, it masks all inputs of an owner together, and each has the same share.

    Parameters
    ----------
    make : callable
        From a module to an algorithm.
    response : Response
    inputs : ndarray of shape (n_rows, n_inputs)
    owners : ndarray of shape (n_inputs,)
    options : mapping
        Of ``attribute``; arrays become tensors.
    seed : int
        Of torch and of numpy, whose states are afterwards what they were.

    Raises
    ------
    ValueError
        The algorithm raised, or did not return a number for each input.
    """
    network = response.network.adapter._network()
    tensor = torch.from_numpy(np.array(inputs)).to(network.device, network.dtype)
    keywords = {
        name: torch.from_numpy(np.array(one)).to(tensor) if isinstance(one, np.ndarray) else one
        for name, one in options.items()
    }
    _, places, counts = np.unique(owners, return_inverse=True, return_counts=True)
    masks = takes(make(response), "feature_mask")
    if masks:
        keywords["feature_mask"] = torch.from_numpy(places)[None].to(network.device)
    found = [
        _attributed(make(response), tensor, keywords | {"target": output}, seed)
        for output in range(response.head.n_outputs)
    ]
    values = np.moveaxis(np.stack(found), 0, 2)
    return values / counts[places][:, None] if masks else values


def _attributed(
    algorithm: Any, inputs: torch.Tensor, keywords: dict[str, Any], seed: int
) -> Floats:
    name, state = type(algorithm).__name__, np.random.get_state()  # noqa: NPY002 - captum's own
    devices = [inputs.device] if inputs.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices), warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="captum")
            torch.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            with torch.inference_mode(False), torch.enable_grad():
                leaf = inputs.clone().requires_grad_()
                found = algorithm.attribute(leaf, **keywords)
    except (AssertionError, RuntimeError, TypeError) as error:
        raise ValueError(f"{name} of captum raised {type(error).__name__}: {error}") from error
    finally:
        np.random.set_state(state)  # noqa: NPY002
    if not isinstance(found, torch.Tensor) or found.shape != inputs.shape:
        raise ValueError(f"{name} of captum returned no attribution of each input.")
    values: Floats = found.detach().to("cpu", torch.float64).numpy()
    return values
