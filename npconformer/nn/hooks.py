"""Forward hooks: functions that see what a module was given and what it gives, without a change to its code.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

Hook = Callable[[Any, tuple[Any, ...], Any], Any]  # hook(module, args, output)

_numbers = itertools.count()


class HookHandle:
    """One registered hook: `handle.remove()` takes it away, and so does the end of `with handle: ...`."""

    def __init__(self, hooks: dict[int, Hook], hook: Hook) -> None:
        self._hooks, self._number = hooks, next(_numbers)
        hooks[self._number] = hook

    def remove(self) -> None:
        """Takes the hook away; a second time changes nothing."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
