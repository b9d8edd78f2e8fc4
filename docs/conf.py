"""Configuration of the documentation: ``sphinx-build -W --keep-going docs docs/_build``."""

import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import surrogates

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")

project = "surrogates"
author = "The surrogates developers"
copyright = f"2026, {author}"
version = release = surrogates.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]
nitpicky = False

autosummary_generate = True
autodoc_mock_imports = [] if find_spec("torch") else ["torch"]
autodoc_typehints = "none"  # numpydoc's sections say more than annotations
numpydoc_show_class_members = False

# objects of other projects are linked where a copy of their inventories is at hand
intersphinx_mapping: dict[str, tuple[str, str | None]] = {}

sphinx_gallery_conf = {
    "examples_dirs": str(Path(__file__).parent.parent / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__init__\.py" if find_spec("torch") else r"__init__\.py|plot_torch_",
    "download_all_examples": False,
    "show_memory": False,
    "abort_on_example_error": True,
    "remove_config_comments": True,
}
suppress_warnings = ["config.cache"]

html_theme = "pydata_sphinx_theme"
html_title = "surrogates"
html_static_path: list[str] = []
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"index": []},
}
