"""Print the oldest versions that pyproject.toml allows, as constraints for pip."""

import sys
import tomllib
from pathlib import Path

# tools of that time, which do not warn about these versions
OF_THAT_TIME = ("pytest==8.2.0", "pyparsing==3.1.2")


def main() -> None:
    project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
    for requirement in (*project["dependencies"], *OF_THAT_TIME):
        print(requirement.replace(">=", "=="))


main()
