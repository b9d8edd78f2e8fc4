"""Mixtures that a model receives, against composing cell by cell."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates.blackbox.conform import conform
from surrogates.blackbox.maskers import Games, make_mixtures, rows_per_call
from surrogates.blackbox.players import make_players
from surrogates.blackbox.table import column_names, is_frame

N_REFERENCES, N_ROWS = 7, 3


def _objects(values):
    array = np.empty((len(values), len(values[0])), dtype=object)
    array[:] = values
    return array


def _mixed_pandas():
    reference = pd.DataFrame(
        {
            "text": ["a", "b", None, "a", "c", "", "b"],
            "thing": pd.Series(["a", 1, None, np.nan, "b", 2.5, True], dtype=object),
            "level": pd.Categorical(list("xyzxyzx"), categories=["z", "y", "x", "unused"]),
            "grade": pd.Categorical([1, 2, 3, 1, 2, np.nan, 3], categories=[3, 2, 1], ordered=True),
            "flag": [True, False, True, True, False, False, True],
            "count": pd.array([1, 2, None, 4, 5, 6, 7], dtype="Int64"),
            "maybe": pd.array([True, None, False, True, None, True, False], dtype="boolean"),
            "day": pd.to_datetime(["2024-01-01", None, *["2024-02-03"] * 5]),
            "zoned": pd.to_datetime(["2024-01-01"] * 7).tz_localize("Europe/Oslo"),
            "whole": np.array([1, 2, 3, 4, 5, 6, 7], dtype=np.int16),
            "big": [2**60 + 1, 2**60, 3, 4, 5, 6, 7],
            "real": [0.5, np.nan, np.inf, -0.0, 1.0, 2.0, 3.0],
        },
        index=pd.Index(list("ABCDEFG"), name="text"),
    )
    rows = reference.iloc[[6, 2, 0]].copy()
    rows["real"] = [9.5, np.nan, 8.5]
    rows.index = pd.MultiIndex.from_tuples([("p", 1), ("p", 2), ("q", 1)], names=["level", None])
    return reference, rows


def _polars():
    reference = pl.DataFrame(
        {
            "text": ["a", None, "b", "c", "a", "b", ""],
            "level": pl.Series(list("xyxyzxx"), dtype=pl.Categorical),
            "grade": pl.Series(
                ["lo", "hi", "lo", None, "hi", "lo", "lo"], dtype=pl.Enum(["lo", "hi"])
            ),
            "flag": [True, False, None, True, False, True, True],
            "count": [1, 2, None, 4, 5, 6, 7],
            "real": [0.5, float("nan"), None, 1.0, 2.0, 3.0, 4.0],
            "day": pl.Series([None, *[18_000, 18_001] * 3]).cast(pl.Date),
        }
    )
    return reference, reference[[3, 0, 2]]


def _cases():
    rng = np.random.default_rng(0)
    floats = rng.normal(size=(N_REFERENCES, 4))
    floats[1, 2] = floats[3, 0] = np.nan
    ints = rng.integers(-5, 5, size=(N_REFERENCES, 4))
    words = _objects([[*"abc", 1], [*"abd", None], *[["b", np.nan, "c", 2.5]] * 5])
    frame = pd.DataFrame(floats, columns=list("wxyz"), index=[5] * N_REFERENCES)
    return {
        "floats": (floats, floats[:N_ROWS] + 1),
        "single precision": (floats.astype("f4"), (floats[:N_ROWS] + 1).astype("f4")),
        "half precision": (floats.astype("f2"), (floats[:N_ROWS] + 1).astype("f2")),
        "long double": (floats.astype("g"), (floats[:N_ROWS] + 1).astype("g")),
        "fortran order": (np.asfortranarray(floats), np.asfortranarray(floats[:N_ROWS] + 1)),
        "big endian": (floats.astype(">f8"), (floats[:N_ROWS] + 1).astype(">f8")),
        "integers": (ints, ints[:N_ROWS] + 1),
        "booleans": (ints > 0, ints[:N_ROWS] > 2),
        "objects": (words, words[[3, 0, 1]]),
        "fixed text": (
            np.array([list("abcd"), list("dcba")] * 4)[:7],
            np.array([list("xbxb")] * 3),
        ),
        "times": (ints.astype("M8[D]"), (ints[:N_ROWS] + 1).astype("M8[D]")),
        "pandas floats": (frame, frame.iloc[:N_ROWS] + 1),
        "pandas integers": (pd.DataFrame(ints), pd.DataFrame(ints[:N_ROWS] + 1)),
        "pandas mixed": _mixed_pandas(),
        "polars floats": (
            pl.DataFrame(np.nan_to_num(floats), schema=list("wxyz")),
            pl.DataFrame(np.nan_to_num(floats[:N_ROWS] + 1), schema=list("wxyz")),
        ),
        "polars mixed": _polars(),
    }


CASES = _cases()


def cell(table, row, column):
    if isinstance(table, pd.DataFrame):
        return table.iloc[row, column]
    return table[int(row), column]


def draw_games(rng, row, n_players, dealt):
    """Draw games in which some players of the table take part."""
    n_games = 1 if dealt else int(rng.integers(1, 4))
    n_playing = int(rng.integers(1, n_players + 1))
    n_designs, n_pairs = 2, 4
    first = int(rng.integers(0, n_pairs))
    return Games(
        row=row,
        references=rng.integers(0, N_REFERENCES, size=3 if dealt else n_games),
        players=np.array([np.sort(rng.permutation(n_players)[:n_playing]) for _ in range(n_games)]),
        coalitions=rng.integers(0, 2, size=(n_designs, n_pairs, n_playing), dtype=np.uint8),
        design_of=rng.integers(0, n_designs, size=n_games),
        dealt=rng.integers(0, 3 if dealt else 1, size=n_pairs),
        first_pair=first,
        n_pairs=int(rng.integers(1, n_pairs - first + 1)),
    )


def expected_cells(rows, reference, players, games, number):
    """Compose one mixture cell by cell."""
    game, place = divmod(number, 2 * games.n_pairs)
    swapped, step = divmod(place, games.n_pairs)
    pair = games.first_pair + step
    coalition = games.coalitions[games.design_of[game], pair]
    present = set(games.players[game][coalition != swapped].tolist())
    source = games.references[game + games.dealt[pair]]
    return [
        cell(rows, games.row, column) if owner in present else cell(reference, source, column)
        for column, owner in enumerate(players.of_column.tolist())
    ]


def same(first, second):
    """Compare single values: missing ones by identity of kind, others by type and value."""
    if first is None or second is None:
        return first is second
    if pd.isna(first) or pd.isna(second):
        return bool(pd.isna(first) and pd.isna(second))
    return bool(first == second)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_mixtures_match_single_cells(name, grouped):
    reference, rows = CASES[name]
    rows = conform(rows, reference)
    columns, named = column_names(reference), is_frame(reference)
    groups = {"pair": [columns[2], columns[0]] if named else [2, 0]} if grouped else None
    players = make_players(columns, groups, named=named, owner="Test")
    for seed in range(6):
        rng = np.random.default_rng(seed)
        games = draw_games(rng, seed % N_ROWS, len(players), dealt=seed % 2 == 1)
        n_mixtures = 2 * len(games.players) * games.n_pairs
        start = int(rng.integers(0, n_mixtures))
        at = slice(2, 2 + n_mixtures - start)
        mixtures = make_mixtures(rows, reference, players, n_rows=at.stop + 1)
        mixtures.write(slice(0, 2), games, 0)
        mixtures.write(at, games, start)
        received = mixtures.table(at.stop)
        for number in range(start, n_mixtures):
            for column, value in enumerate(expected_cells(rows, reference, players, games, number)):
                assert same(cell(received, 2 + number - start, column), value), (number, column)


@pytest.mark.parametrize("name", CASES)
def test_model_receives_the_reference_schema(name):
    reference, rows = CASES[name]
    mixtures = mix_everything(rows, reference)
    received = mixtures.table(3)
    assert type(received) is type(reference)
    if isinstance(reference, pd.DataFrame):
        assert received.columns.equals(reference.columns)
        pd.testing.assert_series_equal(received.dtypes, reference.dtypes)
        pd.testing.assert_index_equal(received.index, pd.RangeIndex(3))
        for before, after in zip(reference.dtypes, received.dtypes, strict=True):
            if isinstance(before, pd.CategoricalDtype):
                assert list(before.categories) == list(after.categories)
    elif is_frame(reference):
        assert received.schema == reference.schema
    else:
        assert received.dtype == reference.dtype.newbyteorder("=")
        assert received.shape == (3, reference.shape[1])


def mix_everything(rows, reference, coalitions=((1,),)):
    """Write the mixtures of row 0 with reference row 0 for coalitions of all columns at once."""
    rows = conform(rows, reference)
    names = column_names(reference)
    players = make_players(names, None, named=is_frame(reference), owner="Test")
    patterns = np.array([np.resize(pattern, len(players)) for pattern in coalitions], np.uint8)
    zero = np.zeros(1, dtype=np.int64)
    every = np.arange(len(players))[None]
    no_deal = np.zeros(len(patterns), dtype=np.int64)
    games = Games(0, zero, every, patterns[None], zero, no_deal, 0, len(patterns))
    mixtures = make_mixtures(rows, reference, players, n_rows=max(3, 2 * len(patterns)))
    mixtures.write(slice(0, 2 * len(patterns)), games, 0)
    mixtures.write(slice(2 * len(patterns), mixtures.n_rows), games, 0)
    return mixtures


def test_full_and_empty_coalitions_give_the_rows_themselves():
    reference, rows = _mixed_pandas()
    both = mix_everything(rows, reference).table(2)
    pd.testing.assert_frame_equal(both.iloc[[0]], rows.iloc[[0]].reset_index(drop=True))
    pd.testing.assert_frame_equal(
        both.iloc[[1]].reset_index(drop=True), reference.iloc[[0]].reset_index(drop=True)
    )


def test_object_column_of_strings_stays_object():
    reference = pd.DataFrame({"word": pd.Series(["a", "b"], dtype=object), "n": [1, 2]})
    received = mix_everything(reference.iloc[[1]], reference).table(2)
    assert received.dtypes["word"] == np.dtype(object)
    assert received["word"].tolist() == ["b", "a"]


def test_fraction_in_an_integer_column_makes_that_column_float():
    reference = pd.DataFrame({"n": [1, 2], "m": [3, 4]})
    received = mix_everything(pd.DataFrame({"n": [2.5], "m": [5]}), reference).table(2)
    assert received["n"].tolist() == [2.5, 1.0]
    assert received.dtypes["m"] == np.dtype(np.int64)


def test_unseen_category_is_appended_and_none_is_invented():
    levels = pd.CategoricalDtype(["b", "a"], ordered=True)
    reference = pd.DataFrame({"c": pd.Series(["a", "b"], dtype=levels), "n": [1, 2]})
    row = pd.DataFrame({"c": pd.Categorical(["z"], categories=["q", "z"]), "n": [1]})
    received = mix_everything(row, reference).table(2)
    assert list(received["c"].cat.categories) == ["b", "a", "z"]
    assert received["c"].cat.ordered
    assert received["c"].tolist() == ["z", "a"]


def test_reordered_categories_keep_the_codes_of_the_reference():
    reference = pd.DataFrame({"c": pd.Categorical(["a", "b"]), "n": [1, 2]})
    row = pd.DataFrame({"c": pd.Categorical(["b"], categories=["b", "a"]), "n": [1]})
    received = mix_everything(row, reference).table(2)
    assert list(received["c"].cat.categories) == ["a", "b"]
    assert received["c"].cat.codes.tolist() == [1, 0]


@pytest.mark.parametrize("name", CASES)
def test_rows_differ_from_themselves_nowhere(name):
    reference, _ = CASES[name]
    columns, named = column_names(reference), is_frame(reference)
    players = make_players(columns, None, named=named, owner="Test")
    mixtures = make_mixtures(reference, reference, players, n_rows=4)
    for row in range(N_REFERENCES):
        differing = mixtures.differing(row)
        assert differing.shape == (N_REFERENCES, len(players))
        assert not differing[row].any()
        twin = [
            [
                not same(cell(reference, row, j), cell(reference, other, j))
                for j in range(len(columns))
            ]
            for other in range(N_REFERENCES)
        ]
        np.testing.assert_array_equal(differing, twin)


def test_differing_is_by_value_whatever_the_dtype():
    players = make_players(list("abc"), None, named=True, owner="Test")
    reference = pd.DataFrame({"a": [1, 2], "b": [0.0, np.nan], "c": ["u", "v"]})
    rows = conform(pd.DataFrame({"a": [1.0], "b": [-0.0], "c": ["v"]}), reference)
    mixtures = make_mixtures(rows, reference, players, n_rows=2)
    assert mixtures.differing(0).tolist() == [[False, False, True], [True, True, False]]


def test_tiny_differences_differ():
    reference = np.array([[1.0, 2.0]])
    players = make_players(["x0", "x1"], None, named=False, owner="Test")
    mixtures = make_mixtures(np.nextafter(reference, 9), reference, players, n_rows=2)
    assert mixtures.differing(0).all()


def test_groups_differ_where_any_column_does():
    reference = pd.DataFrame({"a": [1, 1], "b": [2, 3], "c": [4, 4]})
    players = make_players(["a", "b", "c"], {"ab": ["a", "b"]}, named=True, owner="Test")
    mixtures = make_mixtures(reference, reference, players, n_rows=2)
    assert mixtures.differing(0).tolist() == [[False, False], [True, False]]


def test_writing_changes_neither_table():
    for reference, rows in CASES.values():
        copies = reference.copy() if not isinstance(reference, pl.DataFrame) else reference.clone()
        mix_everything(rows, reference)
        if isinstance(reference, pd.DataFrame):
            pd.testing.assert_frame_equal(reference, copies)
        elif is_frame(reference):
            assert reference.equals(copies)
        else:
            assert all(same(a, b) for a, b in zip(reference.flat, copies.flat, strict=True))


@settings(max_examples=25)
@given(st.integers(1, 10**7))
def test_rows_per_call_are_bounded(n_columns):
    n_rows = rows_per_call(n_columns)
    assert 256 <= n_rows <= 16384
    assert n_rows == 256 or 8 * n_rows * n_columns <= 8 * 2**20
