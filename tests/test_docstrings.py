"""Docstrings of public objects follow numpydoc and match the signatures."""

import importlib
import inspect
from importlib.util import find_spec

import pytest
from numpydoc.validate import validate

PUBLIC = (
    "surrogates",
    "surrogates.datasets",
    "surrogates.explanation",
    "surrogates.metrics",
    "surrogates.report",
    *(["surrogates.torch"] if find_spec("torch") else []),
)
CODES = {
    "GL02",  # closing quotes
    "GL03",  # two blank lines in a row
    "GL05",  # tabs
    "GL06",  # unknown sections
    "GL07",  # order of sections
    "GL08",  # no docstring
    "GL09",
    "GL10",
    "SS01",  # no summary
    "SS02",
    "SS03",  # summary does not end with a period
    "SS04",
    "SS05",  # summary is no imperative
    "SS06",  # summary is longer than a line
    "PR01",  # parameters not documented
    "PR02",  # parameters documented that do not exist
    "PR03",  # parameters in another order
    "PR04",  # no type
    "PR05",
    "PR10",  # spaces around the colon
    "RT01",  # no Returns section
    "YD01",  # no Yields section
}
EXAMPLE = "EX01"
INHERITED = {
    "count",  # of named tuples
    "fit_transform",
    "get_metadata_routing",
    "index",
    "set_fit_request",
    "set_output",
}


def public_objects():
    """Yield the full names of public functions and classes, and of the methods of classes."""
    for module_name in PUBLIC:
        if find_spec(module_name):
            module = importlib.import_module(module_name)
            for name in module.__all__:
                value = getattr(module, name)
                if inspect.isfunction(value) or inspect.isclass(value):
                    yield f"{module_name}.{name}", True
                if inspect.isclass(value):
                    methods = public_methods(value)
                    yield from ((f"{module_name}.{name}.{method}", False) for method in methods)


def public_methods(cls):
    """Yield the names of methods and properties that are not scikit-learn's own."""
    for name, value in inspect.getmembers(cls):
        home = getattr(value, "__module__", None) or "surrogates"
        is_own = home.startswith("surrogates") and not name.startswith("_")
        if is_own and name not in INHERITED and (callable(value) or isinstance(value, property)):
            yield name


@pytest.mark.parametrize(("name", "needs_example"), sorted(set(public_objects())))
def test_docstring(name, needs_example):
    required = CODES | {EXAMPLE} if needs_example else CODES
    errors = validate(name)["errors"]
    assert [f"{code}: {text}" for code, text in errors if code in required] == []
