"""The README runs as it stands and prints what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.ensemble import RandomForestClassifier

from surrogates.datasets import make_additive

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="tests of the installed package alone")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_python_snippets_run():
    bunch = make_additive(n_samples=60, random_state=0)
    labels = ["bad" if target > bunch.target.median() else "good" for target in bunch.target]
    forest = RandomForestClassifier(5, random_state=0).fit(bunch.data, labels)
    names = {"model": forest, "X_reference": bunch.data, "X_denied": bunch.data.head(1)}
    for source in blocks("python"):
        exec(compile(source, "README.md", "exec"), names)
    assert names["strategies"].predict(bunch.data.head(4)).shape == (4,)


def test_there_are_two_commands():
    commands = [block.strip() for block in blocks("sh")]
    assert commands == [
        "pip install -e . && python examples/loan_decision.py",
        'pip install -e ".[test]" && pytest',
    ]


def test_example_prints_what_the_readme_shows(tmp_path):
    example = subprocess.run(
        [sys.executable, ROOT / "examples" / "loan_decision.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    (shown,) = blocks("text")
    printed, shown = example.stdout.split("\n"), shown.strip().split("\n")
    assert printed[0].split(":")[0] == shown[0].split(":")[0]  # the same applicant
    reasons = [
        [line.split()[1] for line in text if re.match(r" *\d+\. ", line)]
        for text in (printed, shown)
    ]
    assert len(reasons[0]) == len(reasons[1]) == 8
    assert set(reasons[0][:3]) == set(reasons[1][:3])  # all are within their neighbors' errors
    assert (tmp_path / "loan_waterfall.png").stat().st_size > 10_000
    assert (tmp_path / "loan_beeswarm.png").stat().st_size > 10_000
