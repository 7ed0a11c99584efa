"""The checker of the notebooks itself, on small ones with something wrong planted in them."""

import copy
import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="needs what the extra `notebooks` brings")
pytest.importorskip("ipykernel", reason="needs what the extra `notebooks` brings")
pytest.importorskip("matplotlib", reason="needs what the extra `notebooks` brings")

import nbformat
from form import problems_of_code, problems_of_form
from notebook_files import KERNEL, code_cells, execute, notebook_paths, read
from stale import problems_of_counts, problems_of_stored, same_number, same_text

spec = importlib.util.spec_from_file_location("notebooks_command", Path(__file__).parent / "__main__.py")
command = importlib.util.module_from_spec(spec)
spec.loader.exec_module(command)

OPENING = "# 1. Tiny\n\nFiles explained here:\n- none\n" + "<details><summary>Solution</summary></details>\n" * 3
PICTURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


def make(*sources, tags=()):
    """A notebook with these code cells, of which the last has the tags."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if tags:
        cells[-1].metadata["tags"] = list(tags)
    opening = nbformat.v4.new_markdown_cell(OPENING)
    return nbformat.v4.new_notebook(cells=[opening, *cells], metadata={"kernelspec": dict(KERNEL)})


@pytest.fixture
def planted(tmp_path):
    """Call it with the sources of code cells: a notebook of them that was not run yet; its path."""

    def write(*sources, tags=()):
        path = tmp_path / "01_tiny.ipynb"
        path.write_text(nbformat.writes(make(*sources, tags=tags)))
        return path

    return write


# ---- the command, and what a run says


@pytest.mark.slow
def test_what_is_written_is_found_right_until_it_is_changed(planted, capsys):
    path = planted("x = 0.5\nprint('x', x)", "", PICTURE, "x + 1", "object()")
    assert command.main([], path.parent) == 1
    assert "execution counts are [None, None, None, None]" in capsys.readouterr().out
    assert command.main(["--write"], path.parent) == 0
    first = path.read_bytes()
    assert command.check(path) == [] and problems_of_form(path, read(path)) == []
    assert command.check(path, writes=True) == [] and path.read_bytes() == first
    kinds = [output.output_type for cell in code_cells(read(path)) for output in cell.outputs]
    assert kinds == ["stream", "display_data", "execute_result", "execute_result"]
    assert list(read(path).metadata) == ["kernelspec", "language_info"]
    path.write_bytes(first.replace(b'"x 0.5\\n"', b'"x 0.7\\n"'))
    assert command.main([], path.parent) == 1
    assert "cell [1]: stdout is stale: 'x 0.7' is stored, and a run gives 'x 0.5'" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "tags", "said"),
    [
        ("assert 1 + 1 == 3, 'wrong sum'", (), "cell [1]: AssertionError: wrong sum"),
        ("1 / 0", ("varies",), "cell [1]: ZeroDivisionError: division by zero"),
        ("import os\nos._exit(3)", (), "cell [1]: DeadKernelError: its kernel ended"),
    ],
)
def test_an_error_is_found_and_never_written(planted, source, tags, said):
    path = planted(source, tags=tags)
    before = path.read_bytes()
    problems = command.check(path, writes=True)
    assert any(problem.startswith(said) for problem in problems) and path.read_bytes() == before


WARNINGS = {
    "import warnings\nwarnings.warn('look out')": "UserWarning: look out",
    "warnings.warn('old', DeprecationWarning)": "DeprecationWarning: old",
    "import numpy as np\nnp.log(np.zeros(1)).shape": "RuntimeWarning: divide by zero",
    "import logging\nlogging.warning('a log line')": "a log line",
    "import sys\nprint('a complaint', file=sys.stderr)": "a complaint",
}


@pytest.mark.slow
def test_a_warning_is_found_and_never_written(planted):
    path = planted(*WARNINGS, tags=("varies",))
    before = path.read_bytes()
    problems = command.check(path, writes=True)
    assert path.read_bytes() == before
    for number, said in enumerate(WARNINGS.values(), 1):
        assert any(problem.startswith(f"cell [{number}]:") and said in problem for problem in problems)


@pytest.mark.slow
def test_it_runs_in_the_notebook_s_folder_on_this_package(planted):
    path = planted("import os, npconformer\nprint(os.getcwd())\nprint(npconformer.__file__)")
    shown = code_cells(execute(read(path), path.parent))[0].outputs[0].text.split()
    assert shown == [str(path.parent), str(Path(__file__).parents[2] / "npconformer" / "__init__.py")]


# ---- stored outputs that are not those of a run

SOURCES = ("print('loss', 0.51)", "print('frames', 500)", "{'loss': 0.51}", PICTURE, "print('one')", "print('time', 3)")


@pytest.fixture(scope="module")
def executed():
    return execute(make(*SOURCES, tags=("varies",)), Path(__file__).parent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "before", "after"),
    [
        (1, "0.51", "0.57"),
        (1, "loss", "cost"),
        (2, "500", "499"),
        (3, "0.51", "0.57"),
        (4, "image/png", "image/jpeg"),
        (4, "image/png", "text/html"),
        (5, "one\\n", "one\\ntwo\\n"),
        (5, "stdout", "stderr"),
    ],
)
def test_a_stale_output_is_found(executed, number, before, after):
    assert problems_of_stored(executed, executed) == []
    stored = copy.deepcopy(executed)
    outputs = json.dumps(code_cells(stored)[number - 1].outputs)
    assert outputs.count(before) == 1
    code_cells(stored)[number - 1].outputs = nbformat.from_dict(json.loads(outputs.replace(before, after)))
    (problem,) = problems_of_stored(stored, executed)
    assert problem.startswith(f"cell [{number}]: ") and "stored" in problem


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_missing_output_is_found(executed, number):
    stored = copy.deepcopy(executed)
    code_cells(stored)[number - 1].outputs = []
    assert problems_of_stored(stored, executed)[0].startswith(f"cell [{number}]: stored no output, and a run gives ")
    assert len(problems_of_stored(executed, stored)) == 1


@pytest.mark.slow
def test_the_text_beside_a_picture_is_not_compared(executed):
    stored = copy.deepcopy(executed)
    del code_cells(stored)[3].outputs[0].data["text/plain"]
    assert problems_of_stored(stored, executed) == []


@pytest.mark.slow
def test_a_cell_that_varies_is_not_compared(executed):
    stored = copy.deepcopy(executed)
    code_cells(stored)[5].outputs[0].text = "time 4"
    assert problems_of_stored(stored, executed) == []
    code_cells(stored)[5].metadata = {}
    assert len(problems_of_stored(stored, executed)) == 1


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("0.51", "0.51", True),
        ("0.51", "0.52", True),  # the last place that is printed
        ("0.51", "0.54", False),
        ("123.456", "123.6", True),  # 0.2 %
        ("123.456", "124.456", False),
        ("3e-16", "8.9e-16", True),  # rounding
        ("2.1e-7", "0.0", True),
        ("2.1e-7", "2.1e-3", False),
        ("1e10", "1.001e10", True),
        ("1e10", "2.1e10", False),
        ("500", "501", False),
        ("-0.51", "0.51", False),
    ],
)
def test_numbers(before, after, same):
    assert same_number(before, after) is same and same_number(after, before) is same


def test_texts():
    assert same_text("loss  0.500\nframes 49", "loss 0.5001\nframes 49\n")
    assert same_text("[ 0.5  -0.25]", "[0.5 -0.25]")
    assert not same_text("loss 0.5", "loss 0.5 0.5")
    assert not same_text("loss 0.5", "cost 0.5")
    assert not same_text("12", "1 2")
    assert not same_text("nan", "0.5")


def test_counts():
    cell = nbformat.v4.new_code_cell
    notebook = nbformat.v4.new_notebook(cells=[cell("a", execution_count=1), cell(" "), cell("b", execution_count=2)])
    assert problems_of_counts(notebook) == []
    notebook.cells[2].execution_count = 3
    assert len(problems_of_counts(notebook)) == 1
    assert problems_of_stored(notebook, notebook) == []


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ("import numpy as np\nfrom npconformer import ops\nimport matplotlib.pyplot as plt, soundfile, json", 0),
        ("%matplotlib inline\nimport torch", 1),
        ("def f():\n    import transformers.models", 1),
        ("from scipy.special import erf", 1),
        ("from npconformer.arrays.threads import _run", 1),
        ("from npconformer._hidden import run", 1),
        ("import npconformer\nnpconformer.arrays.threads._pool", 1),
        ("class A:\n    def __init__(self):\n        self._x = (1).__class__", 0),
        ("import helpers", 1),
    ],
)
def test_imports(source, problems):
    assert len(problems_of_code(source)) == problems


def test_form(planted, tmp_path):
    path = planted("1")
    notebook = read(path)
    assert problems_of_form(path, notebook) == []
    notebook.cells[0].source = "# 2. Tiny"
    assert len(problems_of_form(path, notebook)) == 3
    notebook = read(path)
    notebook.cells[1].metadata["execution"] = {}
    notebook.metadata.kernelspec.name = "venv"
    assert len(problems_of_form(path, notebook)) == 2
    path.write_bytes(path.read_bytes() + b" " * 1_000_000)
    assert len(problems_of_form(path, read(path))) == 1
    assert len(problems_of_form(path.rename(tmp_path / "tiny.ipynb"), read(tmp_path / "tiny.ipynb"))) == 2


def test_names(planted):
    path = planted("1")
    assert notebook_paths(["01"], path.parent) == notebook_paths(None, path.parent) == [path]
    with pytest.raises(ValueError, match="begins with '02'"):
        notebook_paths(["01", "02"], path.parent)
