"""The command line: what it writes, what it says, and what it refuses."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import surrogates
from surrogates import KernelSHAP
from surrogates.explanation import load
from surrogates.report.command_line import main
from surrogates.report.page import read_contents


@pytest.fixture(scope="module")
def folder(tmp_path_factory, loans, model):
    """Models and tables in files."""
    folder = tmp_path_factory.mktemp("files")
    X, y = loans
    X.assign(loan=y).rename_axis("name").to_csv(folder / "loans.csv")
    X.to_csv(folder / "unnamed.csv", index=False)
    joblib.dump(model, folder / "model.joblib")
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X.assign(progression=y).to_csv(folder / "diabetes.csv", index=False)
    joblib.dump(LinearRegression().fit(X, y), folder / "linear.joblib")
    joblib.dump(LinearRegression().fit(X.to_numpy(), y), folder / "array.joblib")
    return folder


@pytest.fixture
def run(folder, capsys, monkeypatch):
    """Run a command in the folder; return its code and what it said."""
    monkeypatch.chdir(folder)

    def command(line):
        try:
            code = main(line.split())
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


LOANS = "model.joblib loans.csv --trust --index name --outcome loan --target bad --quiet"


def test_explain_prints_and_writes_the_numbers(run, folder, loans, model):
    code, out, err = run(f"explain {LOANS} --row")
    assert code == 2
    X, _ = loans
    code, out, err = run("explain model.joblib unnamed.csv --trust --target bad --row 3 17 --top 2")
    assert code == 0
    assert len(out.strip().splitlines()) == 1 + 2 * 2
    assert "Explaining 2 rows" in err
    code, out, err = run("explain model.joblib unnamed.csv --trust --target bad --row 3 17 "
                         "--quiet --out two.npz")  # fmt: skip
    assert (code, err) == (0, "")
    expected = KernelSHAP(model, target="bad", random_state=0).fit(X).explain(X.iloc[[3, 17]])
    np.testing.assert_allclose(load(folder / "two.npz").values, expected.values)
    assert run("explain model.joblib unnamed.csv --trust --row 3 --quiet --out one.csv")[0] == 0
    assert len(pd.read_csv(folder / "one.csv")) == X.shape[1]
    assert run("explain model.joblib unnamed.csv --trust --row 3 --quiet --out one.json")[0] == 0
    assert "values" in json.loads((folder / "one.json").read_text())


@pytest.mark.parametrize("method", ["kernelshap", "lime", "lemna", "occlusion"])
def test_every_method(run, method):
    line = f"explain linear.joblib diabetes.csv --trust --outcome progression --method {method}"
    code, out, err = run(f"{line} --row 0 --quiet")
    assert (code, err) == (0, "")
    assert "bmi" in out


def test_report_and_verify(run, folder, denied):
    options = (
        "--view officer --passing below --words approved denied --counterfactuals --fixed age "
        "--past-cases --date 2026-01-31 --title Loan --reference-name applicants --out page.html"
    )
    label = denied.index[0].replace(" ", "_")
    table = pd.read_csv(folder / "loans.csv")
    table["name"] = table["name"].str.replace(" ", "_")
    table.to_csv(folder / "named.csv", index=False)
    named = LOANS.replace("loans.csv", "named.csv")
    code, out, err = run(f"report {named} --row {label} {options}")
    assert (code, err) == (0, "")
    assert "page.html: denied" in out
    contents = read_contents((folder / "page.html").read_text(encoding="utf-8"))
    assert contents["subject"] == label
    assert contents["reference"]["name"] == "applicants"
    assert contents["cases"]["kind"] == "distance"
    assert contents["alternatives"]["shown"]
    code, out, err = run("verify page.html")
    assert code == 0
    assert "verified" in out
    digest = next(word for word in out.split() if word)
    assert digest
    again = "--model model.joblib --data named.csv --trust --index name --outcome loan"
    code, out, err = run(f"verify page.html {again}")
    assert code == 0, out
    assert "numbers" in out
    changed = (folder / "page.html").read_text(encoding="utf-8").replace(">denied<", ">approved<")
    (folder / "changed.html").write_text(changed, encoding="utf-8")
    code, out, err = run("verify changed.html")
    assert code == 1
    assert "REFUSED" in out


def test_digests(run):
    code, out, _ = run("report linear.joblib diabetes.csv --trust --outcome progression --row 4 "
                       "--quiet")  # fmt: skip
    assert code == 0
    assert out.startswith("report_4.html: prediction")
    digest = out.split("checksum ")[1].split()[0]
    assert run(f"verify report_4.html --digest {digest}")[0] == 0
    assert run(f"verify report_4.html --digest {'0' * 64}")[0] == 1


def test_blocked_reports_have_their_own_code(run, folder):
    run("explain linear.joblib diabetes.csv --trust --outcome progression --row 4 --out e.csv")
    strongest = pd.read_csv(folder / "e.csv").set_index("feature")["attribution"].abs().idxmax()
    line = "report linear.joblib diabetes.csv --trust --outcome progression --row 4 --quiet"
    code, out, _ = run(f"{line} --forbid {strongest} --view applicant --out blocked.html")
    assert code == 1
    assert "withheld, status blocked" in out
    assert strongest not in (folder / "blocked.html").read_text().split("<body>")[1]


def test_reference_tables_codes_and_thresholds(run, folder, loans):
    X, y = loans
    X.iloc[:100].assign(loan=y.iloc[:100]).to_csv(folder / "past.csv", index=False)
    X.iloc[100:].to_csv(folder / "new.csv", index=False)
    pd.DataFrame(
        {"column": X.columns, "code": "R", "text": [f"Words {i}" for i in range(X.shape[1])]}
    ).to_csv(folder / "codes.csv", index=False)
    line = (
        "report model.joblib new.csv --trust --reference past.csv --outcome loan --target bad "
        "--threshold 0.4 --passing below --at-threshold --codes codes.csv --past-cases --quiet "
        "--row 5 --out page.html"
    )
    code, out, err = run(line)
    assert code in (0, 1), err
    contents = read_contents((folder / "page.html").read_text(encoding="utf-8"))
    assert contents["decision"]["threshold"] == 0.4
    assert all(reason["text"].startswith("Words") for reason in contents["reasons"])
    assert contents["audit"]["explainer"]["params"]["background"] == "at_threshold"
    again = "verify page.html --model model.joblib --trust --data new.csv --reference past.csv"
    code, out, err = run(f"{again} --outcome loan")
    assert code == 0, out + err


def test_regressors_and_arrays(run):
    wanted = "--counterfactuals --desired-range 50 100"
    line = "linear.joblib diabetes.csv --trust --outcome progression --row 4 --quiet"
    assert run(f"report {line} {wanted}")[0] == 0
    assert run(f"report {line.replace('linear', 'array')}")[0] == 0
    code, _, err = run("explain array.joblib diabetes.csv --trust --row 4 --quiet")
    assert code == 2
    assert "--outcome" in err


def test_skops_models_need_no_trust(run, folder, loans):
    skops = pytest.importorskip("skops.io")
    X, y = loans
    numbers = X[["age"]]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(numbers, y)
    skops.dump(model, folder / "model.skops")
    numbers.to_csv(folder / "ages.csv", index=False)
    assert run("explain model.skops ages.csv --row 3 --quiet")[0] == 0
    explainer = KernelSHAP(model).fit(numbers)
    skops.dump(explainer, folder / "strange.skops")
    code, _, err = run("explain strange.skops ages.csv --row 3 --quiet")
    assert code == 2
    assert "--trust-type surrogates" in err
    (folder / "damaged.skops").write_bytes(b"nothing")
    assert run("explain damaged.skops ages.csv")[0] == 2


def test_skops_is_optional(run, folder, monkeypatch):
    (folder / "some.skops").write_bytes(b"nothing")
    monkeypatch.setitem(sys.modules, "skops.io", None)
    code, _, err = run("explain some.skops unnamed.csv")
    assert code == 2
    assert "pip install skops" in err


def test_parquet(run, folder, loans):
    X, _ = loans
    if find_spec("pyarrow") is None:
        (folder / "loans.parquet").write_bytes(b"nothing")
        code, _, err = run("explain model.joblib loans.parquet --trust")
        assert code == 2
        assert "pip install pyarrow" in err
        return
    X.to_parquet(folder / "loans.parquet", index=False)
    assert run("explain model.joblib loans.parquet --trust --row 3 --quiet")[0] == 0
    (folder / "damaged.parquet").write_bytes(b"nothing")
    assert run("explain model.joblib damaged.parquet --trust")[0] == 2


def test_words_for_missing_values(run, folder):
    (folder / "words.csv").write_text("age\n3\nunknown\n5\n7\n")
    model = make_pipeline(StandardScaler(), LinearRegression())
    frame = pd.DataFrame({"age": [3.0, 5.0, 7.0]})
    joblib.dump(model.fit(frame, [1.0, 2.0, 3.0]), folder / "age.joblib")
    assert run("explain age.joblib words.csv --trust --row 0")[0] == 2
    code, _, err = run("explain age.joblib words.csv --trust --row 0 --missing unknown")
    assert code == 2  # read as missing now, which this model refuses
    assert "NaN" in err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("explain model.joblib unnamed.csv", "--trust"),
        ("explain model.json unnamed.csv", "There is no model file"),
        ("explain unnamed.csv unnamed.csv", "must end in .skops"),
        ("explain model.joblib model.joblib --trust", "must end in .csv"),
        ("explain model.joblib nothing.csv --trust", "There is no table"),
        ("explain model.joblib diabetes.csv --trust", "lacks the columns"),
        ("explain model.joblib unnamed.csv --trust --row 999", "No row is called '999'"),
        ("explain model.joblib unnamed.csv --trust --index x", "has no column 'x'"),
        ("explain model.joblib unnamed.csv --trust --outcome x", "has no column 'x'"),
        ("explain model.joblib unnamed.csv --trust --out x.doc", "--out must end in"),
        ("explain model.joblib unnamed.csv --trust --target x", "names no output"),
        ("report model.joblib unnamed.csv --trust --row 0 --forbid x", "forbidden has"),
        ("report model.joblib unnamed.csv --trust --row 0 --codes x.csv", "There is no table of"),
        ("report model.joblib unnamed.csv --trust --row 0 --words a b", "passing"),
        ("report model.joblib unnamed.csv --trust --row 0 --method lime --at-threshold",
         "--at-threshold needs"),
        ("verify nothing.html", "There is no report"),
        ("verify unnamed.csv --model model.joblib", "both --model and --data"),
        ("report model.joblib unnamed.csv --trust", "--row"),
        ("improve model.joblib", "invalid choice"),
    ],
)  # fmt: skip
def test_wrong_input_is_said_in_one_line(run, line, message):
    code, _, err = run(line)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    errors = [words for words in err.splitlines() if "error: " in words]
    assert len(errors) == 1


def test_damaged_models(run, folder):
    for name in ("damaged.joblib", "damaged.pkl"):
        (folder / name).write_bytes(b"\x80nothing")
        code, _, err = run(f"explain {name} unnamed.csv --trust --quiet")
        assert code == 2
        assert "cannot be read" in err


def test_debug_raises(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match="must end in"):
        main(["explain", "unnamed.csv", "unnamed.csv", "--debug"])


def test_help_teaches(run):
    for command in ("explain", "report", "verify"):
        code, out, _ = run(f"{command} --help")
        assert code == 0
        assert f"surrogates {command} " in out.split("examples:")[1]
        assert "exit codes:" in out
    code, out, _ = run("--version")
    assert (code, out.strip()) == (0, surrogates.__version__)


def test_as_a_module(folder):
    root = Path(surrogates.__file__).parent.parent
    line = "explain linear.joblib diabetes.csv --trust --outcome progression --row 0 --top 1"
    done = subprocess.run(
        [sys.executable, "-m", "surrogates", *line.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert "KernelSHAP" in done.stderr
