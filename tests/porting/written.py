"""Rows whose call is the code itself: what stands in the table is what runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library


def add_calls(area: Area, names: Callable[[Library], dict[str, Any]], calls: Iterable[str], **remarks: Any) -> None:
    """Adds a row for each call: statements between semicolons, the last an expression, whose value is the result.

    names: what a call may use besides the library `l`; made anew for every call.
    """
    for call in calls:
        *statements, expression = (part.strip() for part in call.split("; "))

        def run(l: Library, statements: list[str] = statements, expression: str = expression) -> Any:
            known = {"l": l, **names(l)}
            for statement in statements:
                exec(statement, known)
            return eval(expression, known)

        area.row(call, **remarks)(run)
