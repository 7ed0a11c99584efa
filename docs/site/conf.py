"""Settings of Sphinx. `build.py` beside it lays the pages out and calls it."""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = Path(os.environ["NPCONFORMER_ROOT"])
sys.path[:0] = [str(HERE), str(ROOT)]

import docstrings  # noqa: E402
import pages  # noqa: E402

import npconformer  # noqa: E402

project, author, version = "npconformer", "The npconformer authors", npconformer.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "mathml"]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
root_doc = "index"
html_theme, html_title = "furo", f"npconformer {version}"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#0072b2"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
    "navigation_with_keys": True,
}
pygments_style = "friendly"

nb_execution_mode = "off"  # notebooks are shown as they were run
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "html_image"]
myst_heading_anchors = 4

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "show-inheritance": True,
    "ignore-module-all": True,
}
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_type_aliases = {"Array": "Array", "ArrayLike": "ArrayLike", "DTypeLike": "DTypeLike", "Lengths": "Lengths"}
python_maximum_signature_line_length = 100
suppress_warnings = ["ref.python"]  # a type in a signature whose name two modules have
toc_object_entries = False

ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")  # how Sphinx shows the aliases above
NAMES = pages.names_of(pages.read_modules(ROOT))
MODULES = {module.name: module.name for module in pages.read_modules(ROOT)}


def link(code):
    """A reference to what a name in backticks is, where one thing of the package has that name."""
    name = code.removesuffix("()").removeprefix("npconformer.")
    if name in NAMES:
        return f":py:obj:`{code} <{NAMES[name]}>`"
    if f"npconformer.{name}" in MODULES and "." in name:
        return f":py:mod:`{code} <npconformer.{name}>`"
    return None


def setup(app):
    """Read the docstrings as the project writes them."""

    def process(app, what, name, thing, options, lines):
        lines[:] = docstrings.to_rst(lines, link)

    def tidy(app, what, name, thing, options, signature, returned):
        return tuple(text and ALIAS.sub(r"\1", text) for text in (signature, returned))

    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", tidy)
