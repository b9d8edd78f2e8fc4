"""What pytest leaves out where an optional library is not installed."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["surrogates/torch/*", "tests/torch_*.py"]
collect_ignore_glob += [] if find_spec("captum") else ["*/captum_attribution.py"]
