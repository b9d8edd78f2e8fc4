"""What influence needs of a model with parameters and a smooth objective, of any library."""

from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from surrogates.influence.losses import Loss

__all__ = ["ParametricModel"]

Array = NDArray[np.float64]


class ParametricModel(Protocol):
    """A model, its training rows, and the objective that it minimises on them.

    The objective is a sum of weighted losses of margins and a penalty.
    """

    @property
    def loss(self) -> Loss:
        """The loss as a function of the margins."""

    @property
    def X(self) -> Any:  # noqa: N802
        """The training rows."""

    @property
    def targets(self) -> Array:
        """Their targets, of shape (n_rows,)."""

    @property
    def weights(self) -> Array:
        """Their weights, of shape (n_rows,)."""

    @property
    def theta(self) -> Array:
        """All parameters, of shape (n_parameters,)."""

    def at(self, theta: Array) -> Self:
        """Return the model with other parameters."""

    def like(self, model: Any) -> Self:
        """Return the model with the parameters of another fitted estimator."""

    def without(self, rows: NDArray[np.int64]) -> Self:
        """Return the model with the objective that is left when rows are removed."""

    def stripped(self) -> Self:
        """Return the model without its training rows, for other processes."""

    def margins(self, X: Any) -> Array:
        """Return margins: (n_rows,), or (n_rows, n_classes) of a softmax."""

    def jacobian(self, X: Any) -> Array:
        """Return the derivatives of margins, of shape (n_rows, n_outputs, n_parameters)."""

    def value(self, theta: Array) -> float:
        """Return the value of the objective."""

    def objective(self, theta: Array) -> tuple[float, Array]:
        """Return the value of the objective and its gradient."""

    def curvature_products(self, directions: Array) -> Array:
        """Return products of its second derivatives with directions, (n, n_parameters)."""

    def curvature(self) -> Array:
        """Return its second derivatives, of shape (n_parameters, n_parameters)."""
