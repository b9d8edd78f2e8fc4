"""Counter-based random numbers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogates._kernels.rng import below, bits, mix, uniform

WORD = 2**64
GOLDEN = 0x9E3779B97F4A7C15
keys = st.integers(0, 2**63 - 1)


def mix_twin(z):
    """Finalise as SplitMix64 does, in integers of any size."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def bits_twin(seed, stream, counter):
    key = mix_twin((seed + GOLDEN * (stream + 1)) % WORD)
    return mix_twin((key + GOLDEN * (counter + 1)) % WORD)


def test_published_first_number_of_splitmix64():
    assert int(mix(np.uint64(GOLDEN))) == 0xE220A8397B1DCDAF


@given(keys, keys, keys)
def test_bits_match_the_twin(seed, stream, counter):
    assert int(bits(seed, stream, counter)) == bits_twin(seed, stream, counter)


@given(keys, keys, keys, st.integers(1, 2**40))
def test_python_functions_match_the_compiled_ones(seed, stream, counter, n):
    with np.errstate(over="ignore"):
        assert mix.py_func(np.uint64(seed)) == mix(np.uint64(seed))
        assert bits.py_func(seed, stream, counter) == bits(seed, stream, counter)
        assert uniform.py_func(seed, stream, counter) == uniform(seed, stream, counter)
        assert below.py_func(n, seed, stream, counter) == below(n, seed, stream, counter)


@given(keys, keys, keys, st.integers(1, 2**52))
def test_numbers_stay_in_range(seed, stream, counter, n):
    assert 0.0 <= uniform(seed, stream, counter) < 1.0
    assert 0 <= below(n, seed, stream, counter) < n


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_uniform_over_seeds_streams_and_counters(axis):
    n = 20_000
    keys = np.full((n, 3), 7)
    keys[:, axis] = np.arange(n)
    drawn = np.array([uniform(*key) for key in keys.tolist()])
    counts = np.histogram(drawn, bins=50, range=(0, 1))[0]
    assert ((counts - n / 50) ** 2 / (n / 50)).sum() < 95  # chi-squared of 49: p about 1e-4
    lag = np.corrcoef(drawn[:-1], drawn[1:])[0, 1]
    assert abs(lag) < 4 / np.sqrt(n)


def test_streams_do_not_overlap():
    numbers = {int(bits(1, stream, counter)) for stream in range(100) for counter in range(100)}
    assert len(numbers) == 10_000


def test_threads_do_not_matter():
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda counter: uniform(3, 1, counter), range(2000)))
    assert drawn == [uniform(3, 1, counter) for counter in range(2000)]
