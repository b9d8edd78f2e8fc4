"""How kernels are compiled."""

import numpy as np
import pytest

from surrogates._kernels._jit import kernel, reduction_kernel


def mean(values):
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


@pytest.mark.parametrize("compile_", [kernel, reduction_kernel])
def test_kernels_release_the_gil_and_divide_like_numpy(compile_):
    compiled = compile_(mean)
    assert compiled.targetoptions["nogil"]
    assert compiled.py_func is mean
    assert not compiled.signatures  # nothing is compiled before the first call
    assert compiled(np.array([1.0, 2.0, 6.0])) == 3.0
    assert np.isnan(compiled(np.empty(0)))


def test_reductions_keep_nan_and_infinity():
    compiled = reduction_kernel(mean)
    assert np.isnan(compiled(np.array([1.0, np.nan])))
    assert compiled(np.array([1.0, np.inf])) == np.inf


@pytest.mark.parametrize("compile_", [kernel, reduction_kernel])
def test_without_a_place_for_a_cache_kernels_still_compile(compile_):
    """Code that comes from no file cannot be cached, like that of a read-only install."""
    names = {}
    exec("def double(x):\n    return 2 * x", names)
    assert compile_(names["double"])(21) == 42
