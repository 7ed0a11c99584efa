"""The package and the study notebooks name each other, and the README of their folder lists them."""

import pytest
from lessons import links_in, problems_of_lessons, problems_of_list, prose, taught_files
from notebook_files import FOLDER, ROOT, notebook_paths


def test_files_and_lessons_name_each_other():
    assert len(taught_files(ROOT / "npconformer")) > 80  # they are found at all
    texts = {f"notebooks/{path.name}": prose(path) for path in notebook_paths()}
    assert problems_of_lessons(ROOT, texts) == []


def test_the_readme_lists_them():
    assert problems_of_list(FOLDER) == []


# ---- the links, in a repository made up for it

NAMED = '"""Turns.\n\nLesson: notebooks/01_a.ipynb, notebooks/02_b.ipynb\n"""\n'
LINKED = "[`npconformer/ops/turn.py`](../npconformer/ops/turn.py)"


@pytest.fixture
def repository(tmp_path):
    for folder in ("ops", "losses", "models", "audio", "text", "arrays"):
        (tmp_path / "npconformer" / folder).mkdir(parents=True)
        (tmp_path / "npconformer" / folder / "__init__.py").write_text("")
    (tmp_path / "npconformer/ops/turn.py").write_text(NAMED)
    (tmp_path / "npconformer/arrays/backend.py").write_text("")
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def texts(one=LINKED, two=LINKED):
    return {"notebooks/01_a.ipynb": one, "notebooks/02_b.ipynb": two}


def test_links_both_ways(repository):
    assert problems_of_lessons(repository, texts()) == []
    other = "[a](https://a.org/b) [b](#part) [c](../npconformer/arrays/backend.py#L3) ```x[0](y)```"
    assert problems_of_lessons(repository, texts(LINKED + other)) == []


def test_a_file_of_another_folder_need_not_name_one(repository):
    (repository / "npconformer/arrays/backend.py").write_text(NAMED)
    (one, two) = problems_of_lessons(repository, texts())
    assert "backend.py names notebooks/01_a.ipynb, which does not link to it" in one and "02_b" in two


@pytest.mark.parametrize(
    ("docstring", "shown", "problem"),
    [
        ('"""Turns."""', texts("", ""), "names no lesson"),
        ("", texts("", ""), "names no lesson"),
        ('"""Turns. Lesson: notebooks/01_a.ipynb"""', texts("", ""), "names no lesson"),
        ('"""Turns.\n\nLesson: notebooks/03_c.ipynb\n"""', texts("", ""), "which is not there"),
        (NAMED, texts(two=""), "notebooks/02_b.ipynb, which does not link to it"),
        ('"""Turns.\n\nLesson: notebooks/01_a.ipynb\n"""', texts(), "02_b.ipynb links to npconformer/ops/turn.py"),
        (NAMED, texts(LINKED + "[a](../npconformer/ops/lost.py)"), "links to npconformer/ops/lost.py, which is not"),
        (NAMED, texts(LINKED + "[a](../../../lost.py)"), "which is not there"),
    ],
)  # fmt: skip
def test_a_missing_link_is_found(repository, docstring, shown, problem):
    (repository / "npconformer/ops/turn.py").write_text(docstring)
    (found,) = problems_of_lessons(repository, shown)
    assert problem in found


def test_links_in_a_text():
    assert links_in("[a](b.py) [c](d.py#L1) ![e](f.png) [g](http://h) [i](#j)\n```\n[k](l)\n```") == [
        "b.py",
        "d.py",
        "f.png",
    ]


def test_the_list(repository):
    folder = repository / "notebooks"
    (folder / "01_a.ipynb").write_text("")
    (folder / "README.md").write_text("[1](01_a.ipynb)")
    assert problems_of_list(folder) == []
    (folder / "02_b.ipynb").write_text("")
    (folder / "README.md").write_text("[1](01_a.ipynb) and 02_b.ipynb, [3](03_c.ipynb)")
    assert problems_of_list(folder) == ["README.md does not list 02_b.ipynb", "README.md links to 03_c.ipynb"]
