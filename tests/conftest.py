"""Settings that all tests share."""

import os
import sys

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
settings.register_profile("surrogates", deadline=None)  # the first example may compile a kernel
settings.load_profile("surrogates")


@pytest.fixture(autouse=True)
def _close_figures():
    """Close what a test has drawn; pyplot is not imported for tests that draw nothing."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
