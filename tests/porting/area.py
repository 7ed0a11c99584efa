"""A row: one thing that people write, run in both libraries; an area: rows of one subject, with the frozen answers.

A row that has no remark must come out equal. `deliberate="..."` says why it does not, and that it stays so;
`absent="..."` that npconformer has no such thing, and why. Both must be true: a row that has become equal may not
keep its remark. `docs/differences.md` shows these two kinds to users, and is written from here.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.porting.library import Library
from tests.porting.plain import Plain, difference, to_plain

ANSWERS = Path(__file__).with_name("answers")


@dataclass(frozen=True)
class Row:
    """One call.

    Attributes:
        call: as people write it; unique in its area.
        run: gets a library and returns plain values, arrays, tensors, or dicts and lists of them.
        tolerance: relative and absolute, between the two results.
        deliberate: why the difference stays, for the user's eyes.
        absent: why there is no such thing here, for the user's eyes.
        needs: a package that the call makes npconformer use.
    """

    call: str
    run: Callable[[Library], Any]
    tolerance: float = 1e-5
    deliberate: str | None = None
    absent: str | None = None
    needs: str | None = None

    def result(self, name: str, checkpoints: Path, temporary: Path) -> Plain:
        """What comes of it in the library of that name; an exception is a result too."""
        library = Library(name, checkpoints, temporary)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return to_plain(self.run(library))
            except Exception as error:
                return {"kind": "raises", "value": type(error).__name__, "message": str(error)[:300]}

    def verdict(self, ours: Plain, theirs: Plain) -> str:
        """ "equal", "container", "deliberate" or "absent"; a difference that has no remark is an AssertionError."""
        found = difference(ours, theirs, self.tolerance)
        remark = self.deliberate or self.absent
        if found is None or found == "container":
            assert remark is None, f"{self.call}: the results agree, and the row says: {remark}"
            return "container" if found else "equal"
        assert remark is not None, f"{self.call}: {found}{_message(ours)}"
        return "deliberate" if self.deliberate else "absent"


def _message(one: Plain) -> str:
    return f" ({one['message']})" if one.get("message") else ""


class Area:
    """Rows of one subject. `areas/NAME.py` holds `AREA = Area("NAME", "Title")` and its rows."""

    def __init__(self, name: str, title: str) -> None:
        self.name, self.title = name, title
        self.rows: dict[str, Row] = {}

    def row(self, call: str, **remarks: Any) -> Callable[[Callable[[Library], Any]], Callable[[Library], Any]]:
        """Decorates the function that runs the call."""

        def add(run: Callable[[Library], Any]) -> Callable[[Library], Any]:
            if call in self.rows:
                raise ValueError(f"{self.name} has two rows {call!r}")
            self.rows[call] = Row(call, run, **remarks)
            return run

        return add

    @property
    def _file(self) -> Path:
        return ANSWERS / f"{self.name}.json"

    def answers(self) -> dict[str, Plain]:
        """What transformers gave for each row when they were frozen."""
        return json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else {}

    def freeze(self, answers: dict[str, Plain]) -> None:
        lines = [f"{json.dumps(call)}: {json.dumps(answer)}" for call, answer in sorted(answers.items())]
        self._file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
