"""The plugin of the second pass, on a folder of tests made up for it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOME = """
import pytest
def test_passes(): pass
def test_needs_more(): pytest.importorskip("more")
@pytest.mark.parametrize("x", [1, 2])
def test_sometimes_needs_more(x): x == 1 or pytest.importorskip("more")
@pytest.mark.gpu
def test_needs_a_gpu(): pytest.skip("no GPU")
@pytest.mark.with_reference
def test_says_more(): pass
@pytest.mark.xfail
def test_fails(): assert False
@pytest.fixture
def more(): return pytest.importorskip("more")
def test_whose_fixture_needs_more(more): pass
"""
WHOLE = (
    "import pytest\npytest.importorskip('more')\ndef test_one(): pass\nclass TestTwo:\n    def test_three(self): pass\n"
)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    gpu: x\n    with_reference: x\n")
    (tmp_path / "test_some.py").write_text(SOME)
    (tmp_path / "test_whole.py").write_text(WHOLE)

    def run(*options, status=0):
        """The names of the tests that were run to their end, and did not skip."""
        program = f"import sys, pytest; sys.path.insert(0, {str(ROOT)!r}); sys.exit(pytest.main(sys.argv[1:]))"
        command = [sys.executable, "-c", program, "-p", "tests.second_pass", "-v", "-p", "no:cacheprovider", *options]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
        assert result.returncode == status, result.stdout + result.stderr
        return {line.split()[0].split("::", 1)[1] for line in result.stdout.splitlines() if " PASSED" in line}

    return run


def test_what_was_skipped_is_run_where_more_is_installed(run, tmp_path, tmp_path_factory):
    notes = tmp_path_factory.mktemp("elsewhere") / "skipped"
    assert run(f"--note-skipped={notes}") == {"test_passes", "test_sometimes_needs_more[1]", "test_says_more"}
    assert "gpu" not in notes.read_text()
    (tmp_path / "more.py").write_text("")
    assert run(f"--only-skipped={notes}") == {
        "test_needs_more",
        "test_sometimes_needs_more[2]",
        "test_says_more",
        "test_whose_fixture_needs_more",
        "test_one",
        "TestTwo::test_three",
    }


def test_nothing_is_left_out_without_being_asked_for(run):
    assert run() == {"test_passes", "test_sometimes_needs_more[1]", "test_says_more"}


def test_a_noted_test_that_is_gone_is_an_error(run, tmp_path):
    (tmp_path / "skipped").write_text("test_some.py::test_needs_more\ntest_some.py::test_that_is_gone\n")
    assert run("--only-skipped=skipped", status=pytest.ExitCode.USAGE_ERROR) == set()
