"""Links between the project's files, as they work in the source tree, turned into links between the site's pages.

What stands between ``` is code, and so are a notebook's cells of code: nothing in them is a link.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

LINK = re.compile(r"\[([^\[\]]*)\]\((?!https?://|mailto:|#|<)([^)\s#\"]+)(#[^)\s\"]*)?\)")
CODE = re.compile(r"(^```.*?^```[^\n]*$)", re.MULTILINE | re.DOTALL)


def linked_paths(text: str, source: str) -> list[str]:
    """What a page links to, as paths below the root; `source` is the page's own."""
    found: list[str] = []

    def note(prose: str) -> str:
        home = posixpath.dirname(source)
        paths = [path for _, path, _ in LINK.findall(prose) if not path.startswith("/")]
        found.extend(posixpath.normpath(posixpath.join(home, path)) for path in paths)
        return prose

    _change_prose(text, source, note)
    return found


def _change_prose(text: str, source: str, change: Callable[[str], str]) -> str:
    """The text of a page, a document or a notebook's JSON, whose prose has gone through `change`."""
    if not source.endswith(".ipynb"):
        parts = CODE.split(text)
        return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _change_prose("".join(cell["source"]), "cell.md", change)
    return json.dumps(notebook)


def mend(text: str, source: str, root: Path, pages: dict[str, str]) -> str:
    """The text of a page (or of a notebook's JSON), whose links to files with a page of their own lead there.

    A link to another file stays, and the site offers that file; of a link to another folder the words stay.

    source: the page's path below the root. pages: {a file or folder below the root: its page below the site's
    source, or its module}.

    Raises ValueError for a link that leads nowhere.
    """
    home = posixpath.dirname(source)

    def replace(match: re.Match[str]) -> str:
        words, path, anchor = match.group(1), match.group(2), match.group(3) or ""
        if path.startswith("/"):
            return match.group(0)
        target = posixpath.normpath(posixpath.join(home, path))
        if target in pages:
            page = pages[target]
            is_module = page.startswith("npconformer.")
            return f"{{py:mod}}`{words.strip('`')} <{page}>`" if is_module else f"[{words}](/{page}{anchor})"
        if not (root / target).exists():
            raise ValueError(f"{source}: links to {path}, which is not there")
        return words if (root / target).is_dir() else match.group(0)

    return _change_prose(text, source, lambda prose: LINK.sub(replace, prose))
