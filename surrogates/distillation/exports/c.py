"""A tree as C code."""

import json
import re

from surrogates.distillation.literals import Literal, Operator
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.wording import Wording, plain_value

__all__ = ["as_c"]


def as_c(tree: RuleTree, wording: Wording, name: str) -> str:
    """Return a function of an array of doubles, and what turns text into codes and back."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name, flags=re.ASCII):
        raise ValueError(f"name must be an identifier of C. Got {name!r}.")
    if wording.classes is None and len(wording.output_names) > 1:
        raise ValueError("The C function returns one number: the tree has several outputs.")
    result = "double" if wording.classes is None else "int"
    body = _lines(tree, wording, 0, "    ")
    return "\n".join(
        [
            "#include <math.h>",
            "#include <string.h>",
            "",
            *_classes(wording, name),
            *_levels(wording, name),
            *_columns(wording),
            f"{result} {name}(const double *row)",
            "{",
            *body,
            "}",
            "",
        ]
    )


def _text(value: object) -> str:
    """Return a C string in ASCII; octal escapes end after three digits, whatever follows."""
    return '"' + "".join(map(_letter, str(value).encode("utf-8"))) + '"'


def _letter(byte: int) -> str:
    is_plain = 32 <= byte < 127 and chr(byte) not in '"\\?'
    return chr(byte) if is_plain else f"\\{byte:03o}"


def _classes(wording: Wording, name: str) -> list[str]:
    if wording.classes is None:
        return []
    labels = ", ".join(_text(plain_value(label)) for label in wording.classes)
    return [f"const char *const {name}_classes[] = {{{labels}}};", ""]


def _levels(wording: Wording, name: str) -> list[str]:
    """Return the function that finds the code of a level: -1 for others, NAN for none."""
    lines = [
        f"double {name}_level(int column, const char *text)",
        "{",
        "    if (text == NULL) return NAN;",
        "    switch (column) {",
    ]
    for at, column in enumerate(wording.coding.columns):
        if column.levels is not None:
            lines.append(f"    case {at}:")
            lines += [
                f"        if (strcmp(text, {_text(plain_value(level))}) == 0) return {code};"
                for code, level in enumerate(column.levels.values)
            ]
            lines.append("        return -1;")
    return [*lines, "    default: return -1;", "    }", "}", ""]


def _columns(wording: Wording) -> list[str]:
    """Return comments that name the entries of a row."""
    return [
        f"/* row[{at}]: {json.dumps(column.name).replace('*/', '* /')} */"
        for at, column in enumerate(wording.coding.columns)
    ]


def _lines(tree: RuleTree, wording: Wording, node: int, indent: str) -> list[str]:
    test = tree.tests[node]
    if test is None:
        value = tree.values[node]
        predicted = repr(float(value[0])) if wording.classes is None else int(value.argmax())
        return [f"{indent}return {predicted};"]
    condition = " + ".join(_literal(literal) for literal in test.literals)
    return [
        f"{indent}if ({condition} >= {test.m}) {{",
        *_lines(tree, wording, int(tree.if_true[node]), indent + "    "),
        f"{indent}}} else {{",
        *_lines(tree, wording, int(tree.if_false[node]), indent + "    "),
        f"{indent}}}",
    ]


def _literal(literal: Literal) -> str:
    value = f"row[{literal.column}]"
    if literal.operator.is_of_levels:
        inside = " || ".join(f"{value} == {code}" for code in literal.levels) or "0"
        compared = f"({inside})" if literal.operator is Operator.IN else f"!({inside})"
    else:
        sign = "<=" if literal.operator is Operator.AT_MOST else ">"
        compared = f"{value} {sign} {literal.threshold!r}"
    return f"(isnan({value}) ? {int(literal.missing)} : ({compared}))"
