"""A table whose target is a sum of curves over single columns."""

import numpy as np
from sklearn.utils import Bunch, check_random_state

from surrogates._params import check_params
from surrogates.datasets.closed_form import Product, SumOfProducts
from surrogates.datasets.shapes import COUNT, NOISE, RANDOM_STATE, generate, random_shapes

__all__ = ["make_additive"]


def make_additive(
    n_samples: int = 200,
    n_features: int = 6,
    *,
    noise: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Generate a table whose target is a sum of nonlinear functions of single columns.

    Columns are independent and uniform on [-1, 1). The target is
    :math:`f(x) = \sum_j g_j(x_j)` plus noise, where the :math:`g_j` are in turn a sine, a square,
    an exponential, an absolute value, a step and a line, each with a random scale. The Shapley
    values are :math:`\phi_j(x) = g_j(x_j) - E_b[g_j(b_j)]` [1]_.

    Parameters
    ----------
    n_samples : int, default=200
        Number of rows.
    n_features : int, default=6
        Number of columns.
    noise : float, default=0.0
        Standard deviation of the Gaussian noise in the target.
    random_state : int, RandomState instance or None, default=None
        Seed of the scales, the rows and the noise.

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
            The function without noise, `function(X) -> (n,)`; it can be pickled.
        attributions : callable
            `attributions(X, reference, sample_weight=None) -> (n, n_features)`: the exact
            interventional Shapley values of `function`.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    make_interactions : Products of columns besides.
    make_loan_applications : Mixed types and missing values.

    References
    ----------
    .. [1] E. Strumbelj and I. Kononenko, "Explaining prediction models and individual predictions
       with feature contributions", Knowledge and Information Systems 41, 2014.

    Examples
    --------
    >>> from surrogates.datasets import make_additive
    >>> table = make_additive(n_features=3, random_state=0)
    >>> table.data.shape
    (200, 3)
    >>> values = table.attributions(table.data, reference=table.data)
    >>> gap = table.function(table.data) - table.function(table.data).mean() - values.sum(axis=1)
    >>> bool(abs(gap).max() < 1e-12)
    True
    """
    check_params(
        "make_additive",
        {
            "n_samples": n_samples,
            "n_features": n_features,
            "noise": noise,
            "random_state": random_state,
        },
        {"n_samples": COUNT, "n_features": COUNT, "noise": NOISE, "random_state": RANDOM_STATE},
    )
    rng = check_random_state(random_state)
    shapes = random_shapes(n_features, rng)
    function = SumOfProducts(shapes, tuple(Product(1.0, (name,)) for name in shapes))
    return generate(function, n_samples, noise, rng)
