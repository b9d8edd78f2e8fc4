"""Functions of a table whose exact Shapley values are known."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

__all__ = ["Product", "SumOfProducts", "as_bunch"]

Values = NDArray[np.float64]
ColumnFunction = Callable[[NDArray[Any]], Values]


@dataclass(frozen=True)
class Product:
    """A coefficient times the functions of some columns.

    Parameters
    ----------
    coefficient : float
        What the product is multiplied by.
    columns : tuple of str
        Names of the columns whose functions are multiplied, each once.

    Examples
    --------
    >>> from surrogates.datasets import Product
    >>> Product(2.5, ("income", "age")).columns
    ('income', 'age')
    """

    coefficient: float
    columns: tuple[str, ...]


@dataclass(frozen=True)
class SumOfProducts:
    r"""A function of a table that knows its own Shapley values.

    The function is :math:`f(x) = \sum_T c_T \prod_{j \in T} g_j(x_j)`. In the interventional game
    of a row `x`, where absent columns take the values of reference rows `b`, coalition `S` has in
    the game of one product the worth
    :math:`c_T \prod_{j \in S} g_j(x_j) \, E_b[\prod_{j \in T \setminus S} g_j(b_j)]`. Columns
    outside `T` are null players of that game, and Shapley values add up over games [1]_ [2]_: so
    the values of `f` need only :math:`2^{|T|}` moments of the reference rows for each product.

    Parameters
    ----------
    functions : mapping of str to callable
        The function :math:`g_j` of each column: an array of its values -> an array of floats. The
        order of the names is the order of the columns of an array.
    products : tuple of Product
        The terms.

    References
    ----------
    .. [1] L. Shapley, "A value for n-person games", Contributions to the Theory of Games II, 1953.
    .. [2] S. Lundberg and S.-I. Lee, "A unified approach to interpreting model predictions",
       NeurIPS 2017, equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.datasets import Product, SumOfProducts
    >>> area = SumOfProducts({"a": np.float64, "b": np.float64}, (Product(1.0, ("a", "b")),))
    >>> area([[2.0, 3.0]])
    array([6.])
    >>> area.attributions([[2.0, 3.0]], reference=[[0.0, 0.0], [2.0, 0.0]])
    array([[1.5, 4.5]])
    """

    functions: Mapping[str, ColumnFunction]
    products: tuple[Product, ...]

    def __call__(self, X: Any) -> Values:
        """Evaluate the function.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
            A frame may hold its columns in any order, and others besides.

        Returns
        -------
        values : ndarray of shape (n_samples,)
            The function of each row.

        Raises
        ------
        ValueError
            If a column is missing, or holds values that its function does not know.
        """
        columns = self._transformed(X)
        values = np.zeros(len(X))
        for product in self.products:
            values += product.coefficient * math.prod(columns[name] for name in product.columns)
        return values

    def attributions(self, X: Any, reference: Any, sample_weight: Any = None) -> Values:
        """Compute the exact interventional Shapley values.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
            Rows to explain.
        reference : dataframe or array-like of shape (n_reference, n_features)
            Rows that absent columns are taken from.
        sample_weight : array-like of shape (n_reference,), default=None
            Weights of the reference rows; None weights them equally.

        Returns
        -------
        values : ndarray of shape (n_samples, n_features)
            They sum to the function of the row minus its weighted mean over the reference rows.

        Raises
        ------
        ValueError
            If a column is missing, `reference` has no rows, or `sample_weight` does not fit it.
        """
        present, absent = self._transformed(X), self._transformed(reference)
        weights = _normalized(sample_weight, len(reference))
        position = {name: j for j, name in enumerate(self.functions)}
        values = np.zeros((len(X), len(position)))
        for product in self.products:
            shapley = _product_values(
                [present[name] for name in product.columns],
                [absent[name] for name in product.columns],
                weights,
            )
            for name, column in zip(product.columns, shapley, strict=True):
                values[:, position[name]] += product.coefficient * column
        return values

    def _transformed(self, X: Any) -> dict[str, Values]:
        if hasattr(X, "columns"):
            missing = [name for name in self.functions if name not in X.columns]
            if missing:
                raise ValueError(f"X lacks the columns {missing}.")
            return {name: self._apply(name, X[name]) for name in self.functions}
        rows = np.asarray(X)
        if rows.ndim != 2 or rows.shape[1] != len(self.functions):
            raise ValueError(
                f"X must have {len(self.functions)} columns, in the order "
                f"{list(self.functions)}. Got an array of shape {rows.shape} instead."
            )
        return {name: self._apply(name, rows[:, j]) for j, name in enumerate(self.functions)}

    def _apply(self, name: str, column: Any) -> Values:
        try:
            return self.functions[name](np.asarray(column))
        except (TypeError, ValueError) as error:
            raise ValueError(f"Column {name!r}: {error}") from error


def _product_values(
    present: Sequence[Values], absent: Sequence[Values], weights: Values
) -> list[Values]:
    """Shapley values of a product's columns; coalitions are bit sets of them."""
    n = len(present)
    worth = [_worth(coalition, present, absent, weights) for coalition in range(1 << n)]
    return [
        sum(
            (worth[coalition | 1 << j] - worth[coalition]) * _shapley_weight(coalition, n)
            for coalition in range(1 << n)
            if not coalition >> j & 1
        )
        for j in range(n)
    ]


def _worth(
    coalition: int, present: Sequence[Values], absent: Sequence[Values], weights: Values
) -> Any:
    inside = [values for j, values in enumerate(present) if coalition >> j & 1]
    outside = [values for j, values in enumerate(absent) if not coalition >> j & 1]
    return math.prod(inside) * math.prod(outside, start=weights).sum()


def _shapley_weight(coalition: int, n_players: int) -> float:
    return 1 / (n_players * math.comb(n_players - 1, coalition.bit_count()))


def _normalized(sample_weight: Any, n_rows: int) -> Values:
    if n_rows == 0:
        raise ValueError("reference must have at least one row.")
    weights = np.ones(n_rows) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight must have shape ({n_rows},). Got {weights.shape} instead.")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError("sample_weight must be finite, not negative, and not all zero.")
    normalized: Values = weights / weights.sum()
    return normalized


def as_bunch(function: SumOfProducts, data: pd.DataFrame, target: pd.Series) -> Bunch:
    """Bundle a generated table with the function behind its target."""
    return Bunch(
        data=data,
        target=target,
        feature_names=data.columns.tolist(),
        function=function,
        attributions=function.attributions,
    )
