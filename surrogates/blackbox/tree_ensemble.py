"""A fitted tree ensemble as flat arrays, whatever library it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from surrogates._kernels.trees import LEAF, Trees, predict, preorder

__all__ = ["Encoder", "Tree", "TreeEnsemble", "flatten", "matches", "writable"]

_WORD = 64


class Encoder(Protocol):
    """What a model does to its input before its trees see numbers."""

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the columns of `X` as numbers, in the same order."""


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree with its nodes in any order; node 0 is the root.

    Parameters
    ----------
    feature, threshold, left, right, missing_left : ndarray of shape (n_nodes,)
        As in `surrogates._kernels.trees.Trees`; `left` and `right` are -1 at leaves.
    values : ndarray of shape (n_nodes, width)
        What a leaf adds to `width` outputs, from `output` on.
    output : int, default=0
    categories : mapping, default={}
        For categorical nodes, the categories (non-negative integers) that go left.
    """

    feature: NDArray[Any]
    threshold: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]
    missing_left: NDArray[Any]
    values: NDArray[np.float64]
    output: int = 0
    categories: Mapping[int, Sequence[int] | NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """A sum of trees that equals the response of a fitted model.

    Parameters
    ----------
    trees : Trees
        Flat arrays, all trees one after the other in preorder.
    offset : ndarray of shape (n_outputs,)
        What the model predicts before any tree.
    n_columns : int
        Columns of the model's input; `trees.feature` counts them as the input does.
    single_precision : bool
        Whether the model rounds its input to float32.
    tolerance : float
        Largest difference from the model's own response, relative to its largest value, that
        rounding explains.
    encoder : Encoder or None, default=None
        How the model turns categories into codes, where it does so itself.
    """

    trees: Trees
    offset: NDArray[np.float64]
    n_columns: int
    single_precision: bool
    tolerance: float = 1e-10
    encoder: Encoder | None = None

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.offset)

    def encode(self, X: Any) -> NDArray[np.float64]:
        """Return the model's input as the trees see it, of shape (n_rows, n_columns).

        Parameters
        ----------
        X : array, sparse matrix or DataFrame of shape (n_rows, n_columns)
            What the tree model itself would be given.

        Raises
        ------
        ValueError
            Another number of columns than the model was fitted on.
        """
        values = _as_floats(X) if self.encoder is None else self.encoder.transform(X)
        if values.ndim != 2 or values.shape[1] != self.n_columns:
            raise ValueError(f"X must have {self.n_columns} columns. Got shape {values.shape}.")
        if self.single_precision:
            with np.errstate(over="ignore"):
                values = values.astype(np.float32).astype(np.float64)
        encoded: NDArray[np.float64] = writable(values)
        return encoded

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the model's response to each row of `X`, of shape (n_rows, n_outputs)."""
        return self.predict_encoded(self.encode(X))

    def predict_encoded(self, encoded: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the response to rows that `encode` returned, of shape (n_rows, n_outputs)."""
        sums = np.zeros((len(encoded), self.n_outputs))
        predict(self.trees, encoded, sums)
        return sums + self.offset

    def select(self, outputs: Sequence[int]) -> "TreeEnsemble":
        """Return the ensemble of some outputs only, in the order given, without repetition."""
        chosen = np.asarray(outputs, dtype=np.int64)
        if len(chosen) == self.n_outputs and (chosen == np.arange(self.n_outputs)).all():
            return self
        trees, offset = self.trees, self.offset[chosen]
        if trees.values.shape[1] == self.n_outputs:
            values = np.ascontiguousarray(trees.values[:, chosen])
            return replace(self, trees=trees._replace(values=values), offset=offset)
        position = np.full(self.n_outputs, -1)
        position[chosen] = np.arange(len(chosen))
        return replace(self, trees=_keep(trees, position[trees.first_output]), offset=offset)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: writable(value) for name, value in state.items()})


def writable(value: Any) -> Any:
    """Return arrays, also inside named tuples and lists, that can be written to.

    Arrays that a process pool maps into memory are read-only: another type to a kernel, which
    would be compiled anew.
    """
    if isinstance(value, np.ndarray):
        return np.require(value, requirements=["C", "W"])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(writable(part) for part in value))
    return [writable(part) for part in value] if isinstance(value, list) else value


def _as_floats(X: Any) -> NDArray[np.float64]:
    if isinstance(X, pd.DataFrame):
        return X.to_numpy(dtype=np.float64, na_value=np.nan)
    if hasattr(X, "toarray"):
        X = X.toarray()
    elif hasattr(X, "to_numpy"):
        X = X.to_numpy()
    return np.asarray(X, dtype=np.float64)


def _keep(trees: Trees, output: NDArray[np.int64]) -> Trees:
    """Keep the trees whose new output is not negative."""
    sizes = np.diff(trees.roots)
    kept = np.repeat(output >= 0, sizes)
    shift = np.cumsum(~kept)[kept]
    roots = np.concatenate([[0], np.cumsum(sizes[output >= 0])])
    by_node = {
        name: getattr(trees, name)[kept]
        for name in ("feature", "threshold", "missing_left", "set_start", "set_size", "values")
    }
    for name in ("left", "right"):
        child = getattr(trees, name)[kept]
        by_node[name] = np.where(child == LEAF, LEAF, child - shift).astype(np.int32)
    return trees._replace(roots=roots, first_output=output[output >= 0], **by_node)


def flatten(trees: Sequence[Tree]) -> Trees:
    """Lay trees out one after the other, each in preorder.

    Examples
    --------
    >>> import numpy as np
    >>> stump = Tree(
    ...     feature=np.array([0, -1, -1]), threshold=np.array([0.5, 0.0, 0.0]),
    ...     left=np.array([2, -1, -1]), right=np.array([1, -1, -1]),
    ...     missing_left=np.zeros(3, bool), values=np.array([[0.0], [1.0], [2.0]]),
    ... )
    >>> flatten([stump]).values.ravel()
    array([0., 2., 1.])
    """
    orders = [_preorder(tree) for tree in trees]
    roots = np.concatenate([[0], np.cumsum([len(order) for order in orders])]).astype(np.int64)
    places = [_places(*part) for part in zip(trees, orders, roots[:-1], strict=True)]
    left = _join([place[tree.left] for tree, place in zip(trees, places, strict=True)], orders)
    right = _join([place[tree.right] for tree, place in zip(trees, places, strict=True)], orders)
    feature = _join([tree.feature for tree in trees], orders).astype(np.int32)
    set_start, set_size, words = _category_sets(trees, places, len(feature))
    return Trees(
        roots=roots,
        first_output=np.array([tree.output for tree in trees], dtype=np.int64),
        feature=np.where(left == LEAF, np.int32(LEAF), feature),
        threshold=_join([tree.threshold for tree in trees], orders).astype(np.float64),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        missing_left=_join([tree.missing_left for tree in trees], orders).astype(np.bool_),
        set_start=set_start,
        set_size=set_size,
        words=words,
        values=np.ascontiguousarray(_join([tree.values for tree in trees], orders), np.float64),
    )


def _preorder(tree: Tree) -> NDArray[np.int64]:
    """Return the nodes that can be reached, the left child after its parent."""
    return preorder(np.array(tree.left, dtype=np.int32), np.array(tree.right, dtype=np.int32), 0)


def _places(tree: Tree, order: NDArray[np.int64], root: int) -> NDArray[np.int64]:
    """Return the new position of each node, and at the end LEAF, which index -1 picks."""
    places = np.full(len(tree.left) + 1, LEAF, dtype=np.int64)
    places[order] = np.arange(root, root + len(order))
    return places


def _join(arrays: list[NDArray[Any]], orders: list[NDArray[np.int64]]) -> NDArray[Any]:
    return np.concatenate([array[order] for array, order in zip(arrays, orders, strict=True)])


def _category_sets(
    trees: Sequence[Tree], places: list[NDArray[np.int64]], n_nodes: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint64]]:
    """Pack the sets of categories into words of 64 bits."""
    start, size = np.full(n_nodes, -1, dtype=np.int32), np.zeros(n_nodes, dtype=np.int32)
    words: list[int] = []
    for tree, place in zip(trees, places, strict=True):
        for node, categories in tree.categories.items():
            bits = sum(1 << int(category) for category in categories)
            count = -(-bits.bit_length() // _WORD)
            start[place[node]], size[place[node]] = len(words), count
            words += [(bits >> (_WORD * i)) % (1 << _WORD) for i in range(count)]
    return start, size, np.array(words, dtype=np.uint64)


def matches(ensemble: TreeEnsemble, raw_output: ArrayLike, X: Any) -> bool:
    """Tell whether an ensemble reproduces the response of the model that it was read from.

    Parameters
    ----------
    ensemble : TreeEnsemble
    raw_output : array-like of shape (n_rows,) or (n_rows, n_outputs)
        The model's own response to `X`, in full: no output left out.
    X : array, sparse matrix or DataFrame of shape (n_rows, n_columns)
        What the tree model itself was given.
    """
    expected = np.asarray(raw_output, dtype=np.float64)
    expected = expected.reshape(len(expected), -1)
    own = ensemble.predict(X)
    if own.shape != expected.shape:
        return False
    scale = np.abs(expected).max(initial=0.0)
    return bool((np.abs(own - expected) <= ensemble.tolerance * scale).all())
