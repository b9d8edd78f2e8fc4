"""A tree as a SQL expression."""

from typing import Any

from surrogates.distillation.literals import Literal, Operator
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.wording import Wording, plain_value

__all__ = ["as_sql"]


def as_sql(tree: RuleTree, wording: Wording) -> str:
    """Return nested CASE expressions."""
    return "\n".join(_lines(tree, wording, 0, ""))


def _lines(tree: RuleTree, wording: Wording, node: int, indent: str) -> list[str]:
    test = tree.tests[node]
    if test is None:
        label = wording.label(tree.values[node])
        if isinstance(label, list):
            raise ValueError("SQL holds one prediction: the tree has several outputs.")
        return [f"{indent}{_constant(label)}"]
    literals = [_literal(literal, wording) for literal in test.literals]
    if len(literals) == 1:
        condition = f"{literals[0]} = 1"
    else:
        condition = f"{' + '.join(literals)} >= {test.m}"
    return [
        f"{indent}CASE WHEN {condition} THEN",
        *_lines(tree, wording, int(tree.if_true[node]), indent + "  "),
        f"{indent}ELSE",
        *_lines(tree, wording, int(tree.if_false[node]), indent + "  "),
        f"{indent}END",
    ]


def _literal(literal: Literal, wording: Wording) -> str:
    """Return an expression that is 1 where the literal holds, else 0."""
    name = _identifier(wording.name(literal))
    absent = int(literal.missing)
    if not literal.operator.is_of_levels:
        sign = "<=" if literal.operator is Operator.AT_MOST else ">"
        return (
            f"(CASE WHEN {name} IS NULL THEN {absent} "
            f"WHEN {name} {sign} {_constant(literal.threshold)} THEN 1 ELSE 0 END)"
        )
    inside, outside = (1, 0) if literal.operator is Operator.IN else (0, 1)
    levels = ", ".join(_constant(plain_value(level)) for level in wording.levels(literal))
    known = f"WHEN {name} IN ({levels}) THEN {inside} " if levels else ""
    return f"(CASE WHEN {name} IS NULL THEN {absent} {known}ELSE {outside} END)"


def _identifier(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _constant(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, float)):
        return repr(value)
    escaped = str(value).replace("'", "''")
    return f"'{escaped}'"
