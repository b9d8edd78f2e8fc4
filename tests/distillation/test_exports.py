"""All exports predict the same, on rows with missing values and levels never seen."""

import ast
import ctypes
import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from oracles import approve, loans

from surrogates import DistilledTreeClassifier, TrepanClassifier, TrepanRegressor
from surrogates.blackbox.table import column_values

N_ROWS = 10_000


def strange_rows():
    """Return rows with missing values and unknown levels in every column that can hold them."""
    frame = loans(N_ROWS, seed=1)
    rng = np.random.default_rng(2)
    frame["grade"] = frame["grade"].astype(object)
    for name, values in {"grade": ["Z", None], 'purpose "new"': ["boat", "'", None]}.items():
        column = frame[name].astype(object)
        chosen = rng.random(N_ROWS) < 0.3
        column[chosen] = rng.choice(np.array(values, dtype=object), chosen.sum())
        frame[name] = column
    frame["age"] = frame["age"].astype(float).mask(rng.random(N_ROWS) < 0.1)
    frame["owner"] = frame["owner"].astype(object).mask(rng.random(N_ROWS) < 0.1, None)
    frame["since"] = frame["since"].mask(rng.random(N_ROWS) < 0.1)
    return frame


def score(X):
    return np.where(approve(X) == "yes", 2.5, -1.0) + np.asarray(X["age"], dtype=float) / 50


@pytest.fixture(scope="module")
def rows():
    return strange_rows()


@pytest.fixture(scope="module", params=["labels", "numbers", "plain"])
def tree(request):
    kinds = {"labels": (TrepanClassifier, approve), "numbers": (TrepanRegressor, score)}
    model, oracle = kinds.get(request.param, (DistilledTreeClassifier, approve))
    return model(oracle, max_leaves=8, random_state=0).fit(loans())


def plain_cells(tree, frame):
    """Return each row as plain Python values; dates count nanoseconds, None is missing."""
    coding = tree.coding_
    cells = {}
    for at, column in enumerate(coding.columns):
        if column.levels is None:
            numbers = coding.encode(tree._check_rows(frame, coding.rows))[:, at]
            cells[column.name] = [None if np.isnan(own) else own for own in numbers.tolist()]
        else:
            values = column_values(frame, at).astype(object)
            cells[column.name] = [None if pd.isna(own) else own for own in values]
    return [dict(zip(cells, line, strict=True)) for line in zip(*cells.values(), strict=True)]


@pytest.fixture(scope="module")
def cells(tree, rows):
    return plain_cells(tree, rows)


@pytest.fixture(scope="module")
def expected(tree, rows):
    return tree.predict(rows).tolist()


def test_the_tree_is_worth_testing(tree, expected):
    assert tree.n_leaves_ >= 2
    assert len(set(expected)) >= 2


def test_python(tree, cells, expected):
    names = {}
    exec(tree.export_python("decide"), names)
    assert [names["decide"](row) for row in cells] == expected
    nan = [{name: np.nan if own is None else own for name, own in row.items()} for row in cells]
    assert [names["decide"](row) for row in nan[:500]] == expected[:500]


def compare(value, operator, compared, if_missing):
    if value is None:
        return if_missing
    if operator in ("in", "not in"):
        return (value in compared) == (operator == "in")
    return value <= compared if operator == "<=" else value > compared


def test_json(tree, cells, expected):
    document = json.loads(tree.export_json())
    nodes = document["nodes"]

    def predict(row):
        node = nodes[0]
        while "literals" in node:
            held = sum(
                compare(
                    row[own["column"]],
                    own["operator"],
                    own["levels"] if "levels" in own else own["threshold"],
                    own["if_missing"],
                )
                for own in node["literals"]
            )
            node = nodes[node["if_true" if held >= node["at_least"] else "if_false"]]
        return node["prediction"]

    assert [predict(row) for row in cells] == expected
    assert [own["name"] for own in document["columns"]] == list(tree.coding_.names)


def test_sql(tree, cells, expected):
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in tree.coding_.names)
    places = ", ".join("?" * len(tree.coding_.names))
    values = [tuple(row.values()) for row in cells]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE loans ({names})")
        connection.executemany(f"INSERT INTO loans VALUES ({places})", values)
        query = f"SELECT {tree.export_sql()} FROM loans ORDER BY rowid"
        found = connection.execute(query).fetchall()
    assert [own[0] for own in found] == expected


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler")
def test_c(tree, cells, expected, tmp_path):
    source, library = tmp_path / "tree.c", tmp_path / "tree.so"
    source.write_text(tree.export_c("decide"), encoding="utf-8")
    flags = ["-std=c99", "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o"]
    subprocess.run(["gcc", *flags, str(library), str(source), "-lm"], check=True)
    code = ctypes.CDLL(str(library))
    code.decide_level.restype = ctypes.c_double
    code.decide_level.argtypes = [ctypes.c_int, ctypes.c_char_p]
    numbers = hasattr(tree, "target")
    code.decide.restype = ctypes.c_double if numbers else ctypes.c_int
    rows = np.empty((len(cells), len(tree.coding_.columns)))
    for at, column in enumerate(tree.coding_.columns):
        for row, own in enumerate(cells):
            value = own[column.name]
            if column.levels is None:
                rows[row, at] = np.nan if value is None else value
            else:
                text = None if value is None else str(value).encode()
                rows[row, at] = code.decide_level(at, text)
    pointer = ctypes.POINTER(ctypes.c_double)
    found = [code.decide(row.ctypes.data_as(pointer)) for row in rows]
    if not numbers:
        classes = (ctypes.c_char_p * len(tree.classes_)).in_dll(code, "decide_classes")
        found = [classes[own].decode() for own in found]
    assert found == expected


