"""Mixtures of an explained row and reference rows, against loops over single cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates._kernels.compose import mix_positions, mix_rows

ALIGNED = np.empty((0, 0), dtype=np.int64)
DTYPES = (np.uint8, np.uint16, np.uint32, np.uint64)


def make_games(rng, n_games, n_players, dealt_to=None):
    """Draw games of `n_players` players; with `dealt_to`, one game dealt among that many rows."""
    n_designs, n_pairs, n_references = rng.integers(1, 4), rng.integers(1, 7), 6
    first = int(rng.integers(0, n_pairs))
    return {
        "reference_of": rng.integers(0, n_references, size=dealt_to or n_games),
        "dealt": rng.integers(0, dealt_to or 1, size=n_pairs),
        "design_of": rng.integers(0, n_designs, size=n_games),
        "coalitions": rng.integers(0, 2, size=(n_designs, n_pairs, n_players), dtype=np.uint8),
        "first_pair": first,
        "n_pairs": int(rng.integers(1, n_pairs - first + 1)),
    }


def which_is_taken(games, owner, number):
    """Tell for each column whether mixture `number` takes it from the row, and the reference."""
    game, place = divmod(number, 2 * games["n_pairs"])
    swapped, step = divmod(place, games["n_pairs"])
    pair = games["first_pair"] + step
    coalition = games["coalitions"][games["design_of"][game], pair]
    reference = games["reference_of"][game + games["dealt"][pair]]
    taken = [player >= 0 and coalition[player] != swapped for player in owner[game].tolist()]
    return np.array(taken), reference


def draw_case(seed, n_columns, n_players, dealt):
    rng = np.random.default_rng(seed)
    n_games = 1 if dealt else int(rng.integers(1, 5))
    games = make_games(rng, n_games, n_players, 3 if dealt else None)
    owner = rng.integers(-1, n_players, size=(n_games, n_columns))
    n_mixtures = 2 * n_games * games["n_pairs"]
    start = int(rng.integers(0, n_mixtures))
    return rng, games, owner, start, int(rng.integers(1, n_mixtures - start + 1))


cases = st.tuples(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4), st.booleans())


@settings(max_examples=60)
@given(cases, st.sampled_from(DTYPES))
def test_rows_match_single_cells(case, dtype):
    rng, games, owner, start, n_written = draw_case(*case)
    highest = np.iinfo(dtype).max
    n_columns = owner.shape[1]
    row = rng.integers(0, highest, size=n_columns, dtype=dtype, endpoint=True)
    references = rng.integers(0, highest, size=(6, n_columns), dtype=dtype, endpoint=True)
    expected = []
    for number in range(start, start + n_written):
        taken, reference = which_is_taken(games, owner, number)
        expected.append(np.where(taken, row, references[reference]))
    for mix in (mix_rows, mix_rows.py_func):
        out = np.zeros((n_written, n_columns), dtype=dtype)
        with np.errstate(over="ignore"):
            mix(out, start, row, references, **games, owner=owner)
        np.testing.assert_array_equal(out, expected)


@settings(max_examples=60)
@given(cases)
def test_positions_match_single_cells(case):
    _, games, owner, start, n_written = draw_case(*case)
    expected = np.empty((owner.shape[1], n_written), dtype=np.int64)
    for step in range(n_written):
        taken, reference = which_is_taken(games, owner, start + step)
        expected[:, step] = np.where(taken, 17, reference)
    for mix in (mix_positions, mix_positions.py_func):
        out = np.full((owner.shape[1], n_written + 3), -1)
        mix(out, 2, n_written, start, 17, **games, owner=owner)
        np.testing.assert_array_equal(out[:, 2:-1], expected)
        assert (out[:, [0, 1, -1]] == -1).all()


@pytest.mark.parametrize("dealt", [False, True])
def test_columns_that_are_players_need_no_owner(dealt):
    rng, games, owner, _, _ = draw_case(5, 4, 4, dealt)
    owner = np.tile(np.arange(4), (len(owner), 1))
    row, references = rng.normal(size=4), rng.normal(size=(6, 4))
    row[0], references[1, 2], references[2] = np.nan, -0.0, np.inf
    n_written = 2 * len(owner) * games["n_pairs"]
    blocks = [np.empty((n_written, 4)) for _ in range(2)]
    for block, own in zip(blocks, (owner, ALIGNED), strict=True):
        words = (block.view("u8"), 0, row.view("u8"), references.view("u8"))
        mix_rows(*words, **games, owner=own)
    np.testing.assert_array_equal(blocks[0].view("u8"), blocks[1].view("u8"))


@given(st.integers(0, 10**6), st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_any_stretches_make_the_same_sequence(seed, lengths):
    rng, games, owner, _, _ = draw_case(seed, 3, 2, False)
    row = rng.integers(0, 9, size=3, dtype=np.uint64)
    references = rng.integers(0, 9, size=(6, 3), dtype=np.uint64)
    total = 2 * len(owner) * games["n_pairs"]
    whole = np.empty((total, 3), dtype=np.uint64)
    mix_rows(whole, 0, row, references, **games, owner=owner)
    start, parts = 0, []
    for length in [*lengths, total]:
        part = np.empty((min(length, total - start), 3), dtype=np.uint64)
        mix_rows(part, start, row, references, **games, owner=owner)
        parts.append(part)
        start += len(part)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
