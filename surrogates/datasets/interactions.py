"""A table whose target is a sum of products of curves."""

import numpy as np
from sklearn.utils import Bunch, check_random_state

from surrogates._params import Interval, check_params
from surrogates.datasets.closed_form import Product, SumOfProducts
from surrogates.datasets.shapes import COUNT, NOISE, RANDOM_STATE, generate, random_shapes

__all__ = ["make_interactions"]


def make_interactions(
    n_samples: int = 200,
    n_features: int = 8,
    *,
    n_terms: int = 12,
    max_order: int = 3,
    noise: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Generate a table whose target is a sum of products over random sets of columns.

    Columns are independent and uniform on [-1, 1). The target is
    :math:`f(x) = \sum_T c_T \prod_{j \in T} g_j(x_j)` plus noise, with the :math:`g_j` of
    :func:`make_additive` and standard normal :math:`c_T`; the sizes of the sets `T` cycle through
    1, ..., `max_order`. A column in no set is a null player. Each product is a game of its few
    columns, so its Shapley values [1]_ come from enumerating :math:`2^{|T|}` coalitions.

    Parameters
    ----------
    n_samples : int, default=200
        Number of rows.
    n_features : int, default=8
        Number of columns.
    n_terms : int, default=12
        Number of products.
    max_order : int, default=3
        Largest number of columns in a product; at most 10, and at most `n_features`.
    noise : float, default=0.0
        Standard deviation of the Gaussian noise in the target.
    random_state : int, RandomState instance or None, default=None
        Seed of the function, the rows and the noise.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame of shape (n_samples, n_features)
            The columns x0, x1, ...
        target : Series of shape (n_samples,)
            The function of each row, plus noise.
        feature_names : list of str
            Names of the columns.
        function : SumOfProducts
            The function without noise, `function(X) -> (n,)`; it can be pickled, and its
            attribute `products` lists the terms.
        attributions : callable
            `attributions(X, reference, sample_weight=None) -> (n, n_features)`: the exact
            interventional Shapley values of `function`.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    make_additive : No products.

    References
    ----------
    .. [1] L. Shapley, "A value for n-person games", Contributions to the Theory of Games II, 1953.

    Examples
    --------
    >>> from surrogates.datasets import make_interactions
    >>> table = make_interactions(n_terms=3, random_state=0)
    >>> [len(product.columns) for product in table.function.products]
    [1, 2, 3]
    >>> values = table.attributions(table.data[:5], reference=table.data)
    >>> values.shape
    (5, 8)
    """
    check_params(
        "make_interactions",
        {
            "n_samples": n_samples,
            "n_features": n_features,
            "n_terms": n_terms,
            "noise": noise,
            "random_state": random_state,
        },
        {
            "n_samples": COUNT,
            "n_features": COUNT,
            "n_terms": COUNT,
            "noise": NOISE,
            "random_state": RANDOM_STATE,
        },
    )
    orders = Interval("int", 1, min(n_features, 10), "both")
    check_params("make_interactions", {"max_order": max_order}, {"max_order": [orders]})
    rng = check_random_state(random_state)
    shapes = random_shapes(n_features, rng)
    products = tuple(
        _random_product(list(shapes), 1 + term % max_order, rng) for term in range(n_terms)
    )
    return generate(SumOfProducts(shapes, products), n_samples, noise, rng)


def _random_product(names: list[str], order: int, rng: np.random.RandomState) -> Product:
    chosen = np.sort(rng.choice(len(names), order, replace=False))
    return Product(float(rng.standard_normal()), tuple(names[j] for j in chosen))
