"""What loading a checkpoint did with every name.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from npconformer.storage.messages import printable

SHOWN = 8
LONGEST_NAME = 200  # characters


@dataclass
class LoadReport:
    """Where each parameter and buffer came from, and what the file held beyond them.

    Attributes:
        path: the file.
        loaded: names in the model that were filled from the file.
        missing: names in the model that the file lacks; initialised at random.
        computed: names in the model that the file lacks and that follow from the config (``inv_freq``).
        unexpected: names in the file that the model lacks and that nothing explains.
        unused_by_design: names in the file that no output of this model depends on: another task's head,
            which is left out, and ``pos_conv_embed``, which is loaded and saved again but never called.
        mismatched: (name, shape in the file, shape in the model); loading stops at these, or, where asked
            to ignore them, leaves the model's at random.
        dtype: what the model computes in.
        stored_dtypes: the floating dtypes that the file stores weights in, and "int8" where it has such.
        held: how many layers' weights the model holds in which dtype of fewer bits, as in {"float16": 130}.

    It also reads as the dictionary that transformers returns in its place: ``report["missing_keys"]``.
    """

    path: str = ""
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    unused_by_design: list[str] = field(default_factory=list)
    mismatched: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    dtype: str | None = None
    stored_dtypes: list[str] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    _AS_IN_TRANSFORMERS: ClassVar[dict[str, Callable[[LoadReport], Any]]] = {
        "missing_keys": lambda report: set(report.missing),
        "unexpected_keys": lambda report: {*report.unexpected, *report.unused_by_design} - {*report.loaded},
        "mismatched_keys": lambda report: set(report.mismatched),
        "error_msgs": lambda report: [],
    }

    def keys(self) -> list[str]:
        """The keys of transformers' dictionary."""
        return list(self._AS_IN_TRANSFORMERS)

    def __getitem__(self, key: str) -> Any:
        return self._AS_IN_TRANSFORMERS[key](self)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def note_dtypes(self, dtype: str, stored: Iterable[str], held: Mapping[str, int] = MappingProxyType({})) -> None:
        """Notes what the model computes in, the stored dtypes of all weights of the file, and those that it holds."""
        self.dtype, self.held = dtype, dict(held)
        self.stored_dtypes = sorted({name for name in stored if "float" in name or name == "int8"})

    def __str__(self) -> str:
        lines = [f"{self.path}: {len(self.loaded)} loaded"]
        explained = {
            "missing": "missing in the file, initialised at random",
            "computed": "missing in the file, computed from the config",
            "unexpected": "unexpected: in the file, not in the model",
            "unused_by_design": "unused by design",
        }
        for name, meaning in explained.items():
            names = getattr(self, name)
            if names:
                lines.append(f"{len(names)} {meaning}: {shorten(names)}")
        others = [name for name in self.stored_dtypes if name != self.dtype]
        if others and self.dtype is not None:
            lines.append(f"stored in {', '.join(others)}, computed in {self.dtype}")
        for kind, count in self.held.items():
            lines.append(f"held in {kind}: the weights of {count} layers")
        if self.mismatched:
            lines.append(f"{len(self.mismatched)} of another shape: {describe_mismatches(self.mismatched)}")
        return "\n  ".join(lines)


def shorten(names: list[str], most: int = SHOWN) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(printable(name[:LONGEST_NAME]) for name in names[:most]) + more


def count_by_part(names: list[str]) -> str:
    """How many there are in each part: 22 in wav2vec2_bert.adapter, 4 in wav2vec2_bert.feature_projection."""
    parts: dict[str, int] = {}
    for name in names:
        part = ".".join(name.split(".")[:2])
        parts[part] = parts.get(part, 0) + 1
    return ", ".join(part if part in names else f"{count} in {part}" for part, count in parts.items())


def describe_mismatches(mismatched: list[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> str:
    """The first few as text: lm_head.bias is (32,) in the file and (30,) in the model."""
    return shorten([f"{name} is {stored} in the file and {own} in the model" for name, stored, own in mismatched])
