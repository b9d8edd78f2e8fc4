"""Results in the form of shap's own plots."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from attributions import make_attribution


def test_without_shap(monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ImportError, match=r"to_shap\(\) needs the package shap: pip install shap"):
        make_attribution().to_shap()


@pytest.fixture
def shap():
    """Give the peer, whose own warnings are not this package's matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("shap", minversion="0.51")


def test_one_output(shap):
    e = make_attribution(3, 4, 1)
    theirs = e.to_shap()
    assert isinstance(theirs, shap.Explanation)
    np.testing.assert_array_equal(theirs.values, e.values[..., 0])
    np.testing.assert_array_equal(theirs.base_values, e.base_values[:, 0])
    np.testing.assert_array_equal(theirs.data, e.data.to_numpy())
    assert theirs.data.dtype == float
    assert list(theirs.feature_names) == list(e.feature_names)
    theirs.values[0] = 0  # shap's plots write into what they are given


def test_several_outputs(shap):
    e = make_attribution(3, 4, 2)
    theirs = e.to_shap()
    np.testing.assert_array_equal(theirs.values, e.values)
    np.testing.assert_array_equal(theirs.base_values, e.base_values)
    assert list(theirs.output_names) == list(e.output_names)
    np.testing.assert_array_equal(theirs[1, :, 0].values, e.values[1, :, 0])


def test_mixed_table_and_groups(shap):
    data = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "y"], "c": [True, False, True]})
    fields = {"data": data, "feature_names": ["ab", "c"], "params": {"groups": {"ab": ["a", "b"]}}}
    theirs = make_attribution(3, 2, 1, **fields).to_shap()
    assert theirs.data[:, 0].tolist() == ["a=1, b=x", "a=2, b=missing", "a=3, b=y"]
    assert theirs.data[:, 1].tolist() == [True, False, True]


@pytest.mark.bench
def test_shaps_plots_draw_it(shap):
    e = make_attribution(20, 4, 2)
    theirs = e.output("class 1").to_shap()
    shap.plots.beeswarm(theirs, show=False)
    shap.plots.bar(theirs, show=False)
    shap.plots.scatter(theirs[:, "column 2"], show=False)
    shap.plots.waterfall(theirs[0], show=False)
