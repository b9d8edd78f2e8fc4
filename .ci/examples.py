"""Run every example as a newcomer would, in a folder of its own, in less than a minute each.

Called as ``python .ci/examples.py [folder of the examples]``.
"""

import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

MOST_SECONDS = 60 * float(os.environ.get("PATIENCE", "1"))


def main() -> int:
    """Run them all, and return how many failed."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "examples").resolve()
    failed = 0
    for example in sorted(folder.glob("*.py")):
        if "torch" in example.name and find_spec("torch") is None:
            print(f"   skipped  {example.name}: torch is not installed", flush=True)
            continue
        start, reason = time.perf_counter(), ""
        with tempfile.TemporaryDirectory() as pictures:
            try:
                run = subprocess.run(  # noqa: S603
                    [sys.executable, example],
                    cwd=pictures,
                    env={**os.environ, "MPLBACKEND": "Agg"},
                    capture_output=True,
                    text=True,
                    timeout=MOST_SECONDS,
                    check=False,
                )
                reason = run.stderr if run.returncode else ""
            except subprocess.TimeoutExpired:
                reason = f"took more than {MOST_SECONDS:g} seconds"
        print(f"{time.perf_counter() - start:6.1f} s  {example.name}  {reason}", flush=True)
        failed += bool(reason)
    return failed


if __name__ == "__main__":
    sys.exit(main())
