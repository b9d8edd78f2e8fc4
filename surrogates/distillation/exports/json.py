"""A tree as JSON."""

import json
from typing import Any

from surrogates.distillation.literals import Literal
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.wording import Wording, plain_value

__all__ = ["as_json"]

_OPERATORS = ("<=", ">", "in", "not in")


def as_json(tree: RuleTree, wording: Wording) -> str:
    """Return an object with the columns, the classes and the nodes, the root first."""
    columns = [
        {
            "name": column.name,
            "kind": column.kind.value,
            "levels": None
            if column.levels is None
            else [plain_value(level) for level in column.levels.values],
        }
        for column in wording.coding.columns
    ]
    classes = wording.classes
    document = {
        "format": "surrogates rule tree",
        "version": 1,
        "columns": columns,
        "classes": None if classes is None else [plain_value(label) for label in classes],
        "nodes": [_node(tree, wording, node) for node in range(tree.n_nodes)],
    }
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)


def _node(tree: RuleTree, wording: Wording, node: int) -> dict[str, Any]:
    test = tree.tests[node]
    known: dict[str, Any] = {
        "prediction": wording.label(tree.values[node]),
        "value": tree.values[node].tolist(),
        "support": int(tree.support[node]),
        "reach": float(tree.reach[node]),
    }
    if test is None:
        return known
    return {
        "at_least": test.m,
        "literals": [_literal(literal, wording) for literal in test.literals],
        "if_true": int(tree.if_true[node]),
        "if_false": int(tree.if_false[node]),
        **known,
    }


def _literal(literal: Literal, wording: Wording) -> dict[str, Any]:
    compared: dict[str, Any] = (
        {"levels": [plain_value(level) for level in wording.levels(literal)]}
        if literal.operator.is_of_levels
        else {"threshold": literal.threshold}
    )
    return {
        "column": wording.name(literal),
        "operator": _OPERATORS[literal.operator],
        **compared,
        "if_missing": literal.missing,
    }
