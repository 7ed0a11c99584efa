"""What every study notebook has in common, as far as its file tells: size, metadata, opening, exercises, imports."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

from notebook_files import code_cells

LARGEST = 1_000_000  # bytes, with outputs
NAME = re.compile(r"(\d\d)_\w+\.ipynb")
FOR_READERS = {"numpy", "npconformer", "soundfile", "matplotlib", "IPython", "whole_model"}
NAMEDTUPLE_METHODS = {"_replace", "_asdict", "_fields", "_make"}
FEWEST_EXERCISES = 3


def problems_of_form(path: Path, notebook: Any) -> list[str]:
    """What is wrong with the notebook as a file, each in a line."""
    problems = []
    if path.stat().st_size >= LARGEST:
        problems.append(f"{path.stat().st_size / 1e6:.2f} MB; at most {LARGEST / 1e6:.0f} MB")
    named = NAME.fullmatch(path.name)
    if named is None:
        return [*problems, "the name is not NN_name.ipynb"]
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith(f"# {int(named[1])}. "):
        problems.append(f"the first cell does not begin with '# {int(named[1])}. Title'")
    if "Files explained here" not in first.source:
        problems.append("the first cell has no list 'Files explained here:'")
    solutions = sum(cell.source.count("<details>") for cell in notebook.cells if cell.cell_type == "markdown")
    if solutions < FEWEST_EXERCISES:
        problems.append(f"{solutions} exercises with folded solutions; at least {FEWEST_EXERCISES}")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        problems.append("its kernel is not python3")
    own = {key for cell in notebook.cells for key in cell.metadata} - {"tags"}
    if own:
        problems.append(f"cells have metadata besides tags: {', '.join(sorted(own))}")
    for number, cell in enumerate(code_cells(notebook), 1):
        problems += [f"cell [{number}]: {what}" for what in problems_of_code(cell.source)]
    return problems


def problems_of_code(source: str) -> list[str]:
    """Imports of what a reader need not have, and private names of the package."""
    code = "\n".join("pass" if line.startswith(("%", "!")) else line for line in source.splitlines())
    problems = []
    for node in ast.walk(ast.parse(code)):
        modules, names = [], []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules, names = [node.module or "."], [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            names = [node.attr]
        for module in modules:
            root = module.split(".")[0]
            if root not in FOR_READERS and root not in sys.stdlib_module_names:
                problems.append(f"imports {module}, which readers need not have")
            names += module.split(".")
        for name in names:
            if name.startswith("_") and not name.endswith("__") and name not in NAMEDTUPLE_METHODS:
                problems.append(f"uses the private name {name}")
    return problems
