"""Saving weights in one file, or in several with an index when they are large, in transformers' layout.

    model.safetensors                      all weights, if they have at most `max_shard_size`

    model-00001-of-00002.safetensors       otherwise the first of them, as many as fit,
    model-00002-of-00002.safetensors       the others,
    model.safetensors.index.json           and which is where: see `sharded_file`

A folder may hold an earlier save in either form. Whoever loads must find that one or the new one, and never some
weights of each, whenever the process is killed. So the new files are written under other names first. Then the old
index goes if one of its shards is about to be replaced, the files get their names, the new index last, and what is
left of the earlier save is removed. Where the process ends in the middle, the folder may be without an index, and
loading says so. (transformers 5.23 leaves an earlier model.safetensors beside new shards, and then loads that.)

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from npconformer.checkpoints.array_file import INDEX_NAME, WEIGHTS_NAME
from npconformer.storage.files import atomic_path, write_json_atomically

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
MOST_SHARDS = 99_999
_SHARD = re.compile(r"model-[0-9]{5}-of-[0-9]{5}\.safetensors")


def parse_size(size: int | str) -> int:
    """Bytes of a size such as 5000000000, "5GB" or "1.5 MB".

    Raises:
        ValueError: it is none, or not positive.
    """
    number = None
    if isinstance(size, str) and (match := re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]B)\s*", size.upper())):
        number = int(float(match[1]) * UNITS[match[2]])
    elif isinstance(size, int) and not isinstance(size, bool):
        number = size
    if number is None or number < 1:
        raise ValueError(f"max_shard_size is {size!r}; expected a number of bytes or a size such as '5GB' or '200MB'")
    return number


def plan_shards(sizes: Mapping[str, int], largest: int) -> list[list[str]]:
    """Which weights go together: in their order, as many as fit; one that does not fit by itself is alone.

    Args:
        sizes: bytes by name.
        largest: of a shard, in bytes.
    """
    shards: list[list[str]] = [[]]
    filled = 0
    for name, size in sizes.items():
        if shards[-1] and filled + size > largest:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


def shard_names(count: int, stem: str = "model", suffix: str = ".safetensors") -> list[str]:
    """The files' names for so many shards. Raises ValueError where these names have no place for the number."""
    if count > MOST_SHARDS:
        raise ValueError(f"max_shard_size makes {count} shards; expected a size that makes at most {MOST_SHARDS}")
    if count == 1:
        return [f"{stem}{suffix}"]
    return [f"{stem}-{number:05d}-of-{count:05d}{suffix}" for number in range(1, count + 1)]


@contextmanager
def whole_weights(folder: Path, sizes: Mapping[str, int], largest: int) -> Iterator[list[tuple[Path, Sequence[str]]]]:
    """Yield a path to write to and the weights that go there, for each shard.

    When the block ends well, the files get their names, with an index if there are several, and an earlier save's go.
    If it raises, the folder stays as it was.

    Args:
        folder: where to save.
        sizes: bytes of each weight by name, in their order.
        largest: of a shard, in bytes.
    """
    shards = plan_shards(sizes, largest)
    names = shard_names(len(shards))
    index = {
        "metadata": {"total_size": sum(sizes.values())},
        "weight_map": {weight: name for name, weights in zip(names, shards) for weight in weights},
    }
    with ExitStack() as files:
        if len(names) > 1:  # what is entered first gets its name last
            write_json_atomically(files.enter_context(atomic_path(folder / INDEX_NAME)), index)
        paths = [files.enter_context(atomic_path(folder / name)) for name in reversed(names)][::-1]
        yield list(zip(paths, shards))
        if any(name != WEIGHTS_NAME and (folder / name).exists() for name in names):
            (folder / INDEX_NAME).unlink(missing_ok=True)
    _remove_earlier(folder, names)


def _remove_earlier(folder: Path, names: list[str]) -> None:
    """Removes what a save under other names has left: the other form, and shards of another number."""
    (folder / (INDEX_NAME if names == [WEIGHTS_NAME] else WEIGHTS_NAME)).unlink(missing_ok=True)
    for path in sorted(folder.iterdir()):
        if _SHARD.fullmatch(path.name) and path.name not in names:
            path.unlink()
