"""What changes of the parameters of a linear model do to losses and predictions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogates.influence.designs import Coding, Design
from surrogates.influence.engine import Question
from surrogates.influence.losses import Loss, SoftmaxLoss

__all__ = ["LinearChanges"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearChanges:
    """A linear model, and what its parameters change by in every case considered.

    Parameters
    ----------
    design : Design
    coding : Coding
    losses : tuple of Loss
        One per objective.
    thetas : tuple of ndarray of shape (n_outputs, n_columns)
        Parameters at the optimum.
    changes : tuple of ndarray of shape (n_cases, n_outputs * n_columns)
    question : Question
    """

    design: Design
    coding: Coding
    losses: tuple[Loss, ...]
    thetas: tuple[Array, ...]
    changes: tuple[Array, ...]
    question: Question

    def fill(self, X: Any, y: NDArray[Any] | None, out: Array) -> None:
        """Write what every case does to every test row, of shape (n_test, n_cases)."""
        design = self.design.matrix(X)
        if self.question.of == "prediction":
            self._fill_predictions(design, out)
            return
        if y is None:
            raise ValueError("The loss of a row needs its label: pass y to explain.")
        for part, target in enumerate(self.coding.targets(y)):
            if part == 0:
                self._fill_losses(part, design, target, out)
            else:
                more = np.empty_like(out)
                self._fill_losses(part, design, target, more)
                out += more

    def of_own_row(self, X: Any, y: NDArray[Any]) -> Array:
        """Return what case i does to row i, of shape (n_rows,)."""
        design, total = self.design.matrix(X), np.zeros(len(y))
        if self.question.of == "prediction":
            for part, steps in self._own_steps(design):
                total += self._response_changes(part, self.margins(part, design), steps).ravel()
            return total
        for (part, steps), target in zip(
            self._own_steps(design), self.coding.targets(y), strict=True
        ):
            total += self._loss_changes(part, target, self.margins(part, design), steps).ravel()
        return total

    def row_losses(self, X: Any, y: NDArray[Any]) -> Array:
        """Return the loss of every row at the optimum."""
        design, total = self.design.matrix(X), np.zeros(len(y))
        for part, target in enumerate(self.coding.targets(y)):
            total += self.losses[part].value(target, self.margins(part, design))
        return total

    def answers(self, X: Any, y: NDArray[Any] | None) -> Array:
        """Return the loss, or the prediction followed, of every row."""
        if self.question.of == "loss":
            if y is None:
                raise ValueError("The loss of a row needs its label: pass y to explain.")
            return self.row_losses(X, y)
        design, (part,) = self.design.matrix(X), self._parts()
        response = self.losses[part].response(self.margins(part, design))
        if isinstance(self.losses[part], SoftmaxLoss):
            return response[:, self.question.output or 0]
        is_binary = self.coding.kind != "number" and len(self.losses) == 1
        return -response if is_binary and self.question.output == 0 else response

    def margins(self, part: int, design: Array) -> Array:
        """Return margins of one objective: (n_rows,), or (n_rows, n_classes) of a softmax."""
        margins: Array = design @ self.thetas[part].T
        return margins if isinstance(self.losses[part], SoftmaxLoss) else margins[:, 0]

    def _parts(self) -> list[int]:
        """Return the objectives that the prediction followed depends on."""
        if len(self.losses) == 1:
            return [0]
        return [self.question.output or 0]

    def _own_steps(self, design: Array) -> list[tuple[int, Array]]:
        """Return the changes of margins of each row by its own case, with an axis of length 1."""
        everything = range(len(self.losses))
        parts = self._parts() if self.question.of == "prediction" else everything
        steps = []
        for part in parts:
            n_outputs = len(self.thetas[part])
            blocks = self.changes[part].reshape(len(design), n_outputs, -1)
            own = np.einsum("nj,nkj->kn", design, blocks)[..., None]
            is_softmax = isinstance(self.losses[part], SoftmaxLoss)
            steps.append((part, own if is_softmax else own[0]))
        return steps

    def _fill_losses(self, part: int, design: Array, target: Array, out: Array) -> None:
        loss, margins = self.losses[part], self.margins(part, design)
        if self.question.method == "first_order":
            slopes = loss.scale * loss.slope(target, margins).reshape(len(design), -1)
            pulls = (slopes[:, :, None] * design[:, None, :]).reshape(len(design), -1)
            np.matmul(pulls, self.changes[part].T, out=out)
        elif isinstance(loss, SoftmaxLoss):
            out[:] = loss.change(target, margins, self._softmax_steps(part, design))
        else:
            np.matmul(design, self.changes[part].T, out=out)
            loss.change(target, margins, out)

    def _softmax_steps(self, part: int, design: Array) -> Array:
        """Return changes of margins, of shape (n_classes, n_rows, n_cases)."""
        blocks = self.changes[part].reshape(-1, *self.thetas[part].shape)
        return np.ascontiguousarray(design @ np.moveaxis(blocks, 0, 2))

    def _loss_changes(self, part: int, target: Array, margins: Array, steps: Array) -> Array:
        loss = self.losses[part]
        if self.question.method != "first_order":
            return loss.change(target, margins, np.array(steps))
        slopes = loss.scale * loss.slope(target, margins)
        if isinstance(loss, SoftmaxLoss):
            return np.einsum("nk,knc->nc", slopes, steps)
        return slopes[:, None] * steps

    def _fill_predictions(self, design: Array, out: Array) -> None:
        (part,) = self._parts()
        if isinstance(self.losses[part], SoftmaxLoss):
            steps = self._softmax_steps(part, design)
        else:
            steps = design @ self.changes[part].T
        out[:] = self._response_changes(part, self.margins(part, design), steps)

    def _response_changes(self, part: int, margins: Array, steps: Array) -> Array:
        loss = self.losses[part]
        if isinstance(loss, SoftmaxLoss):
            return self._share_changes(loss, margins, steps)
        # margins of two classes are those of the second one
        is_binary = self.coding.kind != "number" and len(self.losses) == 1
        sign = -1.0 if is_binary and self.question.output == 0 else 1.0
        if self.question.method == "first_order":
            return sign * loss.response_slope(margins)[:, None] * steps
        before = loss.response(margins)[:, None]
        return sign * (loss.response(margins[:, None] + steps) - before)

    def _share_changes(self, loss: SoftmaxLoss, margins: Array, steps: Array) -> Array:
        output = self.question.output or 0
        before = loss.response_slope(margins)
        if self.question.method == "first_order":
            mean = np.einsum("nk,knc->nc", before, steps)
            return before[:, output, None] * (steps[output] - mean)
        after = loss.response(margins[:, None] + np.moveaxis(steps, 0, 2))
        return after[..., output] - before[:, output, None]
