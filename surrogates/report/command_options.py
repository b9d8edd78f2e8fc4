"""What may be written after ``surrogates``: the commands, their options, and how to use them."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction
from typing import Any

import surrogates

__all__ = ["METHODS", "make_parser"]

METHODS = {
    "kernelshap": "KernelSHAP",
    "lime": "LIME",
    "lemna": "LEMNA",
    "occlusion": "Occlusion",
}

_EXPLAIN = """
examples:
  the five strongest columns of every row of a table
    surrogates explain model.skops applicants.csv --target bad

  two rows, against all past applicants, into a file that surrogates.explanation.load reads
    surrogates explain model.skops applicants.csv --row 3 17 --reference past.parquet --out two.npz

  a model saved by joblib: reading it can run code, so say that you trust it
    surrogates explain model.joblib applicants.csv --trust

exit codes: 0 done, 2 wrong input
"""
_REPORT = """
examples:
  one page about row 17 for the officer
    surrogates report model.skops applicants.csv --row 17 --target bad

  the letter's view, with reason codes, what would have led to approval, and columns that may
  never be reasons
    surrogates report model.skops applicants.csv --row 17 --target bad --view applicant \\
      --passing below --words approved denied --codes codes.csv \\
      --forbid age --forbid sex --counterfactuals

  reasons against those who just passed, past cases from the table the model was fitted on
    surrogates report model.skops applicants.csv --row 17 --target bad --passing below \\
      --at-threshold --reference past.csv --outcome loan --past-cases

codes.csv has the columns column, text and, if there are codes, code.

exit codes: 0 written, 1 written but blocked (a forbidden column is a principal reason),
2 wrong input
"""
_VERIFY = """
examples:
  is the page as it was made?
    surrogates verify report_17.html

  do the model and the data still give its numbers?
    surrogates verify report_17.html --model model.skops --data applicants.csv

  is it the very page that was noted when it was made?
    surrogates verify report_17.html --digest 5f0c...

exit codes: 0 verified, 1 refused, 2 wrong input
"""


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog="surrogates",
        description="Explain decisions of a fitted model, write them down, and check what was "
        "written.",
        epilog="Each command has its own help with examples: surrogates report --help",
    )
    parser.add_argument("--version", action="version", version=surrogates.__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_explain(commands)
    _add_report(commands)
    _add_verify(commands)
    return parser


def _command(commands: "_SubParsersAction[Any]", name: str, told: str, epilog: str) -> Any:
    return commands.add_parser(
        name,
        help=told,
        description=told[:1].upper() + told[1:] + ".",
        epilog=epilog,
        formatter_class=RawDescriptionHelpFormatter,
    )


def _add_explain(commands: "_SubParsersAction[Any]") -> None:
    parser = _command(commands, "explain", "which columns drove the predictions of rows", _EXPLAIN)
    _add_model_and_data(parser)
    parser.add_argument(
        "--row", nargs="+", metavar="ROW", help="rows to explain; default: every row"
    )
    _add_explainer(parser)
    parser.add_argument("--top", type=int, default=5, help="columns printed per row; default: 5")
    parser.add_argument("--out", metavar="FILE", help="write all numbers: .csv, .json or .npz")


def _add_report(commands: "_SubParsersAction[Any]") -> None:
    parser = _command(commands, "report", "one decision on one page, to keep", _REPORT)
    _add_model_and_data(parser)
    parser.add_argument("--row", required=True, metavar="ROW", help="the row decided upon")
    _add_explainer(parser)
    add = parser.add_argument
    add("--view", choices=("officer", "applicant"), default="officer", help="default: officer")
    add("--words", nargs=2, metavar=("PASSED", "FAILED"), help="words for the decision")
    add("--codes", metavar="FILE", help="table of reason codes (.csv)")
    add("--forbid", action="append", default=[], metavar="COLUMN", help="no reason; repeat it")
    add("--counterfactuals", action="store_true", help="add what would have changed the decision")
    add("--fixed", action="append", default=[], metavar="COLUMN",
        help="never changed by --counterfactuals, as are those of --forbid")  # fmt: skip
    add("--desired-range", nargs=2, type=float, metavar=("LOW", "HIGH"),
        help="for --counterfactuals of a model that predicts numbers")  # fmt: skip
    add("--past-cases", action="store_true", help="add the nearest rows of the reference table")
    add("--reference-name", metavar="WORDS", help="what the reference table is called")
    add("--title", default="Report of a decision", help="heading of the page")
    add("--date", help="default: today")
    add("--out", metavar="FILE", help="default: report_ROW.html")


def _add_verify(commands: "_SubParsersAction[Any]") -> None:
    parser = _command(commands, "verify", "whether a report is as it was made", _VERIFY)
    parser.add_argument("report", metavar="REPORT", help="the page")
    parser.add_argument("--digest", help="the checksum noted when the report was made")
    parser.add_argument("--model", metavar="FILE", help="compute the numbers again by this model")
    parser.add_argument("--data", metavar="FILE", help="the table that has the row")
    _add_reading(parser)


def _add_model_and_data(parser: Any) -> None:
    parser.add_argument("model", metavar="MODEL", help="fitted model: .skops, .joblib or .pkl")
    parser.add_argument("data", metavar="DATA", help="table of rows: .csv, .tsv or .parquet")
    _add_reading(parser)


def _add_reading(parser: Any) -> None:
    group = parser.add_argument_group("reading files")
    add = group.add_argument
    add("--reference", metavar="FILE", help="table of the reference group; default: DATA")
    add("--index", metavar="COLUMN", help="column that names the rows; default: 0, 1, ...")
    add("--outcome", metavar="COLUMN", help="column that says what became of the rows")
    add("--missing", action="append", metavar="WORD",
        help="a word for missing values; default: NA, null and the like")  # fmt: skip
    add("--trust", action="store_true", help="read .joblib and .pkl, which can run code")
    add("--trust-type", action="append", default=[], metavar="TYPE",
        help="a type that skops may build; repeat it")  # fmt: skip
    add("--quiet", action="store_true", help="no progress")
    add("--debug", action="store_true", help="show where an error comes from")


def _add_explainer(parser: Any) -> None:
    group = parser.add_argument_group("the explanation")
    add = group.add_argument
    add("--method", choices=tuple(METHODS), default="kernelshap", help="default: kernelshap")
    add("--target", metavar="LABEL", help="output to explain; default: the positive class, or all")
    add("--threshold", type=float, help="where the decision is made; default: as predict does")
    add("--passing", choices=("above", "below"), help="side of the threshold that passes")
    add("--at-threshold", action="store_true",
        help="compare with those who just pass, not with the population (kernelshap)")  # fmt: skip
    add("--seed", type=int, default=0, help="default: 0")
    add("--jobs", type=int, help="processes; default: 1")
