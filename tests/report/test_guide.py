"""The page of the guide about reports does what it says."""

import re
import shlex
import textwrap
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates.datasets import load_german_credit
from surrogates.report import Report
from surrogates.report.command_line import main

GUIDE = Path(__file__).parents[2] / "docs" / "user_guide" / "report.rst"

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="tests of the installed package alone")


def blocks(language):
    text = GUIDE.read_text(encoding="utf-8")
    found = re.findall(rf"code-block:: {language}\n\n((?:    .*\n|\n)+)", text)
    return [textwrap.dedent(block) for block in found]


@pytest.fixture(scope="module")
def credit():
    X, y = load_german_credit(return_X_y=True)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(X, y)
    return model, X, X[model.predict(X) == "bad"]


def test_the_snippet_runs(credit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, X, denied = credit
    names = {"model": model, "X": X, "applicants": denied}
    (snippet,) = blocks("python")
    exec(compile(snippet, "report.rst", "exec"), names)
    assert isinstance(names["report"], Report)
    assert (tmp_path / "decision_17.html").exists()


def test_the_commands_run(credit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, _, denied = credit
    joblib.dump(model, "model.joblib")
    denied.to_csv("applicants.csv", index=False)
    pd.DataFrame({"column": ["duration"], "text": ["Long"]}).to_csv("codes.csv", index=False)
    (block,) = blocks("sh")
    commands = block.replace("\\\n", " ").replace("model.skops", "model.joblib").splitlines()
    asked = [shlex.split(line) for line in commands if line.strip()]
    assert [words[1] for words in asked] == ["explain", "report", "verify"]
    for _, *words in asked:
        assert main([*words, "--trust", "--quiet"]) in (0, 1 if words[0] == "report" else 0)
