"""A tree as a Python function."""

from surrogates.distillation.literals import Literal, Operator
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.wording import Wording, plain_value

__all__ = ["as_python"]


def as_python(tree: RuleTree, wording: Wording, name: str) -> str:
    """Return a function of a mapping from names of columns to values."""
    if not name.isidentifier():
        raise ValueError(f"name must be an identifier of Python. Got {name!r}.")
    header = [
        f"def {name}(row):",
        '    """Return the prediction for a mapping of column names to values."""',
        "",
        "    def missing(value):",
        "        return value is None or value != value",
        "",
    ]
    return "\n".join([*header, *_lines(tree, wording, 0, "    "), ""])


def _lines(tree: RuleTree, wording: Wording, node: int, indent: str) -> list[str]:
    test = tree.tests[node]
    if test is None:
        return [f"{indent}return {wording.label(tree.values[node])!r}"]
    literals = [_literal(literal, wording) for literal in test.literals]
    condition = literals[0]
    if len(literals) > 1:
        condition = f"sum([{', '.join(literals)}]) >= {test.m}"
    return [
        f"{indent}if {condition}:",
        *_lines(tree, wording, int(tree.if_true[node]), indent + "    "),
        f"{indent}else:",
        *_lines(tree, wording, int(tree.if_false[node]), indent + "    "),
    ]


def _literal(literal: Literal, wording: Wording) -> str:
    value = f"row[{wording.name(literal)!r}]"
    if literal.operator.is_of_levels:
        levels = [plain_value(level) for level in wording.levels(literal)]
        sign = "in" if literal.operator is Operator.IN else "not in"
        compared = f"{value} {sign} {tuple(levels)!r}"
    else:
        sign = "<=" if literal.operator is Operator.AT_MOST else ">"
        compared = f"{value} {sign} {literal.threshold!r}"
    if literal.missing:
        return f"(missing({value}) or {compared})"
    return f"(not missing({value}) and {compared})"
