"""The documents at the top: their links lead somewhere, and read right where a page shows them without the files."""

import re
from pathlib import Path

import pytest

import npconformer
import npconformer.plots

ROOT = Path(__file__).resolve().parents[1]
RELATIVE_LINK = re.compile(r"\[([^\]]*)\]\((?!https?://|#)([^)]+)\)")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_a_relative_link_says_its_path_in_words(name):
    """On a package index the README stands alone: what is linked must be named in the text as well."""
    for words, path in RELATIVE_LINK.findall((ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), path
        assert path in words, f"{path} is linked as {words!r}"


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_link_of_a_document_leads_somewhere(path):
    for words, link in RELATIVE_LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / link.partition("#")[0]).exists(), (words, link)


def test_the_readme_names_every_document_and_is_read_in_minutes():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= {
        link for _, link in RELATIVE_LINK.findall(text)
    }
    assert len(text.split()) < 900


def test_the_pictures_of_the_document_are_there():
    names = set(re.findall(r"\bplots\.(\w+)", (ROOT / "docs/plots.md").read_text(encoding="utf-8")))
    assert len(names) > 10 and names <= set(npconformer.plots.__all__)


def test_the_citation_is_of_this_version():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {npconformer.__version__}" in lines


def test_the_package_says_that_it_has_types():
    assert (Path(npconformer.__file__).parent / "py.typed").is_file()
