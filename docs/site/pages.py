"""The pages that are made of the package itself: one for each module, one for each folder, and "Where is what"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEFT_OUT = ("npconformer.__main__", "npconformer.pretrained")  # scripts, which run when they are imported
LESSONS = re.compile(r"^\s*Lesson: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Module:
    """A module of the package: its dotted name, its file below the root, what its docstring says first, its lessons."""

    name: str
    path: str
    summary: str
    lessons: tuple[str, ...]
    public: tuple[str, ...]
    is_package: bool

    @property
    def folder(self) -> str:
        """The package that it lies in (a package itself: its own name), without the first part; "" at the top."""
        name = self.name if self.is_package else self.name.rpartition(".")[0]
        return name.removeprefix("npconformer").removeprefix(".")


def read_modules(root: Path) -> list[Module]:
    """Every public module of the package below the root, in the order of their names."""
    modules = []
    for path in sorted((root / "npconformer").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        if any(name == out or name.startswith(f"{out}.") for out in LEFT_OUT):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        text = ast.get_docstring(tree) or ""
        lessons = tuple(one.strip() for found in LESSONS.findall(text) for one in found.split(","))
        summary = " ".join(text.split("\n\n")[0].split())
        relative = path.relative_to(root).as_posix()
        modules.append(Module(name, relative, summary, lessons, tuple(_public(tree)), is_package))
    return modules


def _public(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node)
        ):
            yield node.name


def names_of(modules: list[Module]) -> dict[str, str]:
    """{a name in backticks: the whole name of what is documented}, of names that only one module has."""
    found: dict[str, list[str]] = {}
    for module in modules:
        for name in module.public:
            found.setdefault(name, []).append(f"{module.name}.{name}")
    return {name: homes[0] for name, homes in found.items() if len(homes) == 1}


def page_of(folder: str) -> str:
    """Where a folder's page is, below the site's source, without an ending."""
    return f"api/{folder or 'top'}"


def write_pages(modules: list[Module], target: Path, order: tuple[str, ...]) -> None:
    """Write a page for each folder below target/api, and target/where-is-what.md. order: of the package's folders."""
    (target / "api").mkdir(parents=True, exist_ok=True)
    folders = _folders(modules, order)
    for folder, inside in folders.items():
        (target / f"{page_of(folder)}.rst").write_text(_page(folder, inside), encoding="utf-8")
    (target / "api/index.md").write_text(_index(folders), encoding="utf-8")
    (target / "where-is-what.md").write_text(_where_is_what(folders), encoding="utf-8")


def _folders(modules: list[Module], order: tuple[str, ...]) -> dict[str, list[Module]]:
    """{folder: what lies in it, the folder's own `__init__` first}, in the order of the layers."""
    folders: dict[str, list[Module]] = {}
    for module in sorted(modules, key=lambda module: (not module.is_package, module.name)):
        folders.setdefault(module.folder, []).append(module)

    def place(folder: str) -> tuple[int, str]:
        first = folder.partition("/")[0].partition(".")[0]
        return (order.index(first) if first in order else len(order), folder)

    return {folder: folders[folder] for folder in sorted(folders, key=place)}


def _page(folder: str, inside: list[Module]) -> str:
    title = f"npconformer.{folder}" if folder else "beside the folders"
    lines = [title, "=" * len(title), ""]
    for module in inside:
        if not module.is_package:
            name = module.name.rpartition(".")[2]
            lines += [name, "-" * len(name), "", f"*{module.path}*", ""]
        lines += [f".. automodule:: {module.name}", ""]
    return "\n".join(lines) + "\n"


def _index(folders: dict[str, list[Module]]) -> str:
    lines = [
        "# Every module",
        "",
        "A page for each folder, from the bottom up: a folder imports only from those above it in this table.",
        "",
        "| folder | what it is | files |",
        "|---|---|---|",
    ]
    for folder, inside in folders.items():
        summary = _cell(inside[0].summary) if inside[0].is_package and folder else ""
        files = ", ".join(
            f"{{py:mod}}`{one.name.rpartition('.')[2]} <{one.name}>`" for one in inside if not one.is_package
        )
        lines.append(f"| [{folder or 'beside the folders'}](/{page_of(folder)}.rst) | {summary} | {files} |")
    entries = [f"{folder or 'beside the folders'} </{page_of(folder)}>" for folder in folders]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *entries, "```", ""])


def _where_is_what(folders: dict[str, list[Module]]) -> str:
    lines = ["# Where is what", "", "Every file of the package, what it is about, and the lesson that explains it.", ""]
    for folder, inside in folders.items():
        lines += [f"## {folder.replace('.', '/') or 'beside the folders'}", ""]
        lines += ["| file | about | lesson |", "|---|---|---|"]
        for module in inside:
            if module.public or not module.is_package:
                lessons = " ".join(f"[{_number(one)}](/{one})" for one in module.lessons)
                lines.append(f"| {{py:mod}}`{module.path} <{module.name}>` | {_cell(module.summary)} | {lessons} |")
        lines.append("")
    return "\n".join(lines)


def _number(lesson: str) -> str:
    return Path(lesson).stem.split("_")[0]


def _cell(text: str) -> str:
    """The first sentence, as a table of Markdown takes it."""
    first = re.split(r"(?<=\.) ", text)[0]
    parts = re.split(r"(`[^`]*`)", first)
    return "".join(part if part.startswith("`") else re.sub(r"([|<>*_\[\]\\])", r"\\\1", part) for part in parts)
