"""Players: columns, or groups of columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogates.blackbox.players import Players, make_players

COLUMNS = ["age", "city", "zip", "income"]


def make(groups, named=True, columns=COLUMNS):
    return make_players(columns, groups, named=named, owner="LIME")


@pytest.mark.parametrize("groups", [None, {}])
def test_every_column_plays_by_itself(groups):
    players = make(groups)
    assert players.names == tuple(COLUMNS)
    assert players.of_column.tolist() == [0, 1, 2, 3]
    assert players.are_columns
    assert players.groups == {}
    assert len(players) == 4


def test_groups_take_the_place_of_their_first_column():
    players = make({"home": ["zip", "city"]})
    assert players.names == ("age", "home", "income")
    assert players.of_column.tolist() == [0, 1, 1, 2]
    assert players.groups == {"home": ["zip", "city"]}
    assert not players.are_columns


@pytest.mark.parametrize(
    "members", [[2, 0], (2, 0), np.array([2, 0]), pd.Index([2, 0]), range(2, -1, -2)]
)
def test_positions_for_arrays(members):
    players = make({"both": members}, named=False, columns=["x0", "x1", "x2"])
    assert players.names == ("both", "x1")
    assert players.of_column.tolist() == [0, 1, 0]
    assert players.groups == {"both": [2, 0]}
    assert all(type(position) is int for position in players.groups["both"])


def test_numbered_columns_of_a_frame_are_named_by_number():
    players = make({"both": [0, 2]}, columns=["0", "1", "2"])
    assert players.groups == {"both": ["0", "2"]}


def test_group_may_have_the_name_of_its_column():
    assert make({"city": ["city", "zip"]}).names == ("age", "city", "income")
    alone = make({"city": ["city"]})
    assert alone.are_columns
    assert alone.groups == {"city": ["city"]}


def test_all_columns_in_one_group():
    assert make({"all": COLUMNS}).names == ("all",)


@pytest.mark.parametrize(
    ("groups", "named", "message"),
    [
        ({"a": ["age", "zip"], "b": ["zip"]}, True, "overlap: column 'zip' is in group 'a' and in"),
        ({"a": ["zip", "zip"]}, True, "overlap"),
        ({"a": ["street"]}, True, r"unknown column 'street' in group 'a'. The columns are \['age'"),
        ({"a": [0]}, True, "unknown column 0"),
        ({"a": ["age"]}, False, "unknown column 'age' .* positions 0 to 3"),
        ({"a": [4]}, False, "unknown column 4"),
        ({"a": [-1]}, False, "unknown column -1"),
        ({"a": [True]}, False, "unknown column True"),
        ({"a": [1.0]}, False, "unknown column 1.0"),
        ({"a": []}, True, "map names to lists of columns. Group 'a' is"),
        ({"a": "age"}, True, "map names to lists of columns"),
        ({"a": 3}, False, "map names to lists of columns"),
        ({"a": None}, True, "map names to lists of columns"),
        ({"age": ["zip"]}, True, r"name of a column outside the group to a group: \['age'\]"),
    ],
)
def test_wrong_groups(groups, named, message):
    with pytest.raises(ValueError, match=f"'groups' parameter of LIME .*{message}"):
        make(groups, named)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.integers(0, 99))
def test_players_gather_any_of_their_columns(owners, seed):
    players = Players(tuple("abcde"), np.array(owners), {})
    marked = np.random.default_rng(seed).random((3, 2, len(owners))) < 0.3
    gathered = players.gather(marked)
    for player in range(5):
        own = marked[..., players.of_column == player]
        np.testing.assert_array_equal(gathered[..., player], own.any(axis=-1))


def test_as_many_players_as_columns_need_not_be_the_columns():
    assert not Players(("a", "b"), np.array([1, 0]), {}).are_columns
    assert not Players(("a", "b"), np.array([1, 1]), {}).are_columns


def test_many_columns_are_fast():
    columns = [f"c{number}" for number in range(20_000)]
    groups = {f"g{first}": columns[first : first + 2] for first in range(0, 20_000, 4)}
    assert len(make(groups, columns=columns)) == 15_000
