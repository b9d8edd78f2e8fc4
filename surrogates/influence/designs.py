"""What the margins of a linear model are linear in, and what its losses compare them with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Coding", "Design", "as_matrix"]

Array = NDArray[np.float64]


def as_matrix(X: Any) -> Array:
    """Return what a linear model is given as a dense array of floats."""
    dense = X.toarray() if hasattr(X, "toarray") else X
    return np.ascontiguousarray(dense, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Design:
    """Columns of a model's input, and its intercept as one more column.

    Parameters
    ----------
    center : ndarray of shape (n_columns,)
        Subtracted from the columns. Where the intercept is free, centered columns describe the
        same model and lose fewer digits.
    intercept : float
        The constant in the last column; 0 where there is none.
    """

    center: Array
    intercept: float

    @classmethod
    def of(cls, X: Array, weights: Array, *, intercept: float, penalised: bool) -> "Design":
        """Choose the center for training rows: their mean, unless the intercept is penalised."""
        free = intercept > 0.0 and not penalised
        center = weights @ X / weights.sum() if free else np.zeros(X.shape[1])
        return cls(center, intercept)

    def matrix(self, X: Any) -> Array:
        """Return the design of rows, of shape (n_rows, n_columns [+ 1])."""
        rows = as_matrix(X)
        if self.intercept == 0.0:
            return rows - self.center
        design = np.empty((rows.shape[0], rows.shape[1] + 1))
        np.subtract(rows, self.center, out=design[:, :-1])
        design[:, -1] = self.intercept
        return design

    def theta(self, coef: Array, intercept: Array) -> Array:
        """Return the parameters of a model, of shape (n_outputs, n_columns [+ 1])."""
        coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
        if self.intercept == 0.0:
            return coef
        constant = (np.ravel(intercept) + coef @ self.center) / self.intercept
        return np.column_stack([coef, np.broadcast_to(constant, len(coef))])

    def natural(self, theta: Array) -> Array:
        """Return parameters, or changes of them, as coefficients and the model's own intercept."""
        if self.intercept == 0.0:
            return theta
        coef = theta[..., :-1]
        return np.concatenate(
            [coef, self.intercept * theta[..., -1:] - (coef @ self.center)[..., None]], axis=-1
        )

    def natural_gradient(self, gradient: Array) -> Array:
        """Return a gradient by the parameters as one by coefficients of columns not centered."""
        if self.intercept == 0.0:
            return gradient
        coef = gradient[..., :-1] + gradient[..., -1:] * self.center / self.intercept
        return np.concatenate([coef, gradient[..., -1:] / self.intercept], axis=-1)

    def natural_matrix(self) -> Array:
        """Return the matrix that `natural` multiplies with, of shape (n_parameters, same)."""
        size = len(self.center) + (self.intercept > 0.0)
        return np.asarray(self.natural(np.eye(size)).T)


@dataclass(frozen=True)
class Coding:
    """How labels or numbers become the targets of the objectives.

    Parameters
    ----------
    kind : {"number", "indicator", "class", "sign"}
        Numbers as they are; 1 for the class with the code 1 and 0 else; the code of the class;
        1 for a class and -1 for all others.
    n_parts : int
        How many objectives there are.
    """

    kind: str
    n_parts: int

    def targets(self, y: NDArray[Any]) -> list[Array]:
        """Return the targets of every objective; y holds codes of classes, or numbers."""
        if self.kind == "number":
            return list(np.asarray(y, dtype=np.float64).reshape(len(y), -1).T)
        if self.kind != "sign":
            return [np.asarray(y, dtype=np.float64)]
        classes = (1,) if self.n_parts == 1 else range(self.n_parts)
        return [np.where(y == code, 1.0, -1.0) for code in classes]
