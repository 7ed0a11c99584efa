"""The arguments that the forward of every model takes beside its inputs and labels: declared here, once.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from npconformer.models.outputs import ModelOutput

PADDING_MODES = ("reference", "exact")


@dataclass(frozen=True)
class ForwardOptions:
    """What a call returns, and what padding does. All are given by keyword; None takes the config's field of that name.

    Attributes:
        output_hidden_states: return the input of the first block and the output of each.
        output_attentions: return each block's attention weights.
        return_dict: False for a plain tuple of what is set, in place of an output object.
        padding_mode: "reference": padding reaches an utterance's last frames wherever it does in transformers.
            "exact": in evaluation every utterance of a batch gives what it gives alone. Each model's forward says
            where the two differ.
    """

    output_hidden_states: bool | None = None
    output_attentions: bool | None = None
    return_dict: bool | None = None
    padding_mode: str | None = None

    @classmethod
    def complete(cls, config: Any, given: dict[str, Any]) -> ForwardOptions:
        """The options of a call, with the config's fields for those that were not given.

        Raises:
            TypeError: an option of another name. ValueError: another padding mode.
        """
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise TypeError(f"{name!r} is no argument of forward; beside inputs and labels: {', '.join(names)}")
        values = {name: getattr(config, name) if given.get(name) is None else given[name] for name in names}
        if values["padding_mode"] not in PADDING_MODES:
            raise ValueError(f"padding_mode: expected one of {PADDING_MODES}, got {values['padding_mode']!r}")
        return cls(**values)

    @property
    def exact_padding(self) -> bool:
        """Whether an utterance gets what it would get alone."""
        return self.padding_mode == "exact"

    def finish(self, output: ModelOutput) -> Any:
        """The output as it was asked for: itself, or a tuple."""
        return output if self.return_dict else output.to_tuple()
