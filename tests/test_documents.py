"""The documents at the top: their links lead somewhere, and read right where a page shows them without the files."""

import re
from pathlib import Path

import pytest

import npconformer

ROOT = Path(__file__).resolve().parents[1]
RELATIVE_LINK = re.compile(r"\[([^\]]*)\]\((?!https?://|#)([^)]+)\)")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_a_relative_link_says_its_path_in_words(name):
    """On a package index the README stands alone: what is linked must be named in the text as well."""
    for words, path in RELATIVE_LINK.findall((ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), path
        assert path in words, f"{path} is linked as {words!r}"


def test_the_citation_is_of_this_version():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {npconformer.__version__}" in lines


def test_the_package_says_that_it_has_types():
    assert (Path(npconformer.__file__).parent / "py.typed").is_file()