def read_literal(text):
    """Return column, operator, constant and what holds for missing values."""
    if_missing = text.endswith(" or missing")
    text = text.removesuffix(" or missing")
    for suffix, holds in ((" is not missing", False), (" is missing", True)):
        if text.endswith(suffix):
            return text.removesuffix(suffix), "not in" if not holds else "in", (), holds
    column, operator, constant = re.fullmatch(r"(.*?) (not in|in|<=|>) (.*)", text).groups()
    return column, operator, ast.literal_eval(constant), if_missing


def split_literals(text):
    """Split at semicolons outside of quotes."""
    return re.findall(r"""((?:'[^']*'|"[^"]*"(?= |[,}])|[^;])+)(?:; |$)""", text)


def read_test(text):
    found = re.fullmatch(r"at least (\d+) of \d+: (.*)", text)
    if found is None:
        return 1, [read_literal(text)]
    return int(found[1]), [read_literal(own) for own in split_literals(found[2])]


def passes(test, row):
    needed, literals = test
    return sum(compare(row[name], *rest) for name, *rest in literals) >= needed


def test_text(tree, cells, expected):
    lines = tree.export_text().splitlines()

    def parse(at, depth):
        line = lines[at][4 * depth :]
        if line.startswith("predict "):
            return ast.literal_eval(line.split("  ")[0].removeprefix("predict ")), at + 1
        first, at = parse(at + 1, depth + 1)
        assert lines[at] == 4 * depth * " " + "else"
        second, at = parse(at + 1, depth + 1)
        return (read_test(line.removeprefix("if ")), first, second), at

    whole, end = parse(0, 0)
    assert end == len(lines)

    def predict(row):
        node = whole
        while isinstance(node, tuple):
            node = node[1] if passes(node[0], row) else node[2]
        return node

    assert [predict(row) for row in cells] == expected


def test_dot(tree, cells, expected):
    text = tree.export_dot()
    boxes = {
        int(node): label.replace('\\"', '"').replace("\\\\", "\\")
        for node, label in re.findall(r'^  (\d+) \[label="((?:[^"\\]|\\.)*)"', text, re.M)
    }
    edges = {
        (int(a), name): int(b) for a, b, name in re.findall(r'(\d+) -> (\d+) \[label="(\w+)"', text)
    }
    tests = {node: read_test(own) for node, own in boxes.items() if not own.startswith("predict ")}

    def predict(row):
        node = 0
        while node in tests:
            node = edges[node, "yes" if passes(tests[node], row) else "no"]
        return ast.literal_eval(boxes[node].removeprefix("predict "))

    assert [predict(row) for row in cells] == expected
    assert text.startswith("digraph tree {")


def test_arrays(tree, rows, expected):
    arrays = tree.export_arrays()
    coded = tree.coding_.encode(tree._check_rows(rows, tree.coding_.rows))
    node = np.zeros(len(coded), dtype=int)
    while (inner := arrays["children_left"][node] >= 0).any():
        for row in np.flatnonzero(inner):
            at = node[row]
            value = coded[row, arrays["feature"][at]]
            if np.isnan(value):
                left = arrays["missing_go_to_left"][at]
            elif tree.coding_.columns[arrays["feature"][at]].is_nominal:
                left = int(value) in arrays["levels"][at]
            else:
                left = value <= arrays["threshold"][at]
            node[row] = arrays["children_left" if left else "children_right"][at]
    values = arrays["value"][node]
    found = values[:, 0] if hasattr(tree, "target") else tree.classes_[values.argmax(axis=1)]
    assert found.tolist() == expected
    assert (arrays["feature"][arrays["children_left"] < 0] == -2).all()


def test_arrays_of_a_test_have_the_known_size():
    def oracle(X):
        return (X[:, :5].sum(axis=1) >= 3).astype(int)

    X = (np.random.default_rng(0).random((300, 6)) < 0.5).astype(float)
    tree = TrepanClassifier(oracle, random_state=0).fit(X)
    arrays = tree.export_arrays()
    inner = arrays["feature"] >= 0
    paths_that_fail_or_hold = 20  # C(5, 2) ways to end in either leaf
    assert (~inner).sum() == paths_that_fail_or_hold
    assert inner.sum() == paths_that_fail_or_hold - 1


def test_names_of_functions_are_checked(tree):
    for export in (tree.export_python, tree.export_c):
        with pytest.raises(ValueError, match="name must be an identifier"):
            export("two words")


def test_c_text_is_ascii(tree):
    tree.export_c().encode("ascii")
