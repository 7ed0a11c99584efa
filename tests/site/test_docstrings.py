"""Docstrings as reStructuredText: what is plain stays plain, and docutils, where it is there, finds no fault."""

import ast
import re
from pathlib import Path

import pytest
from docstrings import to_rst

ROOT = Path(__file__).resolve().parents[2]


def rst(text, names=()):
    return "\n".join(to_rst(text.splitlines(), lambda name: f":py:obj:`{name}`" if name in names else None)).strip()


def test_a_paragraph_is_one_line_and_nothing_in_it_is_markup():
    text = "The share |x| of *args, T_k and\nq_ is `softmax(x)` in `Tensor`s."
    assert rst(text) == "The share \\|x\\| of \\*args, T\\_k and q\\_ is ``softmax(x)`` in ``Tensor``\\ s."
    assert ":py:obj:`Tensor`\\ s" in rst(text, ["Tensor"])
    assert rst("a(`x`)") == "a(``x``)" and rst("2`x`") == "2\\ ``x``"


def test_indented_blocks_are_shown_as_they_stand():
    text = "The sum\n\n    y = a |b|\n\n    z = c_k\n\nwhere c is."
    assert rst(text) == "The sum\n\n::\n\n    y = a |b|\n\n    z = c_k\n\nwhere c is."
    assert rst("Put:\n    y = x\nand go.") == "Put:\n\n::\n\n    y = x\n\nand go."
    assert rst(">>> f(1)\n2") == ">>> f(1)\n2"


def test_sections():
    text = "F.\n\nArgs:\n    x: (B, T),\n        or a list.\n    y, z: others.\n    **more: as `g`.\n\n"
    text += "Returns: the |sum|.\n\nRaises:\n    ValueError: no."
    assert rst(text).split("\n") == [
        "F.",
        "",
        ":Arguments:",
        "    **x**: (B, T), or a list.",
        "",
        "    **y, z**: others.",
        "",
        "    **\\*\\*more**: as ``g``.",
        "",
        "",
        ":Returns:",
        "    the \\|sum\\|.",
        "",
        "",
        ":Raises:",
        "    **ValueError**: no.",
    ]  # fmt: skip


def test_what_goes_on_in_a_section_is_no_new_name():
    text = "Returns:\n    losses (B,) float64, inf where\n    there is none; and more\n    text: of it."
    assert rst(text).startswith(":Returns:\n    losses (B,) float64, inf where there is none; and more")


def test_lists_and_lessons():
    assert rst("- one of\n  these\n- `two`") == "- one of these\n- ``two``"
    text = "Lesson: notebooks/01_the_tape.ipynb, notebooks/05_ctc.ipynb"
    assert rst(text) == "Lesson: :doc:`/notebooks/01_the_tape`, :doc:`/notebooks/05_ctc`"


def docstrings_of_the_package():
    for path in sorted((ROOT / "npconformer").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                yield f"{path.relative_to(ROOT)}: {getattr(node, 'name', '')}", ast.get_docstring(node)


@pytest.mark.slow
def test_every_docstring_keeps_its_words():
    """Nothing is lost on the way: the same words in the same order, whatever signs stand around them."""
    count = 0
    for place, text in docstrings_of_the_package():
        words = re.findall(r"[A-Za-z0-9]+", text)
        made = "\n".join(to_rst(text.splitlines(), lambda name: None))
        made = made.replace(":Arguments:", ":Args:").replace(":doc:", "")
        if "Lesson:" not in text:
            assert re.findall(r"[A-Za-z0-9]+", made) == words, place
            count += 1
    assert count > 1000


@pytest.mark.slow
def test_every_docstring_is_valid():
    core = pytest.importorskip("docutils.core")
    for place, text in docstrings_of_the_package():
        made = "\n".join(to_rst(text.splitlines(), lambda name: None)).replace(":doc:", "")
        settings = {"report_level": 1, "halt_level": 6, "warning_stream": False}
        document = core.publish_doctree(made, settings_overrides=settings)
        problems = [node.astext() for node in document.findall() if node.tagname == "system_message"]
        assert problems == [], place
