"""Open the module of an adapter for the gradient family."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import is_regressor

from surrogates.blackbox.heads import Head, binary_head, plain_head
from surrogates.blackbox.open_model import OpenModel
from surrogates.torch.gradient_inputs import find_inputs, read_inputs
from surrogates.torch.inputs import Inputs
from surrogates.torch.last_link import LastLink
from surrogates.torch.open_network import Anatomy, TorchNetwork, naming
from surrogates.torch.survey import Survey

__all__ = ["differentiate"]

_MARGIN = "decision_function"


def differentiate(adapter: Any, method: str, rows: Any) -> OpenModel:
    """Open the module of an adapter.

    Parameters
    ----------
    adapter : TorchAdapter
    method : str
        The predicting method.
    rows : ndarray or DataFrame of shape (n_rows, n_columns)
        Rows that the adapter takes.

    Raises
    ------
    ValueError
        The method has no derivatives, or it is not known which columns the inputs belong to.
    """
    network = adapter._network()
    _refuse_scripts(adapter, network.module)
    inputs = adapter._inputs(rows).to(network.device)
    owners = adapter._column_of(rows)
    if owners is None:
        raise ValueError(
            f"{type(adapter).__name__} cannot be differentiated: its encoder does not tell which "
            "column each input comes from. Use surrogates.torch.ColumnEncoder(), or an encoder "
            "with an attribute column_owners_."
        )
    few = inputs.rows(0, 2)
    n_raw = network.raw(few).shape[1]
    with naming(adapter, None):
        begins = find_inputs(network.module, few, owners)
    whole = TorchNetwork(adapter, begins, False, Anatomy(0, None, None))
    link = _last_link(whole, method, few, n_raw)
    head, reads_margins = _head(adapter, method, link, inputs, n_raw)
    read = replace(whole, reads_margins=reads_margins, link=link)
    survey, _ = _surveyed(read, few)
    anatomy = Anatomy(survey.n_layers, survey.n_kinks, survey.n_stages)
    return OpenModel(replace(read, anatomy=anatomy), head, f"{method} of {type(adapter).__name__}")


def _surveyed(opened: TorchNetwork, few: Inputs) -> tuple[Survey, torch.Tensor]:
    network, survey = opened.adapter._network(), Survey()
    with torch.no_grad():
        outputs, _ = opened._forward(network, read_inputs(network.module, few)[0], survey)
    return survey, outputs


def _last_link(whole: TorchNetwork, method: str, few: Inputs, n_raw: int) -> LastLink | None:
    """Return what makes probabilities of logits at the end of a module, or their logarithms.

    It can be left out where the response does not depend on it.
    """
    if is_regressor(whole.adapter):
        return None
    are_logits = whole.adapter._head(few, n_raw).kind == "logits"
    survey, outputs = _surveyed(whole, few)
    link = survey.link_of(outputs)
    # of more classes, logits are not the logarithms of probabilities
    if link.name == ("log_softmax" if are_logits else "softmax"):
        return link if n_raw == 2 or (n_raw > 2 and method == "predict_proba") else None
    return link if link.name == "sigmoid" and n_raw == 1 and not are_logits else None


def _refuse_scripts(adapter: Any, module: Any) -> None:
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise ValueError(
            f"{type(adapter).__name__} holds a TorchScript module, whose inside cannot be seen: "
            "pass the module that it was made of."
        )


def _head(
    adapter: Any, method: str, link: LastLink | None, inputs: Inputs, n_raw: int
) -> tuple[Head, bool]:
    """Return the head of a method, and whether it reads logarithms of probabilities."""
    if is_regressor(adapter) and method == "predict":
        return plain_head("identity", n_raw), False
    if method not in ("predict_proba", _MARGIN):
        raise ValueError(f"{method} of {type(adapter).__name__} has no derivatives.")
    are_logits = link is not None or adapter._head(inputs, n_raw).kind == "logits"
    if method == "predict_proba":
        if n_raw == 1:
            return binary_head("logistic" if are_logits else "identity"), False
        return plain_head("softmax" if are_logits else "identity", n_raw), False
    if n_raw == 2:
        return Head("identity", np.array([[-1.0], [1.0]]), np.zeros(1)), not are_logits
    if n_raw == 1 and not are_logits:
        raise ValueError(
            f"The module of {type(adapter).__name__} returns a probability, and no logit: explain "
            "predict_proba, or pass the module without its last activation."
        )
    return plain_head("identity", n_raw), not are_logits
