"""Masked rows composed where the module computes get the answers that written rows get."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, StandardScaler

torch = pytest.importorskip("torch")

from polars_frames import to_polars
from torch_networks import Greedy, WithEmbeddings, mlp, same_state, state_of

from surrogates import LEMNA, LIME, KernelSHAP, Occlusion
from surrogates.attribution.shapley import added_up
from surrogates.blackbox.maskers import Games, make_mixtures, written_mixtures
from surrogates.blackbox.model import make_model
from surrogates.blackbox.players import Players, make_players
from surrogates.datasets import load_german_credit
from surrogates.torch import ColumnEncoder, TorchClassifier, TorchRegressor
from surrogates.torch.mixtures import DeviceMixtures
from surrogates.torch.ownership import is_columnwise
from surrogates.torch.placement import packed, unpack

pytestmark = pytest.mark.filterwarnings("ignore:The surrogate explains less")  # of random networks


@pytest.fixture(scope="module")
def loans():
    return load_german_credit(return_X_y=True)[0].iloc[:120]


@pytest.fixture
def asked(monkeypatch):
    """Count the rows that were composed on the device."""
    n_rows = []
    ask = DeviceMixtures.ask

    def counted(self, model, n):
        n_rows.append(n)
        return ask(self, model, n)

    monkeypatch.setattr(DeviceMixtures, "ask", counted)
    return n_rows


class Written(TorchClassifier):
    """An adapter that leaves it to others to write mixtures."""

    def compose_mixtures(self, *args):
        return None


def compare(explainer, found, expected, rows, tolerance):
    found, expected = explainer(found).explain(rows), explainer(expected).explain(rows)
    for name in ("values", "predictions", "base_values"):
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max())
    if expected.std_errors is not None:
        # residuals of written mixtures are taken in single precision
        np.testing.assert_allclose(found.std_errors, expected.std_errors, rtol=1e-5, atol=tolerance)


EXPLAINERS = {
    "crossed": lambda model, X: KernelSHAP(
        model, n_coalitions=64, n_background=9, random_state=0
    ).fit(X),
    "shared": lambda model, X: KernelSHAP(
        model, n_coalitions=64, n_background=9, design="shared", random_state=0
    ).fit(X),
    "logit": lambda model, X: KernelSHAP(
        model, n_coalitions=64, n_background=9, link="logit", random_state=0
    ).fit(X),
    "alone": lambda model, X: KernelSHAP(
        model, n_coalitions=64, n_background=1, random_state=0
    ).fit(X),
    "exact": lambda model, X: KernelSHAP(model, n_background=3, random_state=0).fit(X),
    "occlusion": lambda model, X: Occlusion(model, n_background=9, random_state=0).fit(X),
    "lemna": lambda model, X: LEMNA(
        model, n_components=1, n_samples=60, baseline="background", random_state=0
    ).fit(X),
    "lime": lambda model, X: LIME(model, sampling="background", n_samples=300, random_state=0).fit(
        X
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXPLAINERS)
def test_arrays(name, dtype, asked):
    X = np.random.default_rng(0).normal(size=(60, 8))
    X[:, 2] = X[:, 2] > 0  # rows that agree with a reference row in some columns
    module = mlp(8, 2)
    pair = TorchClassifier(module, dtype=dtype), Written(module, dtype=dtype)
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    compare(lambda model: EXPLAINERS[name](model, X), *pair, X[:3], tolerance)
    assert asked


@pytest.mark.parametrize("name", ["crossed", "shared", "alone", "occlusion", "lime"])
def test_embeddings(name, loans, asked):
    encoder = ColumnEncoder().fit(loans)
    module = WithEmbeddings(len(encoder.column_owners_[0]), encoder.n_codes_).double()
    pair = TorchClassifier(module, encoder=encoder), Written(module, encoder=encoder)
    compare(lambda model: EXPLAINERS[name](model, loans), *pair, loans.iloc[:3], 1e-10)
    assert asked


@pytest.mark.parametrize("name", ["crossed", "lime"])
def test_polars(name, loans, asked):
    frame = to_polars(loans)
    encoder = ColumnEncoder().fit(frame)
    module = WithEmbeddings(len(encoder.column_owners_[0]), encoder.n_codes_).double()
    pair = TorchClassifier(module, encoder=encoder), Written(module, encoder=encoder)
    compare(lambda model: EXPLAINERS[name](model, frame), *pair, frame[:3], 1e-10)
    assert asked


@pytest.mark.parametrize("name", ["crossed", "occlusion", "lemna", "lime"])
@pytest.mark.parametrize("inside", [False, True])
def test_one_hot_columns_belong_to_their_column(inside, name, loans, asked):
    columns = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    ).fit(loans)
    module = mlp(columns.transform(loans).shape[1], 2, torch.float64)
    if inside:
        pair = TorchClassifier(module, encoder=columns), Written(module, encoder=columns)
    else:
        pair = tuple(make_pipeline(columns, kind(module)) for kind in (TorchClassifier, Written))
    compare(lambda model: EXPLAINERS[name](model, loans), *pair, loans.iloc[:3], 1e-8)
    assert asked


@pytest.mark.parametrize("n_coalitions", [24, 80, 700])
@pytest.mark.parametrize("worth", [1, 2000, 10**9])
def test_responses_are_added_up_on_the_device(worth, n_coalitions, monkeypatch):
    """Rows that differ from some reference rows in some columns only are added up as well."""
    monkeypatch.setattr(added_up, "_WORTH_ADDING_UP", worth)
    X = np.random.default_rng(0).normal(size=(60, 12))
    X[:, 2], X[::3, 5] = X[:, 2] > 0, 0.0
    module = mlp(12, 3, torch.float64)
    n_rows = []
    sum_games = DeviceMixtures.sum_games

    def counted(self, model, games, rows, *more):
        n_rows.append(len(rows))
        return sum_games(self, model, games, rows, *more)

    monkeypatch.setattr(DeviceMixtures, "sum_games", counted)
    for design in ("crossed", "shared"):
        compare(
            lambda model, design=design: KernelSHAP(
                model, n_coalitions=n_coalitions, n_background=25, design=design, random_state=0
            ).fit(X),
            TorchClassifier(module),
            Written(module),
            X[:7],
            1e-10,
        )
    assert (len(n_rows) > 0) is (worth < 10**9 and n_coalitions > 24)


@pytest.mark.parametrize("target", [None, 0, [1], [1, 0]])
@pytest.mark.parametrize("n_raw", [1, 2])
@pytest.mark.parametrize("method", ["decision_function", "predict_proba", "predict"])
def test_every_output_of_two_classes(method, n_raw, target, asked):
    X = np.random.default_rng(0).normal(size=(60, 8))
    module = mlp(8, n_raw, torch.float64)

    def explainer(model):
        return KernelSHAP(
            model,
            response_method=method,
            target=target,
            n_coalitions=150,
            n_background=60,
            random_state=0,
        ).fit(X)

    pair = (kind(module, output="logits") for kind in (TorchClassifier, Written))
    compare(explainer, *pair, X[:2] + 1.0, 1e-10)


def test_groups(asked):
    X = np.random.default_rng(0).normal(size=(40, 8))
    module = mlp(8, 2, torch.float64)

    def explainer(model):
        groups = {"both": [1, 6], "rest": [0, 2, 3]}
        return KernelSHAP(
            model, groups=groups, n_coalitions=20, n_background=5, random_state=0
        ).fit(X)

    compare(explainer, TorchClassifier(module), Written(module), X[:3], 1e-10)
    assert asked


def test_encoders_that_mix_columns_are_asked_about_written_rows(asked):
    X = np.random.default_rng(0).normal(size=(40, 5))
    module = mlp(5, 2, torch.float64)
    normalizer = Normalizer().fit(X)
    pair = TorchClassifier(module, encoder=normalizer), Written(module, encoder=normalizer)
    compare(lambda model: EXPLAINERS["crossed"](model, X), *pair, X[:3], 1e-12)
    assert not asked


def test_encoders_are_put_to_the_test():
    class Liar(ColumnEncoder):
        def transform(self, X):
            numbers, *others = super().transform(X)
            return (numbers * numbers[:, :1], *others)

    X = np.random.default_rng(0).normal(size=(40, 3))
    for encoder, honest in ((ColumnEncoder().fit(X), True), (Liar().fit(X), False)):
        adapter = TorchRegressor(mlp(3, 1), encoder=encoder)
        assert is_columnwise(adapter._inputs, X, encoder.column_owners_) is honest


@pytest.mark.parametrize("name", ["crossed", "lime"])
@pytest.mark.parametrize("batch_size", [1, 7, 50, 10_000])
def test_the_size_of_chunks_changes_nothing(batch_size, name):
    X = np.random.default_rng(0).normal(size=(40, 8))
    module = mlp(8, 2, torch.float64)
    pair = TorchClassifier(module, batch_size=batch_size), TorchClassifier(module)
    compare(lambda model: EXPLAINERS[name](model, X), *pair, X[:2], 1e-12)


@pytest.mark.parametrize("name", ["crossed", "occlusion", "lime"])
def test_a_module_hidden_in_a_function(name, asked):
    """Several outputs, a scaler before the adapter, and a function of which nothing is known."""
    X = np.random.default_rng(0).normal(3.0, 5.0, size=(60, 8))
    scaled = make_pipeline(StandardScaler().fit(X), TorchClassifier(mlp(8, 3, torch.float64)))

    def hidden(rows):
        return scaled.predict_proba(rows)

    compare(lambda model: EXPLAINERS[name](model, X), scaled, hidden, X[:3], 1e-10)
    assert asked


def test_neighbours_of_stages(asked):
    """A row that needs more neighbours gets them on the device, and no neighbour twice."""
    X = np.random.default_rng(0).normal(size=(60, 8))
    module = mlp(8, 2, torch.float64)

    def explainer(model):
        return LIME(model, sampling="background", n_samples=4096, tol=0.05, random_state=0).fit(X)

    pair = TorchClassifier(module), Written(module)
    compare(explainer, *pair, X[:3], 1e-10)
    n_rows = [explainer(model).explain(X[:3]).n_model_rows for model in pair]
    assert n_rows[0] == n_rows[1]
    assert asked


def test_memory_that_runs_out(asked):
    X = np.random.default_rng(0).normal(size=(40, 8))
    module = mlp(8, 2, torch.float64)
    greedy = Greedy(module, 100)
    pair = TorchClassifier(greedy, output="logits"), TorchClassifier(module)
    compare(lambda model: EXPLAINERS["crossed"](model, X), *pair, X[:2], 1e-12)
    assert max(greedy.asked[-10:]) <= 100
    assert asked


def test_the_module_is_not_changed():
    X = np.random.default_rng(0).normal(size=(40, 8))
    module = mlp(8, 2)
    before = state_of(module)
    EXPLAINERS["crossed"](TorchClassifier(module), X).explain(X[:2])
    assert same_state(state_of(module), before)


def test_workers_get_the_same_answers():
    X = np.random.default_rng(0).normal(size=(40, 8))
    explainer = EXPLAINERS["crossed"](TorchClassifier(mlp(8, 2, torch.float64)), X)
    alone = explainer.explain(X[:6]).values
    threads = explainer.set_params(n_jobs=2).explain(X[:6]).values
    np.testing.assert_array_equal(threads, alone)


@settings(max_examples=40)
@given(data=st.data())
def test_every_stretch_of_every_game(data):
    """Against the rows that are written for any other model."""
    n_columns = data.draw(st.integers(2, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    rows, reference = rng.normal(size=(2, n_columns)), rng.normal(size=(4, n_columns))
    model, _ = make_model(TorchRegressor(Sum(n_columns)), "auto", None, reference)
    n_owners = data.draw(st.integers(1, n_columns))
    of_column = np.concatenate([np.arange(n_owners), rng.integers(n_owners, size=n_columns)])
    players = Players(tuple(map(str, range(n_owners))), of_column[:n_columns], {})
    n_playing, n_games, n_pairs = data.draw(st.integers(1, n_owners)), 3, 4
    games = Games(
        row=data.draw(st.integers(0, 1)),
        references=rng.integers(3, size=n_games),
        players=np.array([rng.permutation(n_owners)[:n_playing] for _ in range(n_games)]),
        coalitions=rng.integers(2, size=(2, n_pairs, n_playing)).astype(np.uint8),
        design_of=rng.integers(2, size=n_games),
        dealt=np.zeros(n_pairs, dtype=np.int64),
        first_pair=1,
        n_pairs=n_pairs - 1,
    )
    n_all = 2 * games.n_pairs * n_games
    start = data.draw(st.integers(0, n_all - 1))
    stop = data.draw(st.integers(start + 1, n_all))
    answers = []
    for make in (make_mixtures, written_mixtures):
        more = (model,) if make is make_mixtures else ()
        mixtures = make(rows, reference, players, 64, *more)
        mixtures.write(slice(0, stop - start), games, start)
        answers.append(mixtures.ask(model, stop - start))
    np.testing.assert_allclose(*answers, rtol=1e-12, atol=1e-12)


class Sum(torch.nn.Module):
    """A module whose answer tells every value apart."""

    def __init__(self, n_columns):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.logspace(0, 3, n_columns, dtype=torch.float64))

    def forward(self, x):
        return x @ self.weights


@given(n_players=st.integers(1, 70), seed=st.integers(0, 99))
def test_bits(n_players, seed):
    coalitions = np.random.default_rng(seed).integers(2, size=(3, 4, n_players), dtype=np.uint8)
    bits = packed(coalitions)
    assert bits.shape[-1] == -(-n_players // 8)
    found = unpack(torch.from_numpy(bits), n_players)
    np.testing.assert_array_equal(found, coalitions.astype(bool))


def test_rows_and_coalitions_are_sent_once(monkeypatch):
    """Nothing is read back from the device while rows are composed."""
    X = np.random.default_rng(0).normal(size=(40, 8))
    adapter = TorchClassifier(mlp(8, 2, torch.float64))
    players = make_players([f"x{j}" for j in range(8)], None, named=False, owner="KernelSHAP")
    model, _ = make_model(adapter, "auto", None, X)
    first = make_mixtures(X[:3], X, players, 64, model)
    again = make_mixtures(X[3:], X, players, 64, model)
    assert first._placement is again._placement
    coalitions = np.ones((1, 4, 8), dtype=np.uint8)
    placed = first._placement.coalitions(coalitions)
    assert again._placement.coalitions(coalitions) is placed
    assert again._placement.coalitions(coalitions.copy()) is not placed


def test_frames_with_new_levels_of_a_row(loans):
    encoder = ColumnEncoder().fit(loans)
    module = WithEmbeddings(len(encoder.column_owners_[0]), encoder.n_codes_).double()
    pair = TorchClassifier(module, encoder=encoder), Written(module, encoder=encoder)
    rows = loans.iloc[:2].assign(purpose="a purpose never seen")
    compare(lambda model: EXPLAINERS["crossed"](model, loans), *pair, rows, 1e-10)


def test_frames_are_named(asked):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 8))).add_prefix("c")
    model = TorchClassifier(mlp(8, 2))
    explanation = EXPLAINERS["crossed"](model, frame).explain(frame.iloc[:2])
    assert explanation.feature_names == tuple(frame.columns)
    assert asked


def test_a_block_is_read_back_once():
    """No chunk waits for a number from the device."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counter(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.n_read, self.n_forward = 0, 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.n_read += function is torch.ops.aten._local_scalar_dense.default
            self.n_forward += function is torch.ops.aten.native_batch_norm.default
            self.n_forward += function is torch.ops.aten.relu.default
            return function(*args, **(kwargs or {}))

    X = np.random.default_rng(0).normal(size=(40, 8))
    adapter = TorchClassifier(mlp(8, 2), batch_size=16)
    explainer = EXPLAINERS["shared"](adapter, X)
    with Counter() as counter:
        explainer.explain(X[:1])
    assert counter.n_forward >= 30
    assert counter.n_read <= 4
