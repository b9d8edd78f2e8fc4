"""A trained torch module as a fitted scikit-learn predictor."""

from __future__ import annotations  # pages are built without torch

import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from surrogates._params import NONE, Constraint, Instance, Interval, Options, check_params
from surrogates.blackbox.maskers import Mixtures
from surrogates.blackbox.open_model import OpenModel
from surrogates.blackbox.players import Players
from surrogates.blackbox.table import take_rows
from surrogates.torch.devices import can_be_used
from surrogates.torch.inputs import Inputs
from surrogates.torch.layers import first_width
from surrogates.torch.mixtures import DeviceMixtures
from surrogates.torch.network import Network, original
from surrogates.torch.ownership import is_columnwise, owners_of_inputs
from surrogates.torch.placement import Placement
from surrogates.torch.saving import module_from_bytes, module_to_bytes

__all__ = ["TorchAdapter"]

_MODULE = Instance(torch.nn.Module, "a torch.nn.Module")
_DTYPES = ("float64", "float32", "float16", "bfloat16")


class TorchAdapter(BaseEstimator, metaclass=ABCMeta):
    """Base of the adapters: a module, what stands before it, and where it computes.

    The module is never trained, moved or changed: where another device or precision is asked for,
    a copy computes, made anew when the parameters change.
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        "module": [_MODULE],
        "device": [Instance((str, torch.device), "a str or a torch.device")],
        "batch_size": [Interval("int", 1, None), Options("auto")],
        "dtype": [
            Instance(torch.dtype, "a torch.dtype"),
            Options(*_DTYPES),
            NONE,
        ],
    }

    module: Any
    encoder: Any
    _n_features: int | None = None
    _made: tuple[Any, Any, Network] | None = None
    _placed: tuple[Any, Network, Placement | None] | None = None
    device: str | torch.device
    batch_size: int | str
    dtype: torch.dtype | str | None

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check that the module takes the rows of X and answers y; nothing is trained.

        Parameters
        ----------
        X : {array-like, DataFrame, Tensor} of shape (n_rows, n_columns)
            Rows as the encoder, or the module, takes them.
        y : array-like of shape (n_rows,), default=None
            The targets.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            A parameter out of range, a table without rows, or targets that the module cannot
            answer.
        ModelOutputError
            The forward pass raised, or returned something other than finite numbers.
        """
        X = X if hasattr(X, "shape") else np.asarray(X)
        self._n_features = None
        self._check_targets(y, self._network().raw(self._inputs(X)).shape[1])
        self._n_features = int(X.shape[1])
        return self

    def differentiate(self, method: str, rows: Any) -> OpenModel:
        """Return a response as a function of numeric inputs, with its derivatives.

        Parameters
        ----------
        method : str
            The predicting method.
        rows : {array-like, DataFrame} of shape (n_rows, n_columns)
            Some rows that the adapter takes.

        Returns
        -------
        opened : OpenModel

        Raises
        ------
        ValueError
            The module cannot be differentiated.
        """
        if isinstance(self.module, torch.jit.ScriptModule):
            raise ValueError(
                f"{type(self).__name__} holds a TorchScript module, whose inside cannot be read: "
                "pass the module that it was made of. Explainers that only ask for predictions, "
                "such as KernelSHAP, take it as it is."
            )
        from surrogates.torch.inside import differentiate

        return differentiate(self, method, rows)

    @property
    def computes_elsewhere(self) -> bool:
        """Whether the module computes on another device than this processor."""
        return bool(self._network().device.type != "cpu")

    def compose_mixtures(
        self, method: str, rows: Any, reference: Any, players: Players, host: Mixtures
    ) -> Mixtures | None:
        """Return what composes masked rows on the device, where the encoder is column-wise.

        Parameters
        ----------
        method : str
            The predicting method.
        rows, reference : ndarray or DataFrame
            The rows that are mixed.
        players : Players
            Owners of their columns.
        host : Mixtures
            The same mixtures on this machine.

        Returns
        -------
        mixtures : Mixtures or None
            None where an element of the inputs may depend on several columns.
        """
        placement = self._placement(reference)
        if placement is None:
            return None
        network = self._network()
        return DeviceMixtures(
            network,
            partial(self._answer, method),
            partial(self._numbers, method),
            placement,
            self._inputs(rows).to(network.device),
            players,
            host,
        )

    def _placement(self, reference: Any) -> Placement | None:
        """Return the reference rows on the device, kept for the next rows to be explained."""
        network, kept = self._network(), self._placed
        if kept is None or kept[0] is not reference or kept[1] is not network:
            self._placed = kept = reference, network, self._place(network, reference)
        return kept[2]

    def _place(self, network: Network, reference: Any) -> Placement | None:
        owners = self._column_of(reference)
        if owners is None or not is_columnwise(self._inputs, reference, owners):
            return None
        return Placement(self._inputs(reference).to(network.device), owners, network.device)

    def parametric(self, X: Any, layers: Any = "all") -> Any:
        """Return the margins of rows like X as a function of parameters, for influence.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_rows, n_columns)
            Some rows that the adapter takes.
        layers : "all", "last" or list of str, default="all"
            The layers whose parameters count.

        Returns
        -------
        parametric : object
            The margins, and their derivatives.
        """
        from surrogates.torch.parameters import read_parameters

        return read_parameters(self, X, layers)

    @property
    def n_features_in_(self) -> int:
        """Number of columns, where it is known: from `fit`, the encoder or a first layer."""
        known = self._n_features
        if known is None and self.encoder is not None:
            known = getattr(self.encoder, "n_features_in_", None)
        if known is None and self.encoder is None:
            known = first_width(original(self.module))
        if known is None:
            raise AttributeError(
                f"{type(self).__name__} does not know how many columns its module takes. "
                "Call fit(X), which trains nothing."
            )
        return int(known)

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the columns that the encoder was fitted on."""
        names: NDArray[np.object_] | None = getattr(self.encoder, "feature_names_in_", None)
        if names is None:
            raise AttributeError(f"{type(self).__name__} has no encoder that was fitted on names.")
        return names

    def _check_targets(self, y: Any, n_raw: int) -> None:
        """Compare targets with the number of outputs."""

    def _module_on_device(self) -> Any:
        """Return the module that computes: the one given, or a copy on the device."""
        return self._network().module

    def _network(self) -> Network:
        """Return the module made ready to answer, made anew after every change."""
        module = original(self.module)
        asked = self.device, self.dtype, self.batch_size
        made = self._made
        if made is None or made[0] is not module or made[1] != asked:
            check_params(type(self).__name__, self.get_params(deep=False), self._constraints)
        elif made[2].is_current():
            return made[2]
        network = Network(module, self.device, _dtype(self.dtype), self.batch_size)
        self._made = module, asked, network
        return network

    def _inputs(self, X: Any, network: Network | None = None) -> Inputs:
        """Return the arguments of forward for the rows of X, where the data is."""
        network = network or self._network()
        X = X if hasattr(X, "shape") else np.asarray(X)
        if len(X.shape) < 2 or X.shape[0] == 0:
            raise ValueError(
                f"{type(self).__name__} expected a table with at least one row, (n_rows, "
                f"n_columns). Got one of shape {tuple(X.shape)}."
            )
        if self.encoder is not None:
            table = X.detach().cpu().numpy() if isinstance(X, torch.Tensor) else X
            encode = getattr(self.encoder, "transform", self.encoder)
            if not callable(encode):
                raise TypeError(
                    f"The 'encoder' parameter of {type(self).__name__} must be a fitted "
                    f"transformer or a callable. Got {self.encoder!r} instead."
                )
            return network.read(encode(table))
        expected = getattr(self, "n_features_in_", X.shape[1])
        if len(X.shape) == 2 and X.shape[1] != expected:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting {expected} "
                "features as input."
            )
        return network.read(X)

    def _encoded(self, X: Any) -> tuple[torch.Tensor, ...]:
        """Return the arguments of forward for the rows of X, on the device."""
        return self._inputs(X).to(self._network().device).tensors

    def _column_of(self, X: Any) -> tuple[NDArray[np.int64], ...] | None:
        """Return for each input tensor which column of X owns each element of a row."""
        return owners_of_inputs(self.encoder, X.shape[1], self._inputs(take_rows(X, slice(0, 1))))

    def _respond(self, method: str, X: Any) -> NDArray[Any]:
        """Return what a predicting method answers for the rows of X."""
        network = self._network()
        inputs = self._inputs(X, network)
        return self._answer(method, network.raw(inputs), inputs)

    @abstractmethod
    def _answer(self, method: str, raw: torch.Tensor, inputs: Inputs) -> NDArray[Any]:
        """Return what a predicting method makes of raw outputs, the inputs being like some."""

    @abstractmethod
    def _numbers(self, method: str, raw: torch.Tensor, inputs: Inputs) -> torch.Tensor:
        """Return the same on the device, (n_rows, n_outputs), for methods that return numbers."""

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        """Return an adapter of the same module and encoder: nothing is copied or forgotten."""
        cloned = type(self).__new__(type(self))
        cloned.__dict__.update(self.__dict__)
        return cloned

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.target_tags.required = False
        tags.input_tags.string = tags.input_tags.categorical = self.encoder is not None
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_made", None)
        state.pop("_placed", None)
        state["module"] = module_to_bytes(original(self.module))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "module": module_from_bytes(*state["module"])})
        if not can_be_used(self.device):
            warnings.warn(
                f"This {type(self).__name__} was saved for the device {str(self.device)!r}, which "
                "is not here: its device is 'auto' now.",
                UserWarning,
                stacklevel=2,
            )
            self.device = "auto"

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        words = [type(self.module).__name__, *self._words(), f"device={str(self.device)!r}"]
        if self.encoder is not None:
            words.insert(1, f"encoder={type(self.encoder).__name__}()")
        return f"{type(self).__name__}({', '.join(words)})"[:N_CHAR_MAX]

    def _words(self) -> list[str]:
        """Return what a subclass shows of itself."""
        return []


def _dtype(wanted: torch.dtype | str | None) -> torch.dtype | None:
    return getattr(torch, wanted) if isinstance(wanted, str) else wanted
