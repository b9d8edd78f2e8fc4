"""Smaller trees inside a tree."""

from dataclasses import replace

import numpy as np

from surrogates.distillation.rule_tree import RuleTree

__all__ = ["nested_trees", "simplified", "supported"]


def nested_trees(tree: RuleTree, *, by_label: bool) -> list[RuleTree]:
    """Return the trees with 1, 2, ... leaves, each inside the next.

    One pair of leaves after another is merged, that which loses least for each leaf that it
    saves: a merger may leave two neighbors that predict the same, and merge for nothing.

    Parameters
    ----------
    tree : RuleTree
    by_label : bool
        As in `simplified`.
    """
    trees = [tree]
    while len(trees[-1].leaves) > 1:
        last = trees[-1]
        pairs = [node for node in last.preorder if _is_pair(last, node)]
        merged = [last.collapsed([node]) for node in pairs]
        n_saved = [
            len(last.leaves) - len(simplified(one, by_label=by_label).leaves) for one in merged
        ]
        costs = [_cost(last, node) / n for node, n in zip(pairs, n_saved, strict=True)]
        trees.append(merged[int(np.argmin(costs))])
    return trees[::-1]


def _is_pair(tree: RuleTree, node: int) -> bool:
    if tree.tests[node] is None:
        return False
    return all(tree.tests[child[node]] is None for child in (tree.if_true, tree.if_false))


def _cost(tree: RuleTree, node: int) -> float:
    children = tree.loss[tree.if_true[node]] + tree.loss[tree.if_false[node]]
    return float(tree.loss[node] - children)


def simplified(tree: RuleTree, *, by_label: bool) -> RuleTree:
    """Merge leaves that predict the same: no prediction changes.

    Parameters
    ----------
    tree : RuleTree
    by_label : bool
        Whether only the most likely class is predicted; else values must be equal.
    """
    while True:
        same = [
            node for node in tree.preorder if _is_pair(tree, node) and _agree(tree, node, by_label)
        ]
        if not same:
            return tree
        values = tree.values.copy()
        loss = tree.loss.copy()
        for node in same:
            first, second = tree.if_true[node], tree.if_false[node]
            loss[node] = loss[first] + loss[second]
            if by_label and values[node].argmax() != values[first].argmax():
                values[node] = values[first]  # weights that cancel each other in a tie
        tree = replace(tree, values=values, loss=loss).collapsed(same)


def _agree(tree: RuleTree, node: int, by_label: bool) -> bool:
    first, second = tree.values[tree.if_true[node]], tree.values[tree.if_false[node]]
    if by_label:
        return bool(first.argmax() == second.argmax())
    return bool((first == second).all())


def supported(tree: RuleTree, least: float) -> RuleTree:
    """Merge leaves that too few reference rows support with what lies beside them."""
    while len(tree.leaves) > 1:
        weak = [leaf for leaf in tree.leaves if tree.support[leaf] < least]
        if not weak:
            break
        tree = tree.collapsed([int(tree.parents[weak[0]])])
    return tree
