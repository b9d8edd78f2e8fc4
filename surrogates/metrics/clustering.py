"""A whole data set at once: relevance pooled over groups, and clusters of ways to decide.

W. Samek, G. Montavon, S. Lapuschkin, C. J. Anders and K.-R. Mueller, "Explaining deep neural
networks and beyond" (Proceedings of the IEEE, 2021), sections on dataset-wide explanations; S.
Lapuschkin et al., "Unmasking Clever Hans predictors" (Nature Communications, 2019).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import diags, identity
from scipy.sparse.linalg import eigsh
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.neighbors import kneighbors_graph
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, normalize

from surrogates._params import NONE, Constraint, Interval, check_params
from surrogates.explanation import Attribution
from surrogates.explanation.displays import EmbeddingDisplay
from surrogates.metrics.question import draw_seed
from surrogates.metrics.values import attributed_values

__all__ = ["Spray", "make_spray", "pool", "spray"]

_MOST_DENSE = 200
_LIFT = 2.0
_NEAR_ZERO = 0.01


def pool(
    explanation: Attribution,
    rows: Any = None,
    features: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Sum attributions over groups of rows and of features: the total is conserved.

    Parameters
    ----------
    explanation : Attribution
    rows : array-like of shape (n_rows,), default=None
        A label for each row, such as the quartile of its response; missing labels are a group of
        their own. None is one group, "all".
    features : mapping of str to sequence of str, default=None
        Names of groups -> names of features. Features in no group stay columns of their own.

    Returns
    -------
    pooled : DataFrame
        Indexed by row label and output; one column per group of features; cells are sums.

    Raises
    ------
    ValueError
        Labels of another number, unknown features, features in two groups, or a group with the
        name of a feature outside it.

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.explanation import Attribution
    >>> from surrogates.metrics.clustering import pool
    >>> explanation = Attribution(
    ...     values=np.array([[[1.0], [2.0], [4.0]], [[8.0], [16.0], [32.0]]]),
    ...     base_values=np.zeros((2, 1)),
    ...     predictions=np.array([[7.0], [56.0]]),
    ...     data=np.zeros((2, 3)),
    ...     feature_names=("cement", "slag", "age"),
    ...     output_names=("strength",),
    ... )
    >>> pool(explanation, ["weak", "strong"], {"binder": ["cement", "slag"]})
                     binder   age
    rows   output
    strong strength    24.0  32.0
    weak   strength     3.0   4.0
    """
    labels = np.zeros(len(explanation)) if rows is None else rows
    if len(labels) != len(explanation):
        raise ValueError(
            f"rows must hold one label for each of the {len(explanation)} rows. Got {len(labels)}."
        )
    codes, levels = _codes(labels)
    if rows is None:
        levels = pd.Index(["all"])
    columns = _columns(explanation.feature_names, features or {})
    names = list(dict.fromkeys(columns))
    places = np.array([names.index(column) for column in columns])
    sums = np.zeros((len(levels), len(names), len(explanation.output_names)))
    np.add.at(sums, (codes[:, None], places[None, :]), explanation.values)
    index = pd.MultiIndex.from_product([levels, explanation.output_names], names=["rows", "output"])
    return pd.DataFrame(sums.swapaxes(1, 2).reshape(-1, len(names)), index=index, columns=names)


def _codes(labels: Any) -> tuple[NDArray[np.int64], pd.Index]:
    """Return numbers of the groups, sorted where labels can be."""
    series = pd.Series(labels) if not isinstance(labels, pd.Series) else labels
    try:
        codes, levels = pd.factorize(series, sort=True, use_na_sentinel=False)
    except TypeError:
        codes, levels = pd.factorize(series, use_na_sentinel=False)
    return codes.astype(np.int64), pd.Index(levels)


