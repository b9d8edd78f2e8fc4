"""The first steps of the documentation run as they stand, in one session from top to bottom."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FIRST_STEPS = ROOT / "docs" / "first_steps.rst"


def blocks(page):
    """Return the python blocks of a page, one text per block."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text)
    return [textwrap.dedent(block) for block in found]


@pytest.mark.skipif(not FIRST_STEPS.exists(), reason="tests of the installed package alone")
def test_first_steps(tmp_path):
    script = tmp_path / "first_steps.py"
    script.write_text("\n".join(blocks(FIRST_STEPS)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "checking_status" in run.stdout
    assert (tmp_path / "reasons.png").exists()
    assert (tmp_path / "explanation.npz").exists()
