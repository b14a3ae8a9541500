"""How Sphinx builds these pages.

They are read without a network too: MathJax is copied out of a package, and a page
that refers to a script, style sheet or picture elsewhere is a warning, which
``make docs`` turns into an error.
"""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

project = "dlgru"
author = "the dlgru developers"
copyright = f"2026, {author}"

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

# One script that draws SVG and loads nothing further.
mathjax_path = "tex-svg-full.js"
html_static_path = [str(files("mathjax") / "static" / "mathjax" / "es5" / mathjax_path)]
html_theme = "furo"
html_title = "dlgru"
html_copy_source = False
html_show_sourcelink = False

OUTSIDE = re.compile(
    r"""<(?:(?:script|img|iframe)\b[^>]*\bsrc|link\b[^>]*\bhref)="(?:https?:)?//[^"]*"""
)


def look_for_outside_assets(app: Sphinx, exception: Exception | None) -> None:
    """Warn of every page that would fetch something from elsewhere."""
    if exception is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            for match in OUTSIDE.finditer(page.read_text("utf-8")):
                logging.getLogger(__name__).warning("%s fetches %s", page.name, match.group())


def setup(app: Sphinx) -> None:
    """Have the finished pages looked through."""
    app.connect("build-finished", look_for_outside_assets)
