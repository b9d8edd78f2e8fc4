"""A trained torch module that predicts numbers."""

from __future__ import annotations  # pages are built without torch

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from surrogates.torch.adapter import TorchAdapter
from surrogates.torch.inputs import Inputs

__all__ = ["TorchRegressor"]


class TorchRegressor(RegressorMixin, TorchAdapter):
    """A trained torch module as a fitted scikit-learn regressor.

    Every explainer of the package takes it, alone or as the last step of a Pipeline of fitted
    parts. The module is asked in evaluation mode and is never trained, moved or changed: its
    modes, hooks, buffers and attributes are afterwards what they were.

    Parameters
    ----------
    module : torch.nn.Module
        A trained module whose forward returns (n_rows,) or (n_rows, n_outputs). A compiled module
        is replaced by the one it was made of; a TorchScript module gives predictions, but no
        gradients.
    encoder : transformer or callable, default=None
        A fitted transformer, or a function, from the rows of X to what the module takes: an array,
        or a tuple of arrays for the arguments of forward in order, or a dict of arrays by their
        names. Whole numbers of a tuple or dict are codes for an embedding and stay whole. See
        `ColumnEncoder`.
    device : str or torch.device, default="auto"
        Where to compute. "auto" is the device of the module, or a GPU where there is one and the
        module is on the CPU. A module that is elsewhere is copied once.
    batch_size : int or "auto", default="auto"
        Rows per forward pass; "auto" goes by the memory at hand. Halved where memory runs out.
    dtype : torch.dtype or str, default=None
        Precision to compute in, such as "float64". None is that of the module.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns, where it is known.
    feature_names_in_ : ndarray of str
        Their names, where the encoder was fitted on a frame.

    See Also
    --------
    TorchClassifier : The same for classification.

    Examples
    --------
    >>> import torch
    >>> from surrogates.torch import TorchRegressor
    >>> module = torch.nn.Linear(2, 1)
    >>> _ = torch.nn.init.ones_(module.weight), torch.nn.init.zeros_(module.bias)
    >>> TorchRegressor(module, device="cpu").predict([[1.0, 2.0], [3.0, 4.0]])
    array([3., 7.])
    """

    def __init__(
        self,
        module: Any,
        *,
        encoder: Any = None,
        device: str | torch.device = "auto",
        batch_size: int | str = "auto",
        dtype: torch.dtype | str | None = None,
    ) -> None:
        self.module = module
        self.encoder = encoder
        self.device = device
        self.batch_size = batch_size
        self.dtype = dtype

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predictions.

        Parameters
        ----------
        X : {array-like, DataFrame, Tensor} of shape (n_rows, n_columns)
            Rows as the encoder, or the module, takes them.

        Returns
        -------
        predictions : ndarray of shape (n_rows,) or (n_rows, n_outputs)

        Raises
        ------
        ValueError
            A table that the module does not take.
        ModelOutputError
            The forward pass raised, or returned something other than finite numbers.
        """
        return self._respond("predict", X)

    def _answer(self, method: str, raw: torch.Tensor, inputs: Inputs) -> NDArray[np.float64]:
        numbers = np.asarray(self._numbers(method, raw, inputs).cpu())
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers

    def _numbers(self, method: str, raw: torch.Tensor, inputs: Inputs) -> torch.Tensor:  # noqa: ARG002
        return raw.to(torch.float64)

    def _check_targets(self, y: Any, n_raw: int) -> None:
        n_targets = n_raw if y is None or np.ndim(y) < 2 else np.shape(y)[1]
        if y is not None and n_targets != n_raw:
            raise ValueError(f"y has {n_targets} targets, but the module has {n_raw} outputs.")
