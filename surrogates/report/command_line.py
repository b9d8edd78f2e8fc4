"""The command line: ``surrogates explain``, ``surrogates report``, ``surrogates verify``."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper

from surrogates.report.command_options import make_parser

__all__ = ["main"]

_WRONG_INPUT = 2
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, default=None
        What follows the name of the program; None reads the command line.

    Returns
    -------
    code : int
        0: done. 1: a report was refused, or is blocked. 2: wrong input, said in one line.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a minus sign has no place in some code pages
            stream.reconfigure(errors="replace")
    options = make_parser().parse_args(argv)
    from surrogates.report.commands import COMMANDS  # so that --help is quick

    try:
        return COMMANDS[options.command](options)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        if options.debug:
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        known = isinstance(error, (OSError, ImportError, ValueError, TypeError, KeyError))
        kind = "" if known else f"{type(error).__name__}: "
        print(f"surrogates {options.command}: error: {kind}{said}", file=sys.stderr)
        return _WRONG_INPUT
