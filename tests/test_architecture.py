"""The house keeps its shape: floors, sizes, and what may be imported where."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import surrogates

ROOT = Path(surrogates.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
FLOORS = (
    ("_kernels", "exceptions", "_params"),
    ("_solvers",),
    ("blackbox",),
    ("explanation",),
    ("base", "torch", "metrics"),
    ("attribution", "distillation", "counterfactuals", "influence"),
    ("report",),
    ("__main__",),
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
MOST_LINES, MOST_LINES_OF_FUNCTION = 400, 60
VAGUE = {"common", "helper", "helpers", "misc", "tools", "util", "utils"}


@cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def title(path):
    return str(path.relative_to(ROOT))


def member_of(path):
    """Return the part of the house that a file belongs to, such as "blackbox"."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(nodes):
    """Return the dotted names that import statements mention."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def all_imports(path):
    return imported(ast.walk(parse(path)))


def top_level_imports(path):
    return imported(_run_at_import(parse(path)))


def _run_at_import(node):
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _run_at_import(child)


def own_imports(path):
    """Return the parts of the house that a file imports from, itself not included."""
    names = {name.split(".")[1] for name in all_imports(path) if name.startswith("surrogates.")}
    return names - {member_of(path)}


def third_parties(path):
    tops = {name.split(".")[0] for name in all_imports(path)}
    return tops - set(sys.stdlib_module_names) - {"surrogates"}


def functions(path):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(parse(path)) if isinstance(node, kinds)]


def length(function):
    """Count the lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return lines - (first.end_lineno - first.lineno + 1 if is_docstring else 0)


def test_every_part_stands_on_a_floor():
    parts = {member_of(path) for path in MODULES} - {"__init__", "datasets"}
    assert parts <= set(FLOOR)


def test_imports_come_from_lower_floors():
    assert [
        f"{title(path)} imports {name}"
        for path in MODULES
        if member_of(path) in FLOOR
        for name in own_imports(path)
        if FLOOR.get(name, len(FLOORS)) >= FLOOR[member_of(path)]
    ] == []


def test_datasets_stand_apart():
    datasets = [path for path in MODULES if member_of(path) == "datasets"]
    assert set().union(*map(third_parties, datasets)) <= {"numpy", "pandas", "scipy", "sklearn"}
    assert set().union(*map(own_imports, datasets)) <= {"_params"}
    others = [path for path in MODULES if path not in datasets]
    assert [title(path) for path in others if "datasets" in own_imports(path)] == []


def test_kernels_know_numpy_and_numba_only():
    kernels = [path for path in MODULES if member_of(path) == "_kernels"]
    assert set().union(*map(third_parties, kernels)) == {"numpy", "numba"}
    assert set().union(*map(own_imports, kernels)) == set()


def test_only_kernels_know_numba():
    assert {member_of(path) for path in MODULES if "numba" in third_parties(path)} == {"_kernels"}


def test_only_torch_knows_torch():
    assert {member_of(path) for path in MODULES if "torch" in third_parties(path)} <= {"torch"}


def test_pyplot_is_imported_by_functions_only():
    assert [title(path) for path in MODULES if "matplotlib.pyplot" in top_level_imports(path)] == []


def test_imports_are_absolute():
    assert [
        title(path)
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ] == []


def test_only_public_names_of_scikit_learn():
    private = re.compile(r"\bsklearn(\.\w+)*\._")
    assert [
        f"{title(path)}: {name}"
        for path in MODULES
        for name in all_imports(path)
        if private.search(name)
    ] == []
    assert [title(path) for path in MODULES if private.search(path.read_text("utf-8"))] == []


def test_files_are_short():
    sizes = {title(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > MOST_LINES} == {}


def test_functions_are_short():
    assert [
        f"{title(path)}: {function.name} has {length(function)} lines"
        for path in MODULES
        for function in functions(path)
        if length(function) > MOST_LINES_OF_FUNCTION
    ] == []
    lengths = sorted(length(function) for path in MODULES for function in functions(path))
    assert lengths[len(lengths) // 2] <= 10


def test_files_are_named_after_what_they_hold():
    for path in MODULES:
        names = {part.strip("_").removesuffix(".py") for part in path.relative_to(ROOT).parts}
        assert not names & VAGUE
        assert ast.get_docstring(parse(path)), f"{title(path)} does not say what it holds"


def test_nothing_is_left_to_do():
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert [title(path) for path in MODULES if unfinished.search(path.read_text("utf-8"))] == []


def test_instances_hold_no_lambdas():
    """Neither pickle nor joblib can write them."""
    assert [
        f"{title(path)}, line {node.lineno}"
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Lambda)
        and any(isinstance(target, ast.Attribute) for target in node.targets)
    ] == []


def test_heavy_libraries_are_loaded_by_those_who_need_them():
    steps = {
        "import surrogates": "numba matplotlib torch pandas sklearn",
        "import surrogates.datasets": "numba matplotlib torch polars",
        "import surrogates.explanation": "numba matplotlib.pyplot torch polars",
        "from surrogates import KernelSHAP": "matplotlib.pyplot torch polars shap lightgbm xgboost",
    }
    code = "import sys\n" + "\n".join(
        f"{step}\nprint([n for n in {names.split()} if n in sys.modules])"
        for step, names in steps.items()
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["[]"] * len(steps)
