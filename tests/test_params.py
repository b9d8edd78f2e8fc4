"""Checks of constructor parameters, and their words."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogates._params import (
    ANY_CALLABLE,
    BOOLEAN,
    NONE,
    Instance,
    Interval,
    Options,
    check_params,
)

CLOSED = ("left", "right", "both", "neither")


@given(st.floats(allow_nan=False), st.integers(-5, 5), st.integers(0, 5), st.sampled_from(CLOSED))
def test_interval_is_the_mathematical_one(value, low, width, closed):
    high = low + width
    above = value >= low if closed in ("left", "both") else value > low
    below = value <= high if closed in ("right", "both") else value < high
    assert Interval("float", low, high, closed).accepts(value) == (above and below)


@pytest.mark.parametrize("value", [True, False, np.True_, "1", None, 1.0, np.float64(2), np.nan])
def test_int_interval_refuses_what_is_no_int(value):
    assert not Interval("int", None, None).accepts(value)


@pytest.mark.parametrize("value", [1, np.int8(1), np.uint64(2**63), 10**400])
def test_int_interval_accepts_any_int(value):
    assert Interval("int", 1, None).accepts(value)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1), Fraction(1, 3)])
def test_float_interval_accepts_any_real(value):
    assert Interval("float", 0, 1, "right").accepts(value)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_unbounded_sides_are_open(value):
    assert not Interval("float", None, None).accepts(value)


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Interval("int", 1, None), "an int in the range [1, inf)"),
        (Interval("int", 0, 12_345_678, "both"), "an int in the range [0, 12345678]"),
        (Interval("float", 0.0, 1.0, "neither"), "a float in the range (0, 1)"),
        (Interval("float", None, 0.25, "right"), "a float in the range (-inf, 0.25]"),
        (Interval("float", None, None, "both"), "a float in the range (-inf, inf)"),
    ],
)
def test_interval_in_words(interval, words):
    assert str(interval) == words


def test_options_are_strings():
    options = Options("auto", "exact")
    assert options.accepts("auto")
    assert options.accepts(np.str_("exact"))
    assert not options.accepts("other")
    assert not options.accepts(["auto"])
    assert not options.accepts(None)


def test_predicates():
    assert NONE.accepts(None)
    assert not NONE.accepts(0)
    assert ANY_CALLABLE.accepts(print)
    assert not ANY_CALLABLE.accepts("print")
    assert BOOLEAN.accepts(np.False_)
    assert not BOOLEAN.accepts(1)
    assert Instance(dict, "a dict").accepts({})


def test_message_joins_the_alternatives():
    constraints = {"link": [Options("identity", "logit"), ANY_CALLABLE, NONE]}
    with pytest.raises(ValueError, match="parameter") as caught:
        check_params("KernelSHAP", {"link": 3}, constraints)
    assert str(caught.value) == (
        "The 'link' parameter of KernelSHAP must be a str among {'identity', 'logit'}, a callable "
        "or None. Got 3 instead."
    )


def test_one_alternative_is_enough_and_other_parameters_are_ignored():
    constraints = {"tol": [Interval("float", 0, None), NONE]}
    check_params("LIME", {"tol": None, "estimator": object()}, constraints)
    check_params("LIME", {"tol": 0.1}, constraints)


def test_first_wrong_parameter_is_named():
    constraints = {"a": [BOOLEAN], "b": [BOOLEAN]}
    with pytest.raises(ValueError, match="'a' parameter of Some"):
        check_params("Some", {"a": 1, "b": 2}, constraints)
