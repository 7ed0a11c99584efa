"""What a run of a notebook shows that its file does not: errors, warnings, and outputs that are no longer true."""

from __future__ import annotations

import re
from typing import Any

from notebook_files import VARIES, code_cells, joined_streams, without_addresses

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
ROUNDING = 1e-5  # a number below this is what rounding left, and may be any other below it
RELATIVE = 2e-3


def problems_of_outputs(notebook: Any) -> list[str]:
    """Errors and messages on standard error among the outputs of a notebook."""
    problems = []
    for number, cell in enumerate(code_cells(notebook), 1):
        for output in cell.outputs:
            if output.output_type == "error":
                problems.append(f"cell [{number}]: {output.ename}: {output.evalue}")
            elif output.output_type == "stream" and output.name == "stderr":
                problems.append(f"cell [{number}]: on standard error: {output.text.strip()[:300]}")
    return problems


def problems_of_counts(notebook: Any) -> list[str]:
    """Execution counts that are not 1, 2, 3, ...: the notebook was not run from top to bottom in a clean kernel."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    expected = list(range(1, len(counts) + 1))
    return [] if counts == expected else [f"execution counts are {counts}: execute it in one go, from a clean kernel"]


def problems_of_stored(stored: Any, executed: Any) -> list[str]:
    """Where the outputs of the file are not those of a run, in cells without the tag `varies`."""
    problems = []
    for number, (old, new) in enumerate(zip(code_cells(stored), code_cells(executed)), 1):
        if VARIES in old.metadata.get("tags", []):
            continue
        was, now = _shown(old.outputs), _shown(new.outputs)
        if [kind for kind, _ in was] != [kind for kind, _ in now]:
            problems.append(f"cell [{number}]: stored {_kinds(was)}, and a run gives {_kinds(now)}")
            continue
        for (kind, before), (_, after) in zip(was, now):
            if before != after and not same_text(before, after):
                problems.append(f"cell [{number}]: {kind} is stale: {difference(before, after)}")
    return problems


def same_text(before: str, after: str) -> bool:
    """Whether texts differ at most in white space, and in numbers by no more than rounding and another machine do."""
    return _rest(before) == _rest(after) and all(
        map(same_number, NUMBER.findall(before), NUMBER.findall(after))
    )  # as many numbers, since the rests have a mark for each


def same_number(before: str, after: str) -> bool:
    """Whole numbers agree exactly; others to 0.2 %, to the last place that is printed, or as rounding errors."""
    if before == after:
        return True
    if not any(mark in number for number in (before, after) for mark in ".eE"):
        return False
    a, b = float(before), float(after)
    last_place = 1.01 * max(map(_last_place, (before, after)))
    return abs(a - b) <= max(ROUNDING, RELATIVE * max(abs(a), abs(b)), last_place)


def difference(before: str, after: str) -> str:
    """The first line in which they differ."""
    pairs = zip([*before.splitlines(), ""], [*after.splitlines(), ""])
    old, new = next((pair for pair in pairs if not same_text(*pair)), (before, after))
    return f"{old.strip()[:150]!r} is stored, and a run gives {new.strip()[:150]!r}"


def _shown(outputs: list[Any]) -> list[tuple[str, str]]:
    """Each output as its kind and its text; of a picture nothing but its kind: that it is there is what is compared."""
    shown = []
    for output in joined_streams(outputs):
        if output.output_type == "stream":
            shown.append((output.name, output.text))
        data = output.get("data", {})
        pictures = sorted(kind for kind in data if kind.startswith("image/"))
        texts = sorted(data.items()) if not pictures else ()  # the text beside a picture stands for it
        shown += [(kind, "") for kind in pictures] + [(kind, without_addresses(str(text))) for kind, text in texts]
    return shown


def _kinds(shown: list[tuple[str, str]]) -> str:
    return ", ".join(kind for kind, _ in shown) or "no output"


def _rest(text: str) -> str:
    return "".join(NUMBER.sub("#", text).split())


def _last_place(number: str) -> float:
    digits, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
