"""The study notebooks: they run without a warning, and show what is stored."""

from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="needs what the extra `notebooks` brings")
pytest.importorskip("ipykernel", reason="needs what the extra `notebooks` brings")
pytest.importorskip("matplotlib", reason="needs what the extra `notebooks` brings")

from form import problems_of_form
from notebook_files import execute, notebook_paths, read
from stale import problems_of_counts, problems_of_outputs, problems_of_stored

PATHS = notebook_paths()


def test_there_are_twelve():
    assert [path.name[:2] for path in PATHS] == [f"{number:02d}" for number in range(1, 13)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: Path(path).stem)
def test_form(path):
    notebook = read(path)
    assert problems_of_form(path, notebook) + problems_of_counts(notebook) + problems_of_outputs(notebook) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=lambda path: Path(path).stem)
def test_a_run_shows_what_is_stored(path):
    stored = read(path)
    executed = execute(stored)
    assert problems_of_outputs(executed) == []
    assert problems_of_stored(stored, executed) == []
