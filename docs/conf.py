"""Configuration of the documentation: python -m sphinx -W -b html docs docs/_build/html."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
# The pages describe the checkout they are in, whatever is installed.
sys.path[:0] = [str(ROOT), str(DOCS / "_ext")]

import bss2sim  # noqa: E402

project = "bss2sim"
author = "the bss2sim developers"
copyright = f"2026, {author}"
release = version = bss2sim.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "pages",
    "links",
]
exclude_patterns = ["_build", "_ext"]
nitpicky = False  # numpydoc writes types as prose: "array (neuron,)"
autodoc_typehints = "none"  # they are in the docstrings, with units
autosummary_generate = True
# On some systems names of files that differ in case alone are one.
autosummary_filename_map = {f"bss2sim.torch.{name}": f"bss2sim.torch.function_{name}" for name in ("iaf", "lif", "li")}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
numpydoc_validation_checks: set[str] = set()

html_theme = "pydata_sphinx_theme"
html_title = f"bss2sim {release}"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}

# The gallery runs every example: it needs the extra `demo`.
if any((ROOT / "examples").glob("*.py")):
    extensions.append("sphinx_gallery.gen_gallery")
    sphinx_gallery_conf = {
        "examples_dirs": [str(ROOT / "examples")],
        "gallery_dirs": ["gallery"],
        "filename_pattern": r"\.py$",
        "abort_on_example_error": True,
        "download_all_examples": False,
        "show_memory": False,
        "write_computation_times": False,
        "image_scrapers": ("matplotlib",),
    }
