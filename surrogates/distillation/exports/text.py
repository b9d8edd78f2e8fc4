"""A tree as indented text."""

from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.wording import Wording

__all__ = ["as_text"]


def as_text(tree: RuleTree, wording: Wording) -> str:
    """Return a line for each branch and leaf, children indented below their test."""
    return "\n".join(_lines(tree, wording, 0, ""))


def _lines(tree: RuleTree, wording: Wording, node: int, indent: str) -> list[str]:
    test = tree.tests[node]
    if test is None:
        fidelity = wording.fidelity(tree, node)
        label = wording.label(tree.values[node])
        return [
            f"{indent}predict {label!r}  "
            f"({tree.support[node]} reference rows, fidelity {fidelity:.3f})"
        ]
    return [
        f"{indent}if {wording.test(test)}",
        *_lines(tree, wording, int(tree.if_true[node]), indent + "    "),
        f"{indent}else",
        *_lines(tree, wording, int(tree.if_false[node]), indent + "    "),
    ]
