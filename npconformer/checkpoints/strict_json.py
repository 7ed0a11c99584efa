"""JSON in which no name occurs twice, so that every reader of it understands the same."""

from __future__ import annotations

import json
from typing import Any


def parse_strictly(text: bytes) -> Any:
    """The value of a JSON text. Raises ValueError when it is not JSON, not UTF-8, or has a name twice in one object."""

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError("a name occurs twice")
        return dict(pairs)

    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=without_duplicates)
    except RecursionError as error:
        raise ValueError(str(error)) from None
