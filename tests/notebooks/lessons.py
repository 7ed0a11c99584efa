"""The links between the package and the study notebooks: a file names its lessons, and a lesson links its files.

A file of the folders TAUGHT says in its module docstring, on a line of its own,

    Lesson: notebooks/04_attention_and_positions.ipynb

(several, with commas between them), and each notebook that it names links to it as `../npconformer/...`. Files of other
folders may do the same, and are held to it.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

TAUGHT = ("ops", "losses", "models", "audio", "text")
LESSON = re.compile(r"^Lesson: (.+)$", re.MULTILINE)
NOTEBOOK = re.compile(r"notebooks/\d\d_\w+\.ipynb")
ABSOLUTE = re.compile(r"\w+:")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def taught_files(package: Path) -> list[str]:
    """The files that have lessons, such as "npconformer/ops/rotary.py"."""
    paths = sorted(path for folder in TAUGHT for path in (package / folder).rglob("*.py"))
    return [path.relative_to(package.parent).as_posix() for path in paths if path.name != "__init__.py"]


def lessons_named_in(path: Path) -> list[str]:
    """The notebooks that a file's docstring names, such as "notebooks/04_attention_and_positions.ipynb"."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return [name.strip() for line in LESSON.findall(docstring) for name in line.split(",")]


def links_in(text: str) -> list[str]:
    """The relative links of a markdown text, without what follows a #; code in fences has none."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    links = [link.partition("#")[0] for link in LINK.findall(text) if not ABSOLUTE.match(link)]
    return [link for link in links if link]


def prose(path: Path) -> str:
    """The text of a notebook's markdown cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def problems_of_lessons(root: Path, texts: dict[str, str]) -> list[str]:
    """Where files and notebooks do not name each other.

    root: of the repository. texts: the markdown of each notebook, by its path such as "notebooks/05_ctc.ipynb".
    """
    problems = []
    folder = root / "notebooks"
    linked = {name: {(folder / link).resolve() for link in links_in(text)} for name, text in texts.items()}
    taught = taught_files(root / "npconformer")
    paths = sorted((root / "npconformer").rglob("*.py"))
    named = {path.relative_to(root).as_posix(): lessons_named_in(path) for path in paths}
    for file, lessons in named.items():
        if not lessons and file in taught:
            problems.append(f"{file} names no lesson")
        for lesson in lessons:
            if not NOTEBOOK.fullmatch(lesson) or lesson not in texts:
                problems.append(f"{file} names {lesson}, which is not there")
            elif (root / file).resolve() not in linked[lesson]:
                problems.append(f"{file} names {lesson}, which does not link to it")
    for name, targets in linked.items():
        for target in sorted(targets):
            file = target.relative_to(root.resolve()).as_posix() if target.is_relative_to(root.resolve()) else ""
            if not file or not target.exists():
                problems.append(f"{name} links to {file or target}, which is not there")
            elif file in taught and name not in named[file]:
                problems.append(f"{name} links to {file}, which does not name it")
    return problems


def problems_of_list(folder: Path) -> list[str]:
    """Notebooks that the README of their folder does not link to, and links of it that lead nowhere."""
    links = set(links_in((folder / "README.md").read_text(encoding="utf-8")))
    missing = [path.name for path in sorted(folder.glob("*.ipynb")) if path.name not in links]
    lost = [link for link in sorted(links) if not (folder / link).exists()]
    return [f"README.md does not list {name}" for name in missing] + [f"README.md links to {link}" for link in lost]
