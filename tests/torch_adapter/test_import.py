"""What happens where torch is not installed."""

import subprocess
import sys


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_error_says_what_to_install():
    found = run("import sys; sys.modules['torch'] = None; import surrogates.torch")
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: surrogates.torch needs torch")
    assert 'pip install "scikit-surrogates[torch]"' in last


def test_torch_is_loaded_by_the_adapter_only():
    names = "surrogates, surrogates.blackbox.maskers, surrogates.attribution.shapley"
    assert run(f"import sys, {names}; assert 'torch' not in sys.modules").returncode == 0
