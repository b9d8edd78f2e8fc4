"""A trained module behaves like a fitted scikit-learn predictor."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted

torch = pytest.importorskip("torch")

from torch import nn
from torch_networks import Greedy, OneNumber, Strict, WithEmbeddings, mlp, same_state, state_of

from surrogates import KernelSHAP
from surrogates.exceptions import ModelOutputError
from surrogates.torch import ColumnEncoder, TorchClassifier, TorchRegressor

METHODS = ("predict", "predict_proba", "decision_function")


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(40, 5))


def raw(module, X, dtype=torch.float32):
    was = module.training
    with torch.no_grad():
        answer = module.eval()(torch.tensor(X, dtype=dtype))
    module.train(was)
    return answer.to(torch.float64)


def test_answers_of_a_classifier(X):
    module = mlp()
    expected = raw(module, X)
    classifier = TorchClassifier(module, classes=["a", "b", "c"])
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities, expected.softmax(1), rtol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(classifier.decision_function(X), expected, rtol=1e-6)
    assert list(classifier.predict(X)) == [["a", "b", "c"][i] for i in expected.argmax(1)]
    assert classifier.score(X, classifier.predict(X)) == 1.0
    assert is_classifier(classifier)


def test_two_logits(X):
    module = mlp(n_outputs=2)
    expected = raw(module, X)
    classifier = TorchClassifier(module)
    margins = classifier.decision_function(X)
    np.testing.assert_allclose(margins, expected[:, 1] - expected[:, 0], rtol=1e-6)
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], 1 / (1 + np.exp(-margins)))
    assert set(classifier.predict(X)) <= {0, 1}


@pytest.mark.parametrize("end", [None, nn.Sigmoid()])
def test_a_single_output_is_that_of_the_second_class(X, end):
    module = OneNumber(end)
    expected = raw(module, X)
    classifier = TorchClassifier(module, classes=["no", "yes"])
    proba = expected if end else expected.sigmoid()
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], proba, rtol=1e-6)
    np.testing.assert_allclose(classifier.predict_proba(X)[:1, 1], proba[:1], rtol=1e-6)
    margin = torch.logit(expected) if end else expected
    np.testing.assert_allclose(classifier.decision_function(X), margin, rtol=1e-4, atol=1e-6)
    assert list(classifier.predict(X)) == ["yes" if p > 0.5 else "no" for p in proba]
    kind = "probabilities" if end else "logits"
    assert f"output='auto' -> '{kind}'" in repr(classifier)


@pytest.mark.parametrize("n_rows", [1, 3, 40])
@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ((), "logits"),
        ((nn.Softmax(dim=1),), "probabilities"),
        ((nn.LogSoftmax(dim=1),), "logits"),
        ((nn.Tanh(),), "logits"),
    ],
)
def test_the_kind_of_outputs_is_found(X, end, kind, n_rows):
    classifier = TorchClassifier(mlp(end=end))
    assert "->" not in repr(classifier)
    probabilities = classifier.predict_proba(X[:n_rows])
    assert f"'{kind}'" in repr(classifier)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-6)


def test_a_few_logits_between_zero_and_one_are_no_probabilities():
    module = nn.Linear(5, 1)
    nn.init.constant_(module.bias, 0.4)
    classifier = TorchClassifier(module)
    classifier.predict(np.zeros((1, 5)))
    assert "'logits'" in repr(classifier)


def test_the_kind_of_outputs_can_be_said(X):
    module = mlp(end=(nn.Softmax(dim=1),))
    said = TorchClassifier(module, output="logits")
    np.testing.assert_allclose(said.predict_proba(X), raw(module, X).softmax(1), rtol=1e-6)
    assert "output='logits'" in repr(said)
    said.set_params(output="probabilities")
    np.testing.assert_allclose(said.predict_proba(X), raw(module, X), rtol=1e-6)


def test_log_probabilities_of_probabilities(X):
    module = mlp(end=(nn.Softmax(dim=1),))
    classifier = TorchClassifier(module)
    np.testing.assert_allclose(classifier.decision_function(X), raw(module, X).log(), rtol=1e-5)
    hard = TorchClassifier(nn.Sequential(nn.Flatten()), output="probabilities")
    assert np.isfinite(hard.decision_function(np.eye(3, dtype=np.float32))).all()


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_answers_of_a_regressor(X, n_outputs):
    module = mlp(n_outputs=n_outputs, dtype=torch.float64)
    regressor = TorchRegressor(module)
    expected = raw(module, X, torch.float64).numpy()
    np.testing.assert_allclose(regressor.predict(X), expected.squeeze(), rtol=1e-12)
    assert regressor.score(X, expected.squeeze()) == pytest.approx(1.0)
    assert is_regressor(regressor)


@pytest.mark.parametrize(
    "container", [list, pd.DataFrame, torch.tensor, np.float32, np.asfortranarray]
)
def test_containers(X, container):
    classifier = TorchClassifier(mlp())
    given = X.tolist() if container is list else container(X)
    np.testing.assert_allclose(
        classifier.predict_proba(given), classifier.predict_proba(X), rtol=1e-5
    )


def test_whole_numbers_are_numbers():
    counts = np.arange(10).reshape(2, 5)
    classifier = TorchClassifier(mlp())
    expected = classifier.predict_proba(counts.astype(float))
    np.testing.assert_array_equal(classifier.predict_proba(counts), expected)
    np.testing.assert_array_equal(classifier.predict_proba(pd.DataFrame(counts)), expected)


def test_mixed_and_nullable_columns(X):
    frame = pd.DataFrame(X).astype({0: "Float64", 1: "float32"})
    frame[2] = pd.array(np.arange(40), dtype="Int64")
    frame[3] = frame[3] > 0
    module = mlp()
    expected = raw(module, frame.to_numpy(dtype=float)).softmax(1)
    np.testing.assert_allclose(TorchClassifier(module).predict_proba(frame), expected, rtol=1e-5)


def test_nothing_of_the_module_changes(X):
    module = mlp()
    module[0].weight.requires_grad_(False)
    module[2].eval()
    module[1].register_forward_hook(print_nothing)
    before = state_of(module)
    classifier = TorchClassifier(module, classes=list("abc"))
    for method in METHODS:
        getattr(classifier, method)(X)
    clone(classifier).fit(X, classifier.predict(X))
    KernelSHAP(classifier, n_coalitions=16, n_background=5).fit(X).explain(X[:2])
    assert same_state(state_of(module), before)
    assert module.training
    assert not module[2].training


def print_nothing(*args):
    return None


def test_nothing_changes_after_an_exception(X):
    module = Strict()
    classifier = TorchClassifier(module)
    classifier.predict(X)
    before = state_of(module)
    with pytest.raises(ModelOutputError, match=r"forward of Strict raised KeyError.*too large"):
        classifier.predict(X * 1000)
    assert same_state(state_of(module), before)
    assert module.training


def test_threads_share_a_module(X):
    module = mlp()
    classifier = TorchClassifier(module, batch_size=1)
    expected = classifier.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(classifier.predict_proba, [X] * 12):
            np.testing.assert_array_equal(found, expected)
    assert module.training
    assert module[2].training


def test_modules_that_do_more_when_their_mode_changes(X):
    class Loud(nn.Linear):
        def train(self, mode=True):
            raise AssertionError("nobody may call it")

    TorchClassifier(Loud(5, 2)).predict(X)


def test_hooks_and_gradients_are_left_alone(X):
    module = mlp()
    module(torch.tensor(X, dtype=torch.float32)).sum().backward()
    gradients = [parameter.grad.clone() for parameter in module.parameters()]
    TorchClassifier(module).predict(X)
    for parameter, gradient in zip(module.parameters(), gradients, strict=True):
        assert torch.equal(parameter.grad, gradient)


def test_clone_shares_the_module(X):
    classifier = TorchClassifier(mlp(), classes=list("abc"), encoder=StandardScaler().fit(X))
    classifier.predict(X)
    cloned = clone(classifier)
    assert cloned is not classifier
    assert cloned.module is classifier.module
    assert cloned.encoder is classifier.encoder
    assert cloned.get_params(deep=False) == classifier.get_params(deep=False)
    cloned.set_params(classes=list("xyz"))
    assert classifier.classes == list("abc")
    assert set(cloned.predict(X)) <= set("xyz")


def test_another_module_is_taken_up(X):
    classifier = TorchClassifier(mlp())
    classifier.predict(X)
    other = mlp(n_outputs=4, seed=1, end=(nn.Softmax(dim=1),))
    classifier.set_params(module=other)
    np.testing.assert_allclose(classifier.predict_proba(X), raw(other, X), rtol=1e-6)
    assert len(classifier.classes_) == 4


def test_further_training_is_seen(X):
    module = mlp()
    here, copied = TorchClassifier(module), TorchClassifier(module, dtype="float64")
    before = copied.predict_proba(X)
    np.testing.assert_allclose(before, here.predict_proba(X), rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        module[0].weight.mul_(3.0)
    after = copied.predict_proba(X)
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(after, here.predict_proba(X), rtol=1e-4, atol=1e-6)


def test_a_copy_is_made_once(X):
    classifier = TorchClassifier(mlp(), dtype=torch.float64)
    first = classifier._module_on_device()
    classifier.predict(X)
    assert classifier._module_on_device() is first
    assert first is not classifier.module
    assert classifier.module[0].weight.dtype == torch.float32
    here = TorchClassifier(classifier.module)
    assert here._module_on_device() is classifier.module


@pytest.mark.parametrize("dtype", [torch.float64, "float64", torch.bfloat16, "float16"])
def test_precisions(X, dtype):
    classifier = TorchClassifier(mlp(), dtype=dtype)
    expected = TorchClassifier(classifier.module).predict_proba(X)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=0.05)
    assert classifier.predict_proba(X).dtype == np.float64


def test_modules_without_parameters(X):
    class Rule(nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 0], x[:, 1]], dim=1)

    assert list(TorchClassifier(Rule()).predict(X)) == list((X[:, 1] > X[:, 0]).astype(int))


def test_fit_trains_nothing(X):
    module = mlp()
    before = state_of(module)
    y = np.array(["low", "mid", "top"])[np.arange(40) % 3]
    classifier = TorchClassifier(module).fit(X, y)
    assert list(classifier.classes_) == ["low", "mid", "top"]
    assert classifier.n_features_in_ == 5
    assert same_state(state_of(module), before)
    regressor = TorchRegressor(mlp(n_outputs=1))
    assert regressor.fit(X, np.arange(40)) is regressor


def test_an_adapter_is_fitted(X):
    classifier = TorchClassifier(mlp())
    check_is_fitted(classifier)
    pipeline = make_pipeline(StandardScaler().fit(X), classifier)
    check_is_fitted(pipeline)
    assert pipeline.predict(X).shape == (40,)
    assert classifier.n_features_in_ == 5
    assert list(classifier.classes_) == [0, 1, 2]


def test_what_is_not_known_yet(X):
    module = Strict()
    classifier = TorchClassifier(module)
    with pytest.raises(AttributeError, match="pass classes="):
        _ = classifier.classes_
    with pytest.raises(AttributeError, match="trains nothing"):
        _ = classifier.n_features_in_
    classifier.predict(X)
    assert len(classifier.classes_) == 3


def test_scorers_and_wrappers(X):
    classifier = TorchClassifier(mlp(n_outputs=2), classes=["no", "yes"])
    y = classifier.predict(X)
    assert get_scorer("roc_auc")(classifier, X, y) == 1.0
    assert get_scorer("neg_log_loss")(classifier, X, y) < 0.0
    assert FrozenEstimator(classifier).predict(X).shape == (40,)
    moved = FixedThresholdClassifier(FrozenEstimator(classifier), threshold=0.0).fit(X, y)
    assert set(moved.predict(X)) == {"yes"}


@pytest.mark.parametrize("device", ["auto", "cpu", torch.device("cpu")])
def test_pickle(X, device):
    classifier = TorchClassifier(mlp(), classes=list("abc"), device=device)
    expected = classifier.predict_proba(X)
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert repr(loaded) == repr(classifier)
    assert loaded.module is not classifier.module
    assert loaded.module.training


def test_copies_and_pictures(X):
    classifier = TorchClassifier(mlp(), encoder=StandardScaler().fit(X))
    expected = classifier.predict_proba(X)
    np.testing.assert_array_equal(copy.deepcopy(classifier).predict_proba(X), expected)
    assert "TorchClassifier" in classifier._repr_html_()


def test_pickle_loads_without_the_device(X):
    classifier = TorchClassifier(mlp())
    expected = classifier.predict_proba(X)
    missing = "cuda" if not torch.cuda.is_available() else "cuda:99"
    state = pickle.dumps(classifier.set_params(device=missing))
    with pytest.warns(UserWarning, match=f"saved for the device '{missing}'"):
        loaded = pickle.loads(state)
    np.testing.assert_allclose(loaded.predict_proba(X), expected, rtol=1e-5)


def test_compiled_modules_are_replaced_by_their_originals(X):
    module = mlp()
    compiled = torch.compile(module, backend="eager")
    classifier = TorchClassifier(compiled)
    expected = TorchClassifier(module).predict_proba(X)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert classifier.module is compiled


def test_torchscript(X):
    module = mlp()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(module)
    classifier = TorchClassifier(script)
    expected = TorchClassifier(module).predict_proba(X)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, rtol=1e-6)
    np.testing.assert_allclose(
        pickle.loads(pickle.dumps(classifier)).predict_proba(X), expected, rtol=1e-6
    )
    assert script.training
    with pytest.raises(ValueError, match=r"TorchScript.*pass the module that it was made of"):
        classifier.differentiate("predict_proba", X)


def test_bad_input(X):
    classifier = TorchClassifier(mlp())
    with pytest.raises(ValueError, match="X has 3 features, but TorchClassifier is expecting 5"):
        classifier.predict(X[:, :3])
    with pytest.raises(ModelOutputError, match=r"shape \(40, 3\).*Pass as many columns"):
        TorchClassifier(Strict()).predict(X[:, :3])
    with pytest.raises(TypeError, match=r"torch.int64.*pass X.to\(torch.float32\)"):
        classifier.predict(torch.arange(10).reshape(2, 5))
    with pytest.raises(ModelOutputError, match=r"NaN.*missing or infinite: impute"):
        classifier.predict(np.where(np.arange(40)[:, None] == 7, np.nan, X))
    with pytest.raises(ModelOutputError, match="first in row 7;"):
        classifier.set_params(batch_size=4).predict(
            np.where(np.arange(40)[:, None] == 7, np.nan, X)
        )
    with pytest.raises(ValueError, match="pass an encoder"):
        classifier.predict(np.full((2, 5), "a"))
    with pytest.raises(ValueError, match="Column 'city' holds no numbers"):
        classifier.predict(pd.DataFrame(X[:, :4]).assign(city="Oslo"))
    with pytest.raises(ValueError, match="at least one row"):
        classifier.predict(X[0])
    with pytest.raises(ValueError, match="at least one row"):
        classifier.predict(X[:0])


def test_bad_outputs(X):
    class Odd(nn.Module):
        def __init__(self, answer):
            super().__init__()
            self.answer = answer

        def forward(self, x):
            return self.answer(x)

    for answer, words in (
        (lambda x: (x, x), "returned a tuple, not a tensor"),
        (lambda x: x[:3], r"shape \(3, 5\) for 40 rows"),
        (lambda x: x.argmax(1), "torch.int64.*and not labels"),
        (lambda x: x[:, None], r"shape \(40, 1, 5\)"),
        (lambda x: x / 0.0, "its inputs are finite"),
    ):
        with pytest.raises(ModelOutputError, match=words):
            TorchRegressor(Odd(answer)).predict(X)


def test_bad_parameters(X):
    module = mlp()
    for wrong, words in (
        ({"device": "nowhere"}, "The 'device' parameter is 'nowhere'"),
        ({"device": "meta"}, "'meta', where nothing is computed"),
        ({"batch_size": 0}, r"'batch_size' parameter of TorchClassifier must be an int"),
        ({"dtype": "int8"}, "'dtype' parameter of TorchClassifier must be a torch.dtype"),
        ({"output": "labels"}, "'output' parameter of TorchClassifier"),
        ({"classes": ["a", "b"]}, "3 outputs.*but there are 2 classes"),
    ):
        with pytest.raises(ValueError, match=words):
            TorchClassifier(module, **wrong).predict(X)
    with pytest.raises(ValueError, match=r"must be a torch\.nn\.Module"):
        TorchClassifier(lambda x: x).predict(X)
    with pytest.raises(ValueError, match="load the trained weights"):
        TorchClassifier(nn.Linear(5, 2, device="meta")).predict(X)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="'cuda', which cannot be used here"):
            TorchClassifier(module, device="cuda").predict(X)


def test_bad_targets(X):
    with pytest.raises(ValueError, match=r"labels that are not in classes: \['d'\]"):
        TorchClassifier(mlp(), classes=list("abc")).fit(X, ["d"] * 40)
    with pytest.raises(ValueError, match="pass classes= with one label per output"):
        TorchClassifier(mlp()).fit(X, ["d"] * 40)
    with pytest.raises(ValueError, match="y has 2 targets, but the module has 1 outputs"):
        TorchRegressor(mlp(n_outputs=1)).fit(X, np.zeros((40, 2)))
    few = TorchClassifier(mlp()).fit(X, [0, 2] * 20)
    assert list(few.classes_) == [0, 1, 2]


def test_several_inputs():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(20, 70, 30),
            "city": rng.choice(["Oslo", "Rome"], 30),
            "pay": rng.random(30),
        }
    )
    encoder = ColumnEncoder().fit(frame)
    module = WithEmbeddings(2, encoder.n_codes_)
    classifier = TorchClassifier(module, encoder=encoder, classes=["bad", "good"])
    numbers, codes = encoder.transform(frame)
    with torch.no_grad():
        expected = module(torch.tensor(numbers), torch.tensor(codes)).softmax(1)
    np.testing.assert_allclose(classifier.predict_proba(frame), expected, rtol=1e-5)
    by_hand = TorchClassifier(module, encoder=encoder.transform)
    np.testing.assert_allclose(by_hand.predict_proba(frame), expected, rtol=1e-5)
    with pytest.raises(TypeError, match="a fitted transformer or a callable"):
        TorchClassifier(module, encoder=3).predict(frame)
    named = TorchClassifier(module, encoder=ByName(encoder))
    np.testing.assert_allclose(named.predict_proba(frame), expected, rtol=1e-5)
    assert list(classifier.feature_names_in_) == list(frame.columns)
    assert classifier.n_features_in_ == 3
    with pytest.raises(ModelOutputError, match="one array for each argument of forward"):
        TorchClassifier(mlp(2), encoder=encoder).predict(frame)


class ByName:
    """An encoder that names the arguments, in another order."""

    def __init__(self, encoder):
        self.encoder = encoder

    def transform(self, X):
        numbers, codes = self.encoder.transform(X)
        return {"codes": codes, "numbers": numbers}


def test_a_network_of_codes_alone():
    codes = np.random.default_rng(0).integers(0, 4, (20, 2))
    torch.manual_seed(0)
    module = nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.Linear(6, 2))
    classifier = TorchClassifier(module)
    with torch.no_grad():
        expected = module(torch.tensor(codes)).softmax(1)
    np.testing.assert_allclose(classifier.predict_proba(codes), expected, rtol=1e-6)
    with pytest.raises(ModelOutputError, match="must be whole numbers"):
        classifier.predict(codes.astype(float))
    with pytest.raises(ModelOutputError, match="as large as the number of rows"):
        classifier.predict(codes + 9)
    whole = OrdinalEncoder(dtype=np.int64).fit(codes)
    np.testing.assert_allclose(
        TorchClassifier(module, encoder=whole).predict_proba(codes), expected, rtol=1e-6
    )


@pytest.mark.parametrize("batch_size", [1, 7, 40, "auto"])
def test_batches_change_nothing(X, batch_size):
    module = mlp(dtype=torch.float64)
    found = TorchClassifier(module, batch_size=batch_size).predict_proba(X)
    np.testing.assert_allclose(found, raw(module, X, torch.float64).softmax(1), rtol=1e-12)


def test_memory_that_runs_out(X):
    module = Greedy(mlp(dtype=torch.float64), 5)
    classifier = TorchClassifier(module, output="logits")
    found = classifier.predict_proba(X)
    expected = TorchClassifier(module.inner).predict_proba(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert module.asked == [40, 20, 10, 5, 5, 5, 5, 5, 5, 5, 5]  # resumed, and remembered
    module.asked.clear()
    classifier.predict_proba(X)
    assert module.asked == [5] * 8


def test_memory_that_does_not_suffice_for_a_row(X):
    classifier = TorchClassifier(Greedy(mlp(), 0))
    with pytest.raises(MemoryError, match="single row"):
        classifier.predict(X)
