"""What is known of a model in another program's file, before it becomes a checkpoint folder.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from npconformer.checkpoints.array_file import ArrayFile


@dataclass
class Original:
    """A model as transformers would have it.

    Attributes:
        model_type: as in config.json.
        head: "ctc", "pretraining" or None, by the names of the models' registry.
        weights: under transformers' names.
        config: the fields of the configuration that the file says; the others are left at their defaults.
        extractor: the settings of the feature extractor that the file says.
        symbols: the letters of a CTC model in their order; None where they are not known.
    """

    model_type: str
    head: str | None
    weights: ArrayFile
    config: dict[str, Any]
    extractor: dict[str, Any] = field(default_factory=dict)
    symbols: list[str] | None = None