def _columns(names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the group of each feature."""
    group_of: dict[str, str] = {}
    for group, members in groups.items():
        unknown = [member for member in members if member not in names]
        twice = [member for member in members if member in group_of]
        if unknown or twice or isinstance(members, str):
            raise ValueError(
                f"features must map names to lists of features, each in one group. Group "
                f"{group!r} is {members!r}; the features are {list(names)}."
            )
        group_of |= dict.fromkeys(members, group)
    taken = [name for name in names if name in groups and name not in group_of]
    if taken:
        raise ValueError(f"features gives the name of a feature outside the group: {taken}.")
    return [group_of.get(name, name) for name in names]


@dataclass(frozen=True, eq=False)
class Spray:
    """Clusters of rows that are decided in the same way.

    Parameters
    ----------
    labels : ndarray of int of shape (n_rows,)
        Cluster of each row, the largest first.
    embedding : ndarray of shape (n_rows, 2)
        A map of the rows: first two principal components of the scaled attributions.
    eigenvalues : ndarray
        The smallest of the Laplacian: as many near 0 as there are separate ways to decide.
    clusters : DataFrame
        For each cluster: size, share (of the rows), feature (with the largest mean share of the
        magnitudes of the attributions), concentration (this share), elsewhere (its share in all
        other rows), flagged (concentration is at least `dominance` and twice that elsewhere).

    Examples
    --------
    >>> import numpy as np
    >>> from surrogates.metrics.clustering import spray
    >>> noise = np.random.default_rng(0).normal(size=(60, 4))
    >>> values = np.repeat([[1, 1, 1, 0], [0, 0, 0, 1]], 30, axis=0) + 0.1 * noise
    >>> found = spray(values, random_state=0)
    >>> found.clusters[["size", "feature", "flagged"]]
       size feature  flagged
    0    30      x2    False
    1    30      x3     True
    """

    labels: NDArray[np.int64]
    embedding: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    clusters: pd.DataFrame

    @property
    def flags(self) -> pd.DataFrame:
        """The clusters that one feature dominates and the other rows do not use as much."""
        return self.clusters[self.clusters["flagged"]]

    def plot(self, ax: Any = None) -> EmbeddingDisplay:
        """Draw the map of the rows, colored by cluster.

        Parameters
        ----------
        ax : Axes, default=None
            None opens a new figure.

        Returns
        -------
        EmbeddingDisplay
            Already drawn.
        """
        names = {
            cluster: f"{line['size']} rows: {line['feature']} {line['concentration']:.0%}"
            + (" (look at it)" if line["flagged"] else "")
            for cluster, line in self.clusters.iterrows()
        }
        groups = [names[label] for label in self.labels]
        return EmbeddingDisplay(
            positions=self.embedding, groups=groups, title="Spectral relevance analysis"
        ).plot(ax)


def spray(
    explanation: Any,
    X: Any = None,
    *,
    n_clusters: int | None = None,
    n_neighbors: int = 10,
    max_clusters: int = 8,
    dominance: float = 0.5,
    random_state: Any = None,
) -> Spray:
    """Find clusters of rows that the model decides in the same way (SpRAy).

    The attributions of each row are scaled to length 1 and joined to those of their nearest
    neighbours; the clusters are those of the graph (normalized Laplacian, Ng, Jordan and Weiss,
    2001). A cluster that one feature dominates may be a Clever Hans: look at it.

    Parameters
    ----------
    explanation : Attribution, array of shape (n_rows, n_players[, n_outputs]) or explainer
        Of at least three rows.
    X : {array-like, DataFrame} of shape (n_rows, n_columns), default=None
        Rows that a fitted explainer explains; not used otherwise.
    n_clusters : int, default=None
        None is where the eigenvalues rise most: the k with the largest ratio of the next
        eigenvalue to the k-th, 0.01 added to both.
    n_neighbors : int, default=10
        Of the graph; fewer where there are fewer rows.
    max_clusters : int, default=8
        The largest number looked at for `n_clusters` None.
    dominance : float in (0, 1], default=0.5
        From which mean share of the magnitudes on a feature dominates.
    random_state : int, RandomState instance or None, default=None
        Seed of k-means.

    Returns
    -------
    Spray

    Raises
    ------
    ValueError
        Too few rows, or a parameter out of range.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics.clustering import spray
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> explainer = KernelSHAP(forest, n_background=20, random_state=0).fit(X)
    >>> found = spray(explainer.explain(X[:100]), random_state=0)
    >>> found.labels.shape, int(found.clusters["size"].sum())
    ((100,), 100)
    """
    if hasattr(explanation, "explain"):
        explanation = explanation.explain(X)
    values = attributed_values(explanation)
    n_rows = len(values)
    if n_rows < 3:
        raise ValueError(f"There must be at least 3 rows to cluster. Got {n_rows}.")
    _check(n_rows, n_clusters, n_neighbors, max_clusters, dominance)
    unit = normalize(values.reshape(n_rows, -1))
    n_kept = min(n_rows - 1, max(3, (n_clusters or max_clusters) + 1))
    eigenvalues, vectors = _spectrum(unit, min(n_neighbors, n_rows - 1), n_kept)
    if n_clusters is None:
        rises = (eigenvalues[1:] + _NEAR_ZERO) / (eigenvalues[:-1] + _NEAR_ZERO)
        n_clusters = int(rises[: min(max_clusters, n_kept - 1)].argmax()) + 1
    seed = draw_seed(random_state)
    means = KMeans(n_clusters, n_init=10, random_state=seed)
    labels = _by_size(means.fit_predict(normalize(vectors[:, :n_clusters])))
    names = getattr(explanation, "feature_names", [f"x{j}" for j in range(values.shape[1])])
    clusters = _describe(np.abs(values).sum(axis=2), labels, list(names), dominance)
    return Spray(labels, _map(unit), eigenvalues, clusters)


def _check(
    n_rows: int, n_clusters: Any, n_neighbors: Any, max_clusters: Any, dominance: Any
) -> None:
    counts: list[Constraint] = [Interval("int", 1, None)]
    rules: dict[str, list[Constraint]] = {
        "n_clusters": [Interval("int", 1, n_rows - 1, "both"), NONE],
        "n_neighbors": counts,
        "max_clusters": counts,
        "dominance": [Interval("float", 0, 1, "right")],
    }
    given = {
        "n_clusters": n_clusters,
        "n_neighbors": n_neighbors,
        "max_clusters": max_clusters,
        "dominance": dominance,
    }
    check_params("spray", given, rules)


def make_spray(
    explainer: Any, n_clusters: int = 4, *, n_neighbors: int = 10, random_state: Any = None
) -> Pipeline:
    """Make a Pipeline of an explainer, a normalizer and spectral clustering.

    Parameters
    ----------
    explainer : AttributionExplainer
    n_clusters : int, default=4
    n_neighbors : int, default=10
    random_state : int, RandomState instance or None, default=None
        Seed of the clustering.

    Returns
    -------
    Pipeline
        With the steps "explain", "normalize" and "cluster"; ``fit_predict(X)`` returns clusters.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from surrogates import KernelSHAP
    >>> from surrogates.metrics.clustering import make_spray
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explainer = KernelSHAP(Ridge().fit(X, y), random_state=0)
    >>> make_spray(explainer, 3, random_state=0).fit_predict(X[:60]).shape
    (60,)
    """
    clustering = SpectralClustering(
        n_clusters,
        affinity="nearest_neighbors",
        n_neighbors=n_neighbors,
        random_state=random_state,
    )
    return Pipeline([("explain", explainer), ("normalize", Normalizer()), ("cluster", clustering)])


def _spectrum(
    unit: NDArray[np.float64], n_neighbors: int, n_kept: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smallest eigenvalues of the Laplacian of neighbours, and their vectors."""
    joined = kneighbors_graph(unit, n_neighbors, include_self=False)
    joined = 0.5 * (joined + joined.T) + 1e-6 * identity(len(unit))
    density = np.sqrt(np.asarray(joined.sum(axis=1)).ravel())
    scaled = diags(1.0 / density) @ joined @ diags(1.0 / density)
    if len(unit) <= _MOST_DENSE:
        values, vectors = np.linalg.eigh(scaled.toarray())
    else:
        start = np.random.default_rng(0).normal(size=len(unit))
        values, vectors = eigsh(scaled, k=n_kept, which="LA", v0=start)
    order = np.argsort(-values)[:n_kept]
    return np.maximum(1.0 - values[order], 0.0), vectors[:, order]


def _map(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return two principal components, with the sign of their largest loading."""
    centered = unit - unit.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    found = np.zeros((len(unit), 2))
    n = min(2, len(axes))
    found[:, :n] = centered @ (axes * np.sign(largest))[:n].T
    return found


def _by_size(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Renumber clusters: the largest is 0; of equal ones, that of the earlier row."""
    found, first, counts = np.unique(labels, return_index=True, return_counts=True)
    order = found[np.lexsort([first, -counts])]
    numbers = np.empty(order.max() + 1, dtype=np.int64)
    numbers[order] = np.arange(len(order))
    return numbers[labels]


def _describe(
    sizes: NDArray[np.float64], labels: NDArray[np.int64], names: list[str], dominance: float
) -> pd.DataFrame:
    shares = normalize(sizes, norm="l1")
    lines = []
    for cluster in range(labels.max() + 1):
        inside = labels == cluster
        mean = shares[inside].mean(axis=0)
        place = int(mean.argmax())
        elsewhere = float(shares[~inside, place].mean()) if (~inside).any() else np.nan
        sticks_out = np.isnan(elsewhere) or mean[place] >= _LIFT * elsewhere
        lines.append(
            {
                "size": int(inside.sum()),
                "share": float(inside.mean()),
                "feature": names[place],
                "concentration": float(mean[place]),
                "elsewhere": elsewhere,
                "flagged": bool(mean[place] >= dominance and sticks_out),
            }
        )
    return pd.DataFrame(lines)
