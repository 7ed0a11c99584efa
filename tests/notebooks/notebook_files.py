"""Where the study notebooks lie, and how one is read, executed and written.

A notebook runs as a reader runs it: in a kernel of its own, whose folder is `notebooks/`, on the package of this
checkout. Python's warnings are all shown there, so that one of them is seen as a message on standard error.
"""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
LONGEST_CELL = 300  # seconds
VARIES = "varies"  # the tag of a cell whose outputs differ from run to run
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebook_paths(names: list[str] | None = None, folder: Path = FOLDER) -> list[Path]:
    """The notebooks in order, or those whose file name begins with one of the names ("05", "05_ctc.ipynb").

    Raises:
        ValueError: a name that no notebook begins with.
    """
    paths = sorted(folder.glob("*.ipynb"))
    for name in names or []:
        if not any(path.name.startswith(name) for path in paths):
            raise ValueError(f"no notebook of {folder} begins with {name!r}")
    return [path for path in paths if not names or path.name.startswith(tuple(names))]


def read(path: Path) -> Any:
    """The notebook of a file."""
    import nbformat

    return nbformat.read(path, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    """The cells with code in them; an empty one is never run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def execute(notebook: Any, folder: Path = FOLDER) -> Any:
    """A copy of the notebook with the outputs of a run from a clean kernel; it ends at the first cell that fails."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    fresh = copy.deepcopy(notebook)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONWARNINGS": "default"}
    client = NotebookClient(
        fresh,
        timeout=LONGEST_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    try:
        client.execute(env=environment)
    except CellExecutionError:
        pass  # the traceback is an output of its cell
    except Exception as error:  # the kernel died, or a cell took too long: nbclient has a few errors for that
        cell = next((cell for cell in code_cells(fresh) if cell.execution_count is None), code_cells(fresh)[-1])
        what = f"its kernel ended, or it took more than {LONGEST_CELL} s: {error}"
        cell.outputs.append(nbformat.v4.new_output("error", ename=type(error).__name__, evalue=what, traceback=[]))
    return fresh


def write(path: Path, notebook: Any) -> None:
    """Writes the notebook with nothing in it that differs from machine to machine: ids by place, the tags alone."""
    import nbformat

    tidy = copy.deepcopy(notebook)
    tidy.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    tidy.nbformat, tidy.nbformat_minor = 4, 5
    for number, cell in enumerate(tidy.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.tags} if cell.metadata.get("tags") else {})
        if cell.cell_type == "code":
            cell.outputs = [_tidy_output(output) for output in joined_streams(cell.outputs)]
    nbformat.validate(tidy)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(nbformat.writes(tidy) + "\n", encoding="utf-8")
    partial.replace(path)


def joined_streams(outputs: list[Any]) -> list[Any]:
    """The outputs, with neighbouring pieces of one stream as one: how a text is cut up is chance."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(copy.deepcopy(output))
    return joined


def _tidy_output(output: Any) -> Any:
    if "metadata" in output:
        output.metadata = type(output.metadata)()
    if "text/plain" in output.get("data", {}):
        output.data["text/plain"] = without_addresses(output.data["text/plain"])
    return output


def without_addresses(text: str) -> str:
    """<A at 0x7f3c> -> <A>: where an object lies differs from run to run."""
    return re.sub(r" at 0x[0-9a-f]+>", ">", text)
