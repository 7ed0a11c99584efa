"""What the library warns of, told by a command: one line each, once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from npconformer.commands.arguments import say
from npconformer.commands.progress import without_bars
from npconformer.storage.messages import AudioWarning


@contextmanager
def tell_warnings() -> Iterator[None]:
    """Within the block, warnings about recordings are lines like the command's others, and no line comes twice."""
    told: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", AudioWarning)
        usual = warnings.showwarning

        def tell(message: Any, category: type[Warning], *arguments: Any, **options: Any) -> None:
            if not issubclass(category, AudioWarning):
                usual(message, category, *arguments, **options)
            elif str(message) not in told:
                told.add(str(message))
                with without_bars():
                    say(str(message))

        warnings.showwarning = tell
        yield
