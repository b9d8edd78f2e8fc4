"""Print the oldest versions that pyproject.toml allows, as constraints for pip."""

import sys
import tomllib
from pathlib import Path

# tools of that time, which these versions know
OF_THAT_TIME = ("pytest==8.2.0", "pyparsing==3.1.2", "polars==1.20.0")


def main() -> None:
    """Print a line for each requirement."""
    project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
    for requirement in (*project["dependencies"], *OF_THAT_TIME):
        print(requirement.replace(">=", "=="))


main()
