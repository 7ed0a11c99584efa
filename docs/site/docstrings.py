"""The project's docstrings as reStructuredText, which Sphinx reads.

They are written for people who open the file: plain text in which `backticks` mark code, an indented block is an
equation, a table or code, and sections such as "Args:" list names with what they mean. Nothing else is markup, so that
|x|, T_k and *args stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

SECTIONS = {
    "Args": "Arguments",
    "Returns": "Returns",
    "Raises": "Raises",
    "Attributes": "Attributes",
    "Yields": "Yields",
}
NAMED = re.compile(r"^(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*|\*\*\w+): (.*)$", re.DOTALL)
LESSON = re.compile(r"^Lesson: (.+)$")
CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
SPECIAL = re.compile(r"([\\*|`_])")


def to_rst(lines: Sequence[str], link: Callable[[str], str | None]) -> list[str]:
    """A docstring's lines as reStructuredText.

    link: gives for a name in backticks the reStructuredText of a reference, or None where there is nothing of the name.
    """
    result: list[str] = []
    for block in _blocks(lines):
        result += [*_render(block, link), ""]
    return result


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    """Groups of lines: paragraphs, lists, sections and indented blocks; blank lines inside the last two are kept."""
    blocks: list[list[str]] = []
    gap = False
    for line in [one.rstrip() for one in lines]:
        if not line:
            gap = True
            continue
        indented = line.startswith(" ")
        if blocks and gap and indented and (_is_section(blocks[-1][0]) or blocks[-1][0].startswith(" ")):
            blocks[-1] += ["", line]
        elif blocks and not gap and (_kind(line) == _kind(blocks[-1][-1]) or _belongs(line, blocks[-1])):
            blocks[-1].append(line)
        else:
            blocks.append([line])
        gap = False
    return blocks


def _is_section(line: str) -> bool:
    return line.partition(":")[0] in SECTIONS and ":" in line


def _kind(line: str) -> str:
    if line.startswith(" "):
        return "indented"
    return "section" if _is_section(line) else "list" if line.startswith("- ") else "text"


def _belongs(line: str, block: list[str]) -> bool:
    """Whether a line goes on with a block of another kind: what a section holds, what a list goes on with."""
    if block[0].startswith("- "):
        return line.startswith((" ", "- "))
    return line.startswith(" ") and _is_section(block[0])


def _render(block: list[str], link: Callable[[str], str | None]) -> list[str]:
    first = block[0]
    lesson = LESSON.match(first)
    if lesson and len(block) == 1:
        places = [one.strip() for one in lesson.group(1).split(",")]
        return ["Lesson: " + ", ".join(f":doc:`/{place.removesuffix('.ipynb')}`" for place in places)]
    if first.startswith(">>> "):
        return block
    if first.startswith(" "):
        return _dedented(block) if first.strip().startswith(">>>") else ["::", "", *block]
    if _is_section(first):
        return _section(block, link)
    if first.startswith("- "):
        return _items(block, link)
    if len(block) > 1 and any(line.startswith(" ") for line in block):  # a paragraph with a block right below
        cut = next(i for i, line in enumerate(block) if line.startswith(" "))
        return [_inline(" ".join(block[:cut]), link), "", *_render(block[cut:], link)]
    return [_inline(" ".join(block), link)]


def _dedented(block: list[str]) -> list[str]:
    margin = min(len(line) - len(line.lstrip()) for line in block if line)
    return [line[margin:] for line in block]


def _items(block: list[str], link: Callable[[str], str | None]) -> list[str]:
    items: list[str] = []
    for line in block:
        if line.startswith("- "):
            items.append(line[2:])
        else:
            items[-1] += " " + line.strip()
    return [f"- {_inline(item, link)}" for item in items]


def _section(block: list[str], link: Callable[[str], str | None]) -> list[str]:
    """A field whose body has a paragraph for each name."""
    word, _, rest = block[0].partition(":")
    entries = [rest.strip()] if rest.strip() else []
    body = _dedented(block[1:]) if block[1:] else []
    previous_blank = False
    for line in body:
        if not line:
            previous_blank = True
        elif line.startswith(" ") and entries:
            entries[-1] += " " + line.strip()
        elif entries and not NAMED.match(line) and not previous_blank:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line)
        previous_blank = previous_blank and not line
    lines = [f":{SECTIONS[word]}:"]
    for entry in entries:
        named = NAMED.match(entry)
        text = f"**{_escaped(named.group(1))}**: {_inline(named.group(2), link)}" if named else _inline(entry, link)
        lines += [f"    {text}", ""]
    return lines


def _inline(text: str, link: Callable[[str], str | None]) -> str:
    """A paragraph: code in backticks, everything else as it stands."""
    parts = CODE.split(text)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = _escaped(part)
            continue
        code = part.strip("`")
        parts[i] = (link(code) or f"``{code.strip()}``") if code.strip() else _escaped(part)
        # inline markup ends only before a blank or a sign: an empty escape, which shows nothing, stands for it
        if i + 1 < len(parts) and parts[i + 1][:1].isalnum():
            parts[i] += "\\ "
        if parts[i - 1] and not parts[i - 1][-1].isspace() and parts[i - 1][-1] not in "-:/'\"<([{":
            parts[i] = "\\ " + parts[i]
    return "".join(parts)


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)
