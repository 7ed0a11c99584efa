"""Builds the documentation: the docs, the lessons as they were run, and a page for each module. Needs no network.

    pip install -e ".[docs]"
    python docs/site/build.py          # into build/site; open build/site/index.html

Whatever Sphinx warns of (a link or a name that leads nowhere, an equation that cannot be drawn) is an error, and so is
a page that would load anything from elsewhere.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests")]

from layers import ORDER  # noqa: E402
from links import linked_paths, mend  # noqa: E402
from pages import Module, page_of, read_modules, write_pages  # noqa: E402

# The pages of each part, in the order in which they are listed; what has no place here comes after these.
GUIDE = ("commands", "python", "checkpoints", "training", "plots", "verify", "parity", "speed", "architecture")
PROJECT = ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
CARDS = ("npconformer/pretrained/digits/README.md", "npconformer/pretrained/demo/README.md")
WHOLE_MODEL = "notebooks/whole_model.py"
FROM_ELSEWHERE = re.compile(r"<(?:script|img|iframe|link)[^>]*\s(?:src|href)=\"(?:https?:)?//[^\"]*\"[^>]*>")


def lay_out(target: Path) -> None:
    """Write the site's source: the documents with their links mended, the modules' pages, and the index."""
    modules = read_modules(ROOT)
    documents = find_documents()
    pages = pages_by_path(modules, documents)
    linked: set[str] = set()
    for path in documents:
        text = (ROOT / path).read_text(encoding="utf-8")
        linked.update(linked_paths(text, path))
        if path == "README.md":
            text += index_of(documents)
        place = target / ("index.md" if path == "README.md" else path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(mend(text, path, ROOT, pages), encoding="utf-8")
    for path in linked - set(pages):  # pictures, and files that a page offers
        if (ROOT / path).is_file():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, target / path)
    if (ROOT / WHOLE_MODEL).is_file():
        text = "# A whole model in one file\n\nThe file is {path}.\n\n```python\n{code}```\n"
        code = (ROOT / WHOLE_MODEL).read_text(encoding="utf-8")
        (target / WHOLE_MODEL).with_suffix(".md").write_text(text.format(path=WHOLE_MODEL, code=code), encoding="utf-8")
    write_pages(modules, target, ORDER)


def find_documents() -> list[str]:
    """The documents that become pages, by their paths below the root."""
    docs = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    order = {f"{name}.md": i for i, name in enumerate(GUIDE)}
    docs.sort(key=lambda name: (order.get(name, len(order)), name))
    lessons = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").rglob("*.md"))
    lessons += sorted(f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb"))
    results = sorted(f"benchmarks/results/{path.name}" for path in (ROOT / "benchmarks/results").glob("*.md"))
    return ["README.md", *(f"docs/{name}" for name in docs), *lessons, *PROJECT, *results, *CARDS]


def pages_by_path(modules: list[Module], documents: list[str]) -> dict[str, str]:
    """{a file or folder below the root: its page below the site's source, or its module}."""
    pages = {path: "index.md" if path == "README.md" else path for path in documents}
    for module in modules:
        if module.name != "npconformer":
            pages[module.path] = module.name
            if module.is_package:
                pages[module.path.removesuffix("/__init__.py")] = f"{page_of(module.folder)}.rst"
    if (ROOT / WHOLE_MODEL).is_file():
        pages[WHOLE_MODEL] = WHOLE_MODEL.replace(".py", ".md")
    if "notebooks/README.md" in documents:
        pages["notebooks"] = "notebooks/README.md"
    return {**pages, "npconformer": "api/index.md"}


def index_of(documents: list[str]) -> str:
    """What the site's navigation lists, part by part."""
    parts = {
        "Guide": [path for path in documents if path.startswith("docs/")],
        "Lessons": [
            path for path in (*documents, WHOLE_MODEL) if path.startswith("notebooks/") and (ROOT / path).is_file()
        ],
        "Reference": ["where-is-what.md", "api/index.md"],
        "Project": [path for path in documents if path.startswith("benchmarks/") or path in (*PROJECT, *CARDS)],
    }
    text = ""
    for caption, paths in parts.items():
        entries = [path.rpartition(".")[0] for path in paths]
        if entries:
            text += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```", ""])
    return text


def check_self_contained(site: Path) -> None:
    """Raise SystemExit for a page that loads anything from elsewhere."""
    found = {
        f"{page.relative_to(site)}: {tag}"
        for page in site.rglob("*.html")
        for tag in FROM_ELSEWHERE.findall(page.read_text(encoding="utf-8"))
    }
    if found:
        raise SystemExit("these pages load something from elsewhere:\n" + "\n".join(sorted(found)))


def main() -> int:
    """Build; returns Sphinx's exit status."""
    parser = argparse.ArgumentParser(description="Build the documentation as HTML.")
    parser.add_argument("output", nargs="?", type=Path, default=ROOT / "build/site", help="default: build/site")
    parser.add_argument("--jobs", default="auto", help="processes; default: as many as there are cores")
    arguments = parser.parse_args()
    from sphinx.cmd.build import main as sphinx

    os.environ["NPCONFORMER_ROOT"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        lay_out(source)
        options = ["-q", "-W", "--keep-going", "-j", arguments.jobs, "-d", f"{folder}/doctrees", "-c", str(HERE)]
        status = sphinx([*options, str(source), str(arguments.output)])
    if status == 0:
        check_self_contained(arguments.output)
        print(f"open {arguments.output / 'index.html'}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
