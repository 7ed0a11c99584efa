"""The site's pages and links: every module has its place, and links lead to pages and files; to nothing: an error."""

import json
from pathlib import Path

import pytest
from layers import ORDER
from links import linked_paths, mend
from pages import LEFT_OUT, names_of, read_modules, write_pages

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def modules():
    return read_modules(ROOT)


def test_every_module_is_on_one_page(modules, tmp_path):
    write_pages(modules, tmp_path, ORDER)
    pages = "\n".join(path.read_text() for path in (tmp_path / "api").glob("*.rst"))
    for path in (ROOT / "npconformer").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        times = pages.split("\n").count(f".. automodule:: {name}")
        assert times == (0 if name.startswith(LEFT_OUT) else 1), name
    index = (tmp_path / "api/index.md").read_text()
    places = [index.index(f"| [{folder}](/api/{folder}.rst)") for folder in ORDER]
    assert places == sorted(places)
    listed = (tmp_path / "where-is-what.md").read_text()
    assert "`npconformer/ops/softmax.py <npconformer.ops.softmax>`" in listed


def test_lessons_are_listed(tmp_path):
    package = tmp_path / "npconformer/ops"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text('"""Top."""')
    (package / "__init__.py").write_text('"""Operations."""')
    text = '"""A|b. More.\n\nLesson: notebooks/05_ctc.ipynb, notebooks/01_the_tape.ipynb\n"""\ndef f():\n    """F."""\n'
    (package / "a.py").write_text(text)
    modules = read_modules(tmp_path)
    assert names_of(modules) == {"f": "npconformer.ops.a.f"}
    write_pages(modules, tmp_path, ("ops",))
    row = "| {py:mod}`npconformer/ops/a.py <npconformer.ops.a>` | A\\|b. | [05](/notebooks/05_ctc.ipynb) [01](/"
    assert row in (tmp_path / "where-is-what.md").read_text()


def test_names_that_two_modules_have_are_nobodys(modules):
    names = names_of(modules)
    assert names["weighted_sum"] == "npconformer.ops.weighted_sum.weighted_sum"
    assert "add_parser" not in names and "run" not in names


PAGES = {"docs/verify.md": "docs/verify.md", "npconformer/ops/rotary.py": "npconformer.ops.rotary"}


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("[docs](../docs/verify.md#x)", "[docs](/docs/verify.md#x)"),
        ("[`a/rotary.py`](../npconformer/ops/rotary.py)", "{py:mod}`a/rotary.py <npconformer.ops.rotary>`"),
        ("![a](../npconformer/pretrained/demo/picture.png)", "![a](../npconformer/pretrained/demo/picture.png)"),
        ("see [tests](../tests)", "see tests"),
        ("[a](https://x.org/b.md) [b](#c) x[i](j.k)"[:31], "[a](https://x.org/b.md) [b](#c)"),
    ],
)  # fmt: skip
def test_links(text, mended):
    assert mend(text, "notebooks/01.md", ROOT, PAGES) == mended


def test_code_has_no_links():
    text = "[x](../docs/verify.md)\n```python\na[i](../none.py)\n```\n"
    assert mend(text, "notebooks/01.md", ROOT, PAGES) == text.replace("../docs", "/docs")
    assert linked_paths(text, "notebooks/01.md") == ["docs/verify.md"]
    cells = [{"cell_type": "markdown", "source": ["a ", text]}, {"cell_type": "code", "source": ["[x](none.py)"]}]
    mended = json.loads(mend(json.dumps({"cells": cells}), "notebooks/01.ipynb", ROOT, PAGES))["cells"]
    assert mended[0]["source"] == "a " + text.replace("../docs", "/docs") and mended[1] == cells[1]


def test_a_link_to_nothing():
    with pytest.raises(ValueError, match=r"docs/a.md: links to ../none.py, which is not there"):
        mend("[x](../none.py)", "docs/a.md", ROOT, PAGES)
    assert linked_paths("[x](../none.py) ![y](z.png)", "docs/a.md") == ["none.py", "docs/z.png"]
