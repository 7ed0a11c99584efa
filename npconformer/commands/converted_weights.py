"""The weights of what `npconformer convert` makes: written with a bar on a terminal, and told of."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import say


def write_weights(arguments: argparse.Namespace, file: Any, out: Path, largest: int, model: Any = None) -> list[Path]:
    """Write the weights of `file` as the arguments ask for, with a bar on a terminal; returns the files.

    model: whose weights they are, without any; needed for int8 alone.
    """
    from npconformer.checkpoints.conversion import convert_weights, target_layouts

    dtype = arguments.dtype
    if dtype == "int8":
        from npconformer.checkpoints.int8_conversion import Int8Conversion, storable_names

        file, dtype = Int8Conversion(file, storable_names(file, model)), "float32"  # what is no matrix
    total = sum(layout.size for layout in target_layouts(file, dtype).values())
    with progress_bar(total) as progress:
        return convert_weights(file, out, arguments.format, dtype, largest, progress)


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], object]]:
    """A function to be told of bytes that are done, of `total`; it moves a bar while somebody watches."""
    from tqdm import tqdm

    hidden = sys.stderr is None or not sys.stderr.isatty()
    with tqdm(total=total, unit="B", unit_scale=True, file=sys.stderr, disable=hidden, leave=False) as bar:
        yield bar.update


def tell(arguments: argparse.Namespace, paths: list[Path], left: list[str]) -> None:
    """Say what was written, and what was not copied."""
    from npconformer.commands.info import human_bytes

    size = human_bytes(sum(path.stat().st_size for path in paths))
    files = paths[0].name if len(paths) == 1 else f"{len(paths) - 1} shards"
    say(f"{arguments.out_dir}: {files}, {size}")
    if left:
        say(f"not copied: {', '.join(left)}")
