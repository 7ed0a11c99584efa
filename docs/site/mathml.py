"""Equations as MathML, which browsers draw by themselves: no script and no fonts from elsewhere."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
ENVIRONMENTS = {"align": "aligned", "align*": "aligned", "gather": "gathered", "gather*": "gathered"}


def to_mathml(latex: str, display: str) -> str:
    """LaTeX as MathML; display is "inline" or "block"."""
    for name, inner in ENVIRONMENTS.items():
        latex = latex.replace(f"\\begin{{{name}}}", f"\\begin{{{inner}}}")
        latex = latex.replace(f"\\end{{{name}}}", f"\\end{{{inner}}}")
    return convert(latex.strip(), display=display)


def _draw(translator: Any, node: nodes.Element, display: str) -> None:
    try:
        mathml = to_mathml(node.astext(), display)
    except Exception as error:  # whatever the converter meets in what it does not know
        logger.warning("no MathML for %r: %r", node.astext(), error, location=node)
        mathml = f"<code>{translator.encode(node.astext())}</code>"
    translator.body.append(f'<div class="math">{mathml}</div>' if display == "block" else mathml)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name "mathml"."""
    inline = (lambda translator, node: _draw(translator, node, "inline"), None)
    block = (lambda translator, node: _draw(translator, node, "block"), None)
    app.add_html_math_renderer("mathml", inline, block)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
