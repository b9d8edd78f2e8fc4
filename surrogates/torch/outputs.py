"""What a forward pass returned, or why it returned nothing."""

from __future__ import annotations  # pages are built without torch

import math
from typing import Any

import torch

from surrogates.exceptions import ModelOutputError
from surrogates.torch.inputs import Inputs

__all__ = ["as_matrix", "check_finite", "checked_outputs", "refusal"]

_ADVICE = (
    (
        ("cannot be multiplied", "size mismatch", "running_mean should contain"),
        "Pass as many columns as the module was trained on, in the same order.",
    ),
    (
        ("dtype", "scalar type", "indices"),
        "Codes of an embedding must be whole numbers and all other inputs floating ones: pass an "
        "encoder that returns them apart, such as surrogates.torch.ColumnEncoder().",
    ),
    (
        ("index out of range", "device-side assert"),
        "A code is as large as the number of rows of an embedding, or larger.",
    ),
    (
        ("positional argument", "keyword argument"),
        "The encoder must return one array for each argument of forward, or a dict that names "
        "them.",
    ),
)


def refusal(name: str, inputs: Inputs, error: Exception) -> ModelOutputError:
    """Return the error that says which inputs made a forward pass raise, and what to do."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else ""
    advice = next((words for signs, words in _ADVICE if any(s in text for s in signs)), "")
    end = "" if not advice else f" {advice}" if text.endswith(".") else f". {advice}"
    return ModelOutputError(
        f"forward of {name} raised {type(error).__name__} for inputs of shape {inputs}: {text}{end}"
    )


def checked_outputs(answer: Any, inputs: Inputs, name: str) -> torch.Tensor:
    """Return what a forward pass returned as a matrix of finite numbers: (n_rows, n_raw).

    Raises
    ------
    ModelOutputError
        It is no tensor of finite floating numbers with a row for each row.
    """
    matrix = as_matrix(answer, len(inputs), name)
    check_finite(matrix, inputs, name)
    return matrix


def as_matrix(answer: Any, n_rows: int, name: str) -> torch.Tensor:
    """Return what a forward pass returned as a matrix, without a look at its values.

    Raises
    ------
    ModelOutputError
        It is no tensor of floating numbers with a row for each row.
    """
    if not isinstance(answer, torch.Tensor):
        raise ModelOutputError(
            f"forward of {name} returned a {type(answer).__name__}, not a tensor: wrap the module "
            "in one whose forward returns the tensor of outputs."
        )
    if not answer.is_floating_point():
        raise ModelOutputError(
            f"forward of {name} returned a tensor of {answer.dtype}: it must return floating "
            "numbers, such as logits or probabilities, and not labels."
        )
    matrix = _as_matrix(answer, n_rows)
    if matrix is None:
        raise ModelOutputError(
            f"forward of {name} returned a tensor of shape {tuple(answer.shape)} for {n_rows} "
            "rows: it must be (n_rows,) or (n_rows, n_outputs)."
        )
    return matrix


def check_finite(matrix: torch.Tensor, inputs: Inputs | None, name: str) -> None:
    """Look at all values at once; a device is waited for.

    Parameters
    ----------
    matrix : Tensor of shape (n_rows, n_raw)
    inputs : Inputs or None
        Of the same rows, where they are at hand.
    name : str
        Of the module.

    Raises
    ------
    ModelOutputError
        A value is NaN or infinite.
    """
    # a finite sum needs finite values, and is taken in a fraction of the time
    if not math.isfinite(float(matrix.detach().sum())) and not torch.isfinite(matrix).all():
        raise ModelOutputError(_not_finite(matrix, inputs, name))


def _as_matrix(answer: torch.Tensor, n_rows: int) -> torch.Tensor | None:
    """Give an answer its two axes, also where a module squeezed the single row or output away."""
    if answer.ndim == 2 and len(answer) == n_rows and answer.numel():
        return answer
    if answer.numel() == n_rows:
        return answer.reshape(n_rows, 1)
    return answer.reshape(1, -1) if answer.ndim == 1 and n_rows == 1 else None


def _not_finite(matrix: torch.Tensor, inputs: Inputs | None, name: str) -> str:
    row = int((~torch.isfinite(matrix)).any(dim=1).nonzero()[0])
    start = f"forward of {name} returned NaN or infinite values, first in row {row}"
    if inputs is None:
        return f"{start} of a block of masked rows."
    is_floating = [tensor for tensor in inputs.tensors if tensor.is_floating_point()]
    if any(not bool(torch.isfinite(tensor[row]).all()) for tensor in is_floating):
        return f"{start}; its inputs are missing or infinite: impute them before the module."
    return f"{start}; its inputs are finite: check the weights and the scale of the inputs."
