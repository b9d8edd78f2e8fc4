"""Compiled code is found again by the next process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

SCRIPT = """
import sys

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from surrogates import KernelSHAP

X = np.random.default_rng(0).normal(size=(60, 14))
forest = RandomForestRegressor(3, max_depth=3, random_state=0).fit(X, X[:, 0])
for method in ("tree", "sampling"):
    KernelSHAP(forest, method=method, n_coalitions=60, random_state=0).fit(X).explain(X[:2])
kernels = [
    value
    for name, module in sorted(sys.modules.items())
    if name.startswith("surrogates._kernels")
    for value in vars(module).values()
    if hasattr(value, "stats")
]
assert sum(sum(kernel.stats.cache_hits.values()) for kernel in kernels) > 0
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels))
"""


def count_compiled():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return int(run.stdout)


def test_second_process_compiles_nothing():
    """The first process of the two may have to fill the cache."""
    if count_compiled():
        assert count_compiled() == 0
