"""Importing the package, and asking for help, loads nothing that is not needed."""

import subprocess
import sys

import pytest

HEAVY = "numba pandas sklearn scipy matplotlib torch polars skops"


@pytest.mark.parametrize("name", ["surrogates.report", "surrogates.report.command_line"])
def test_imports_are_light(name):
    code = f"import sys, {name}\nprint([n for n in {HEAVY.split()} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_reports_need_no_pictures():
    code = (
        "import sys\nfrom surrogates.report import decision_report\n"
        "print([n for n in ('matplotlib.pyplot', 'torch', 'polars', 'skops') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
