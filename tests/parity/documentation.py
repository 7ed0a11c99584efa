"""The examples of transformers' documentation: read from the installed package, run as they stand and translated.

The translation changes the two imports and asks for arrays; `CHANGES` is all of it.
"""

from __future__ import annotations

import ast
import doctest
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import torch

import npconformer

RATE = 16000
TEXTS = ("THE CAT SAT", "A DOG")

CHANGES = (
    (
        "from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import _compute_mask_indices, "
        "_sample_negative_indices",
        "from npconformer import compute_mask_indices, sample_negative_indices",
    ),
    ("= _compute_mask_indices(", "= compute_mask_indices(rng=rng, "),
    ("= _sample_negative_indices(", "= sample_negative_indices(rng=rng, "),
    ("from transformers import", "from npconformer import"),
    ("import torch", "import npconformer as torch\nimport numpy as np\nrng = np.random.RandomState(0)"),
    ('return_tensors="pt"', 'return_tensors="np"'),
    # lengths of integers are integers
    ("_get_feat_extract_output_lengths(raw_sequence_length).item()", "_get_feat_extract_output_lengths("
     "raw_sequence_length)"),
)  # fmt: skip


def speech(seconds: float, seed: int) -> np.ndarray:
    """Tones that come and go, in a little noise; float32."""
    random, time = np.random.default_rng(seed), np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * f * time) * np.sin(7 * f * time) ** 2 for f in random.uniform(100, 3000, 4))
    return (0.1 * tones + 0.01 * random.standard_normal(len(time))).astype(np.float32)


class Dataset:
    """Two recordings with their texts, behind as much of the library `datasets` as the examples use."""

    features = {"audio": type("Audio", (), {"sampling_rate": RATE})}  # noqa: RUF012

    def __init__(self) -> None:
        sounds = [speech(0.9, 1), speech(0.7, 2)]
        self.rows = [{"audio": {"array": sound}, "text": text} for sound, text in zip(sounds, TEXTS, strict=True)]

    def sort(self, name: str) -> Dataset:
        return self

    def __getitem__(self, index: Any) -> Any:
        chosen = self.rows[index]
        return {name: [row[name] for row in chosen] for name in chosen[0]} if isinstance(chosen, list) else chosen


def translate(source: str) -> str:
    for old, new in CHANGES:
        source = source.replace(old, new)
    return source


def run(text: str, ours: bool) -> tuple[dict[str, Any], list[Any]]:
    """Runs an example; the names that it leaves, and what it shows."""
    np.random.seed(0)  # noqa: NPY002  the reference draws from NumPy's global generator
    torch.manual_seed(0)
    names: dict[str, Any] = {"npconformer": npconformer} if ours else {}
    shown = []
    with dataset_library():
        for example in doctest.DocTestParser().get_examples(text):
            source = translate(example.source) if ours else example.source
            assert not ours or not re.search("import torch|transformers", source), source
            statements = ast.parse(source).body
            if len(statements) == 1 and isinstance(statements[0], ast.Expr):
                shown.append(eval(source, names))
            else:
                exec(source, names)
    return names, shown


@contextmanager
def dataset_library() -> Iterator[None]:
    """Inside, `datasets` is a library of these two recordings. Other modules stay in `sys.modules` afterwards."""
    library, kept = ModuleType("datasets"), sys.modules.get("datasets")
    library.load_dataset = lambda *_, **__: Dataset()
    library.__spec__ = ModuleSpec("datasets", None)
    sys.modules["datasets"] = library
    try:
        yield
    finally:
        sys.modules.pop("datasets")
        if kept is not None:
            sys.modules["datasets"] = kept
