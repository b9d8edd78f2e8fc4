"""A trained torch module that classifies."""

from __future__ import annotations  # pages are built without torch

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from surrogates._params import Constraint, Options
from surrogates.torch.adapter import TorchAdapter
from surrogates.torch.heads import Head, infer_kind
from surrogates.torch.inputs import Inputs
from surrogates.torch.layers import last_width
from surrogates.torch.network import original

__all__ = ["TorchClassifier"]


class TorchClassifier(ClassifierMixin, TorchAdapter):
    """A trained torch module as a fitted scikit-learn classifier.

    Every explainer of the package takes it, alone or as the last step of a Pipeline of fitted
    parts. The module is asked in evaluation mode and is never trained, moved or changed: its
    modes, hooks, buffers and attributes are afterwards what they were.

    Parameters
    ----------
    module : torch.nn.Module
        A trained module whose forward returns (n_rows, n_classes), or (n_rows,) or (n_rows, 1) for
        two classes: then the output is that of the second class. A compiled module is replaced by
        the one it was made of; a TorchScript module gives predictions, but no gradients.
    classes : array-like of shape (n_classes,), default=None
        The labels, in the order of the outputs. None is what `fit` sees in y, or 0, 1, ...
    output : {"auto", "logits", "probabilities"}, default="auto"
        What the module returns. "auto" asks about up to 64 rows, and again far away from them:
        numbers in [0, 1] that sum to one are probabilities, all others logits. The repr shows what
        was found. Log-probabilities are logits.
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
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Number of columns, where it is known.
    feature_names_in_ : ndarray of str
        Their names, where the encoder was fitted on a frame.

    See Also
    --------
    TorchRegressor : The same for regression.
    ColumnEncoder : Columns of numbers and codes for embeddings.

    Examples
    --------
    >>> import torch
    >>> from surrogates.torch import TorchClassifier
    >>> module = torch.nn.Linear(2, 2)
    >>> _ = torch.nn.init.eye_(module.weight), torch.nn.init.zeros_(module.bias)
    >>> classifier = TorchClassifier(module, classes=["bad", "good"], device="cpu")
    >>> classifier.predict([[1.0, 0.0], [0.0, 3.0]])
    array(['bad', 'good'], dtype='<U4')
    >>> classifier
    TorchClassifier(Linear, output='auto' -> 'logits', device='cpu')
    """

    _constraints: ClassVar[Mapping[str, Sequence[Constraint]]] = {
        **TorchAdapter._constraints,
        "output": [Options("auto", "logits", "probabilities")],
    }
    _head_found: tuple[Any, Head] | None = None
    _labels: NDArray[Any] | None = None

    def __init__(
        self,
        module: Any,
        *,
        classes: Any = None,
        output: str = "auto",
        encoder: Any = None,
        device: str | torch.device = "auto",
        batch_size: int | str = "auto",
        dtype: torch.dtype | str | None = None,
    ) -> None:
        self.module = module
        self.classes = classes
        self.output = output
        self.encoder = encoder
        self.device = device
        self.batch_size = batch_size
        self.dtype = dtype

    @property
    def classes_(self) -> NDArray[Any]:
        """Return the labels, in the order of the outputs."""
        if self.classes is not None:
            return np.asarray(self.classes)
        if self._labels is not None:
            return self._labels
        n_raw = last_width(original(self.module))
        if self._head_found is not None and self._head_found[0] is self.module:
            n_raw = self._head_found[1].n_raw
        if n_raw is None:
            raise AttributeError(
                "TorchClassifier does not know its classes yet: pass classes=, or call fit(X, y), "
                "which trains nothing."
            )
        return np.arange(max(2, n_raw))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, DataFrame, Tensor} of shape (n_rows, n_columns)
            Rows as the encoder, or the module, takes them.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_classes)

        Raises
        ------
        ValueError
            A table that the module does not take, or classes in another number than the outputs.
        ModelOutputError
            The forward pass raised, or returned something other than finite numbers.
        """
        return self._respond("predict_proba", X)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return logits; for two classes, the log-odds of the second one.

        Parameters
        ----------
        X : {array-like, DataFrame, Tensor} of shape (n_rows, n_columns)

        Returns
        -------
        margins : ndarray of shape (n_rows,) or (n_rows, n_classes)
            Logarithms of the probabilities where the module returns probabilities.

        Raises
        ------
        ValueError
            As `predict_proba`.
        """
        return self._respond("decision_function", X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : {array-like, DataFrame, Tensor} of shape (n_rows, n_columns)

        Returns
        -------
        labels : ndarray of shape (n_rows,)

        Raises
        ------
        ValueError
            As `predict_proba`.
        """
        return self._respond("predict", X)

    def _answer(self, method: str, raw: torch.Tensor, inputs: Inputs) -> NDArray[Any]:
        if method != "predict":
            numbers = np.asarray(self._numbers(method, raw, inputs).cpu())
            return numbers[:, 0] if numbers.shape[1] == 1 else numbers
        winners = self._head(inputs, raw.shape[1]).winners(raw)
        labels: NDArray[Any] = self.classes_[np.asarray(winners.cpu())]
        return labels

    def _numbers(self, method: str, raw: torch.Tensor, inputs: Inputs) -> torch.Tensor:
        head, numbers = self._head(inputs, raw.shape[1]), raw.to(torch.float64)
        return head.probabilities(numbers) if method == "predict_proba" else head.margins(numbers)

    def _head(self, inputs: Inputs, n_raw: int) -> Head:
        """Return how the raw outputs are read, found out from inputs where it is not known."""
        found = self._head_found
        if found is None or found[0] is not self.module or found[1].n_raw != n_raw:
            kind = self.output
            if kind == "auto":
                kind = infer_kind(self._network(), inputs)
            found = self._head_found = self.module, Head(kind, n_raw)
        elif self.output not in ("auto", found[1].kind):
            found = self._head_found = self.module, Head(self.output, n_raw)
        n_classes = len(self.classes_)
        if n_classes != found[1].n_classes:
            raise ValueError(
                f"The module has {n_raw} output{'s' if n_raw > 1 else ''}, which is for "
                f"{found[1].n_classes} classes, but there are {n_classes} classes: "
                f"{self.classes_.tolist()}. Pass classes= with one label per output."
            )
        return found[1]

    def _check_targets(self, y: Any, n_raw: int) -> None:
        n_classes = max(2, n_raw)
        labels = None if y is None else np.unique(np.asarray(y))
        if self.classes is not None:
            unknown = [] if labels is None else labels[~np.isin(labels, self.classes)].tolist()
            if unknown:
                raise ValueError(f"y has labels that are not in classes: {unknown}.")
        elif labels is not None and len(labels) == n_classes:
            self._labels = labels
        elif labels is not None and not np.isin(labels, np.arange(n_classes)).all():
            raise ValueError(
                f"y has {len(labels)} different labels, but the module has outputs for {n_classes} "
                "classes: pass classes= with one label per output, in their order."
            )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        found = state.pop("_head_found", None)
        return state | {"_head": found[1] if found and found[0] is self.module else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        head = state.pop("_head", None)
        super().__setstate__(state)
        self._head_found = None if head is None else (self.module, head)

    def _words(self) -> list[str]:
        if self.output != "auto":
            return [f"output={self.output!r}"]
        found = self._head_found
        known = found is not None and found[0] is self.module
        return [f"output='auto' -> {found[1].kind!r}" if found and known else "output='auto'"]
