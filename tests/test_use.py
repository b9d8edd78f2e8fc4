"""Pages of the documentation run as they stand, each in one session from top to bottom."""

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FIRST_STEPS = ROOT / "docs" / "first_steps.rst"
TORCH = ROOT / "docs" / "user_guide" / "torch.rst"


def blocks(page):
    """Return the python blocks of a page, one text per block."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text)
    return [textwrap.dedent(block) for block in found]


def commands(page):
    """Return the lines of the shell blocks of a page, but those that install."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"\.\. code-block:: sh\n\n((?:    .*\n|\n)+)", text)
    lines = "\n".join(map(textwrap.dedent, found)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("pip install")]


def run_page(page, folder):
    """Run the python blocks of a page in a folder of its own."""
    script = folder / "page.py"
    script.write_text("\n".join(blocks(page)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.skipif(not FIRST_STEPS.exists(), reason="tests of the installed package alone")
def test_first_steps(tmp_path):
    printed = run_page(FIRST_STEPS, tmp_path)
    assert "checking_status" in printed
    assert (tmp_path / "reasons.png").exists()
    assert (tmp_path / "explanation.npz").exists()
    asked = commands(FIRST_STEPS)
    assert len(asked) == 2
    for line in asked:
        assert run_command(line, tmp_path) == 0, line


def run_command(line, folder):
    """Run a command of this package in a folder, and return its exit code."""
    program, *arguments = shlex.split(line)
    assert program == "surrogates"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "surrogates", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, timeout=300, check=False).returncode


@pytest.mark.skipif(not TORCH.exists(), reason="tests of the installed package alone")
def test_torch(tmp_path):
    pytest.importorskip("torch")
    run_page(TORCH, tmp_path)
