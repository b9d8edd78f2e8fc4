"""Public names: what is exported exists, and nothing else is promised."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

import surrogates

FOUND = [found.name for found in pkgutil.walk_packages(surrogates.__path__, "surrogates.")]
MODULES = [name for name in FOUND if find_spec("torch") or not name.startswith("surrogates.torch")]
PUBLIC = [
    "surrogates",
    *(
        f"surrogates.{name}"
        for name in ("datasets", "exceptions", "explanation", "metrics", "report", "torch")
        if f"surrogates.{name}" in MODULES
    ),
]


def load(name):
    return importlib.import_module(name)


def exported(name):
    return getattr(load(name), "__all__", [])


def is_defined(value):
    return inspect.isfunction(value) or inspect.isclass(value)


def test_every_exported_name_exists():
    for name in ["surrogates", *MODULES]:
        for attribute in exported(name):
            assert getattr(load(name), attribute) is not None


def test_exported_names_are_sorted_and_unique():
    def constants_then_classes(name):
        return 0 if name.isupper() else 1 if name[:1].isupper() else 2, name

    for name in ["surrogates", *MODULES]:
        names = list(exported(name))
        assert names == sorted(set(names), key=constants_then_classes), name


def test_every_module_says_what_it_exports():
    assert [
        f"{name} does not export {attribute}"
        for name in MODULES
        for attribute, value in vars(load(name)).items()
        if not attribute.startswith("_")
        and is_defined(value)
        and value.__module__ == name
        and attribute not in exported(name)
    ] == []


def test_public_names_come_from_this_package():
    for name in PUBLIC:
        for attribute in exported(name):
            value = getattr(load(name), attribute)
            if is_defined(value):
                assert value.__module__.startswith("surrogates.")
                assert value.__name__ == attribute


def test_dir_lists_lazy_names():
    assert set(surrogates.__all__) <= set(dir(surrogates))
    assert dir(surrogates) == sorted(dir(surrogates))


def test_unknown_names():
    with pytest.raises(AttributeError, match="module 'surrogates' has no attribute 'Unknown'"):
        _ = surrogates.Unknown
    with pytest.raises(ImportError, match="Unknown"):
        from surrogates import Unknown  # noqa: F401


def test_star_import_gets_every_name():
    names = {}
    exec("from surrogates import *", names)
    assert set(surrogates.__all__) <= set(names)


def test_version_has_numbers():
    major, minor, *_ = surrogates.__version__.split(".")
    assert major.isdigit()
    assert minor.isdigit()


def test_importing_the_package_loads_nothing_else():
    code = (
        "import sys; before = set(sys.modules); import surrogates; "
        "loaded = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(*(loaded - set(sys.stdlib_module_names)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["surrogates"]


def test_explainers_take_the_model_first_and_all_else_by_name():
    for name in surrogates.__all__:
        parameters = (
            inspect.signature(getattr(surrogates, name)).parameters if name[0].isupper() else {}
        )
        if "estimator" in parameters:
            (first, model), *others = parameters.items()
            assert first == "estimator"
            learns_alone = name == "SoftDecisionTreeClassifier"  # from y, without a model
            assert model.default is (None if learns_alone else inspect.Parameter.empty)
            for _, parameter in others:
                assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
                assert parameter.default is not inspect.Parameter.empty
