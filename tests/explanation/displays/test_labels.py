import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogates.explanation.displays.labels import (
    clean,
    number_texts,
    others_text,
    player_text,
    value_text,
    wrap,
)


@given(st.text())
def test_clean_text_is_printable_and_on_one_line(text):
    assert clean(text).isprintable()
    assert clean(clean(text)) == clean(text)


@given(st.text(max_size=200), st.integers(5, 40), st.integers(1, 3))
def test_wrapped_text_fits(text, width, lines):
    rows = wrap(text, width, lines).split("\n")
    assert len(rows) <= lines
    assert max(map(len, rows)) <= width
    if len(clean(text)) <= width:
        assert rows == [clean(text)]


def test_what_is_cut_ends_with_an_ellipsis():
    assert wrap("x" * 100).endswith("…")
    assert wrap("word " * 30).endswith("…")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (24, "24"),
        (24.0, "24"),
        (0.123456, "0.1235"),
        (-1.5, "\N{MINUS SIGN}1.5"),
        (1234567.8, "1234568"),
        (1e20, "1e+20"),
        (np.float64(0.5), "0.5"),
        (np.inf, "inf"),
        (True, "True"),
        (None, "missing"),
        (np.nan, "missing"),
        (pd.NA, "missing"),
        (pd.NaT, "missing"),
        ("a\nb", "a b"),
        (pd.Timestamp("2024-05-01"), "2024-05-01"),
        (pd.Timestamp("2024-05-01 10:00"), "2024-05-01 10:00:00"),
    ],
)
def test_cells(value, text):
    assert value_text(value) == text


def test_players():
    assert player_text("duration", 24) == "duration = 24"
    name, value = player_text("a rather long name", "and a rather long value").split("\n")
    assert name == "a rather long name"
    assert value == "= and a rather long value"


def test_others():
    assert others_text(1) == "1 other column"
    assert others_text(3) == "3 other columns"


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([0.25, -0.05], ["+0.250", "\N{MINUS SIGN}0.050"]),
        ([1250.4, -3.0], ["+1250", "\N{MINUS SIGN}3"]),
        ([12.345], ["+12.3"]),
        ([0.0], ["+0.00"]),
        ([1e-7], ["+1.00e\N{MINUS SIGN}07"]),
        ([np.nan, 1.0], ["nan", "+1.00"]),
        ([], []),
    ],
)
def test_numbers_have_three_digits(numbers, texts):
    assert number_texts(numbers) == texts


def test_numbers_without_a_direction():
    assert number_texts([0.25], signed=False) == ["0.250"]
