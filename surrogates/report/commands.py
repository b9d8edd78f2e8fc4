"""The commands: explain, report, verify."""

import json
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import surrogates
from surrogates.report.command_options import METHODS
from surrogates.report.decision_report import decision_report
from surrogates.report.model_files import read_model
from surrogates.report.table_files import model_columns, read_codes, read_table
from surrogates.report.verification import verify_report

__all__ = ["COMMANDS", "explain", "report", "verify"]


def explain(options: Namespace) -> int:
    """Explain rows of a table, print the strongest columns, and write all numbers."""
    writer = _writer(options.out)
    model, rows, _ = _model_and_rows(options)
    places = range(len(rows)) if options.row is None else [_place(rows, row) for row in options.row]
    explainer = _explainer(options, model, _reference(options, model, rows)[0])
    _tell(options, f"Explaining {len(places)} rows by {type(explainer).__name__} ...")
    explanation = explainer.explain(rows.iloc[list(places)])
    columns = ["index", "rank", "feature", "output", "value", "attribution", "std_error"]
    print(explanation.top(options.top)[columns].to_string(index=False))
    if writer is not None:
        writer(explanation, Path(options.out))
        _tell(options, f"Written: {options.out}")
    return 0


def report(options: Namespace) -> int:
    """Write the report of one decision."""
    model, rows, outcomes = _model_and_rows(options)
    place = _place(rows, options.row)
    reference, outcomes = _reference(options, model, rows, outcomes)
    codes = None if options.codes is None else read_codes(options.codes)
    explainer = _explainer(options, model, reference)
    search = _search(options, model, reference) if options.counterfactuals else None
    _tell(options, f"Explaining row {options.row} by {type(explainer).__name__} ...")
    made = decision_report(
        explainer,
        place,
        X=rows,
        view=options.view,
        threshold=options.threshold,
        passing=options.passing,
        outcomes=options.words,
        reason_codes=codes,
        forbidden=options.forbid,
        counterfactuals=search,
        X_train=reference if options.past_cases else None,
        y_train=outcomes if options.past_cases else None,
        reference_name=options.reference_name,
        title=options.title,
        date=options.date,
    )
    path = made.save(options.out or f"report_{_file_name(options.row)}.html")
    print(f"{path}: {made.decision.get('outcome', 'withheld')}, status {made.status}")
    print(f"checksum {made.digest}")
    for sentence in (*made.warnings, *made.findings):
        print(f"- {sentence}")
    return 1 if made.status == "blocked" else 0


def verify(options: Namespace) -> int:
    """Check a report, and compute it again where model and data are given."""
    if (options.model is None) != (options.data is None):
        raise ValueError("To compute again, give both --model and --data.")
    if not Path(options.report).is_file():
        raise FileNotFoundError(f"There is no report {options.report!r}.")
    again: dict[str, Any] = {}
    if options.model is not None:
        model, rows, _ = _model_and_rows(options)
        again = {"model": model, "X": rows, "X_reference": _reference(options, model, rows)[0]}
        _tell(options, "Computing again ...")
    found = verify_report(options.report, digest=options.digest, **again)
    print(found)
    return 0 if found.ok else 1


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "explain": explain,
    "report": report,
    "verify": verify,
}
"""What each command does, and returns as its exit code."""


def _tell(options: Namespace, sentence: str) -> None:
    if not options.quiet:
        print(sentence, file=sys.stderr)


def _model_and_rows(options: Namespace) -> tuple[Any, pd.DataFrame, Any]:
    """Return the model, the columns of the table that it takes, and what became of the rows."""
    _tell(options, f"Reading {options.model} and {options.data} ...")
    model = read_model(options.model, trust=options.trust, types=options.trust_type)
    table = read_table(options.data, index=options.index, missing=options.missing)
    known = options.outcome if options.outcome in table.columns else None
    if options.outcome is not None and known is None and options.reference is None:
        raise ValueError(f"The table has no column {options.outcome!r}: it has {[*table.columns]}.")
    return model, model_columns(model, table, known), None if known is None else table[known]


def _reference(
    options: Namespace, model: Any, rows: pd.DataFrame, outcomes: Any = None
) -> tuple[pd.DataFrame, Any]:
    """Return the reference group, and what became of it."""
    if options.reference is None:
        return rows, outcomes
    table = read_table(options.reference, index=options.index, missing=options.missing)
    became = None if options.outcome is None else options.outcome
    return model_columns(model, table, became), None if became is None else table[became]


def _place(rows: pd.DataFrame, row: str) -> int:
    """Return the position of a row by its label: its number where no column names the rows."""
    labels = [str(label) for label in rows.index]
    if labels.count(row) != 1:
        few = ", ".join(labels[:3])
        raise ValueError(
            f"{'No row is' if row not in labels else 'Several rows are'} called {row!r}: rows are "
            f"called {few}, ... (see --index)."
        )
    return labels.index(row)


def _explainer(options: Namespace, model: Any, reference: pd.DataFrame) -> Any:
    settings: dict[str, Any] = {
        "target": options.target,
        "random_state": options.seed,
        "n_jobs": options.jobs,
        "verbose": not options.quiet,
    }
    if options.at_threshold:
        if options.method != "kernelshap":
            raise ValueError("--at-threshold needs --method kernelshap.")
        settings |= {"background": "at_threshold", "threshold": options.threshold}
        settings |= {"passing": options.passing or "above"}
    maker = getattr(surrogates, METHODS[options.method])
    return maker(model, **settings).fit(reference)


def _search(options: Namespace, model: Any, reference: pd.DataFrame) -> Any:
    return surrogates.Counterfactuals(
        model,
        n_counterfactuals=3,
        immutable=[*dict.fromkeys([*options.fixed, *options.forbid])],
        desired_range=None if options.desired_range is None else tuple(options.desired_range),
        random_state=options.seed,
    ).fit(reference)


def _writer(out: str | None) -> Callable[[Any, Path], Any] | None:
    """Return what writes an explanation to a file of this kind."""
    if out is None:
        return None
    writers: dict[str, Callable[[Any, Path], Any]] = {
        ".csv": _write_csv,
        ".json": _write_json,
        ".npz": _write_archive,
    }
    kind = Path(out).suffix.lower()
    if kind not in writers:
        raise ValueError(f"--out must end in .csv, .json or .npz. Got {out!r}.")
    return writers[kind]


def _write_csv(explanation: Any, path: Path) -> None:
    explanation.to_frame().to_csv(path, index=False)


def _write_json(explanation: Any, path: Path) -> None:
    path.write_text(json.dumps(explanation.to_dict(), indent=1), encoding="utf-8")


def _write_archive(explanation: Any, path: Path) -> None:
    explanation.save(path)


def _file_name(row: Sequence[str] | str) -> str:
    return re.sub(r"[^\w.-]+", "_", str(row))[:60] or "row"
