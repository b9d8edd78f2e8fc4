"""A tree in the language of Graphviz."""

from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.wording import Wording

__all__ = ["as_dot"]


def as_dot(tree: RuleTree, wording: Wording) -> str:
    """Return a directed graph: boxes are tests, edges are labeled yes and no."""
    lines = ["digraph tree {", '  node [shape=box, fontname="Helvetica"];']
    for node, test in enumerate(tree.tests):
        if test is None:
            label = f"predict {wording.label(tree.values[node])!r}"
            lines.append(f'  {node} [label="{_escaped(label)}", style=rounded];')
            continue
        lines.append(f'  {node} [label="{_escaped(wording.test(test))}"];')
        for name, child in (("yes", tree.if_true[node]), ("no", tree.if_false[node])):
            lines.append(f'  {node} -> {child} [label="{name}"];')
    return "\n".join([*lines, "}", ""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
