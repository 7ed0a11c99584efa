"""Links between the project's files, as they work in the source tree, turned into links between the site's pages."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

LINK = re.compile(r"\[([^\[\]]*)\]\((?!https?://|mailto:|#|<)([^)\s#\"]+)(#[^)\s\"]*)?\)")


def linked_paths(text: str, source: str) -> list[str]:
    """What a page links to, as paths below the root; `source` is the page's own."""
    home = posixpath.dirname(source)
    paths = [path for _, path, _ in LINK.findall(text) if not path.startswith("/")]
    return [posixpath.normpath(posixpath.join(home, path)) for path in paths]


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

    return LINK.sub(replace, text)
