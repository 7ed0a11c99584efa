"""The order of the package's folders, and a reader of imports that tells what runs against it.

Every import counts, wherever it stands: at the top of a file, inside a function, or for type hints alone.
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Each folder imports only from itself and from those before it.
ORDER = (
    "arrays",
    "tape",
    "ops",
    "losses",
    "functional",
    "nn",
    "storage",
    "checkpoints",
    "models",
    "audio",
    "text",
    "segments",
    "processors",
    "metrics",
    "data",
    "optim",
    "pipelines",
    "evaluation",
    "plots",
    "training",
    "verify",
    "commands",
)
# Inside models/: the files that lie there, the block written once, the heads, one folder for each model (which know
# nothing of each other), and the registry of them all.
SHARED_BY_MODELS = ("conformer", "heads")
REGISTRY_OF_MODELS = "auto"


@dataclass(frozen=True)
class Import:
    """`importer`, a module, names the module `imported` in line `line` of `path`.

    `name` is what it takes from there, where that is not a module itself.
    """

    importer: str
    imported: str
    name: str | None
    path: Path
    line: int


def modules_below(package: Path) -> dict[str, Path]:
    """Every module of the package in this folder, by its dotted name; a folder's name stands for its `__init__`."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def read_imports(package: Path) -> Iterator[Import]:
    """The imports that the package's modules make of one another, in the order of files and lines."""
    modules = modules_below(package)
    for importer, path in modules.items():
        home = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for imported, name in _named_by(node, home, modules):
                if imported.split(".")[0] == package.name:
                    yield Import(importer, imported, name, path.relative_to(package.parent), node.lineno)


def _named_by(node: ast.AST, home: str, modules: dict[str, Path]) -> Iterator[tuple[str, str | None]]:
    """The modules that an import statement names, each with the name taken from it, if any."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, None) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
        source = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            whole = f"{source}.{alias.name}"
            yield (whole, None) if whole in modules else (source, alias.name)


def upward_imports(package: Path) -> list[str]:
    """What runs against the order of the folders, as "file:line imports module": empty where all is well."""
    folders = {path.name for path in (package / "models").glob("*/")}
    wrong = [one for one in read_imports(package) if not _may_import(one, folders)]
    return [f"{one.path}:{one.line} imports {one.imported}" for one in wrong]


def _may_import(one: Import, folders_of_models: set[str]) -> bool:
    importer, imported = one.importer.split(".")[1:], one.imported.split(".")[1:]
    if not imported and one.name == "__version__":  # a constant; every other name of the package has its home below
        return True
    if importer[:1] == imported[:1] == ["models"]:
        here, there = importer[1:2], imported[1:2]
        below = [_place_in_models(module, folders_of_models) for module in (there, here)]
        return here == there or below[0] < below[1] or below == [0, 0]
    return _place(imported) <= _place(importer)


def _place(module: list[str]) -> int:
    """Where the module's folder stands; the command line, the scripts and the package's own names come last."""
    return ORDER.index(module[0]) if module and module[0] in ORDER else len(ORDER)


def _place_in_models(module: list[str], folders: set[str]) -> int:
    """Where a file or folder of models/ stands: files first, the registry and the `__init__` last."""
    order = [*SHARED_BY_MODELS, "one folder for each model", REGISTRY_OF_MODELS, "__init__"]
    name = module[0] if module else "__init__"
    if name in order:
        return 1 + order.index(name)
    return 1 + order.index("one folder for each model") if name in folders else 0


def circle(package: Path) -> str | None:
    """A circle among the modules, as "a -> b -> a", or None where there is none.

    Importing `a.b.c` runs the `__init__` of `a` and of `a.b` first, so that it counts as an import of these too, except
    for a module that lies below them itself: they are running already when it is imported.
    """
    modules = modules_below(package)
    imported_by: dict[str, set[str]] = {name: set() for name in modules}
    for one in read_imports(package):
        parts = one.imported.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            above = length < len(parts) and f"{one.importer}.".startswith(f"{name}.")
            if name in modules and not above and not (one.name == "__version__" and length == 1):
                imported_by[one.importer].add(name)
    try:
        graphlib.TopologicalSorter(imported_by).prepare()
    except graphlib.CycleError as error:
        return " -> ".join(reversed(error.args[1]))
    return None
