"""Run the command line by ``python -m surrogates``."""

import sys

from surrogates.report.command_line import main

if __name__ == "__main__":
    sys.exit(main())
