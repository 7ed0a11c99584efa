"""What every head shares. A head is mixed into a model's own base class, which it needs to be written for only once.

    class Wav2Vec2ConformerForCTC(CTCHead, Wav2Vec2ConformerPreTrainedModel): ...

A head says its name, what it refuses in a config (`check_config`), which layers it adds behind the model (`add_head`),
and runs both (`run`, which is forward but for the input's name). It takes the model's input first, then the mask,
labels where it has some, and the options of `ForwardOptions` by keyword.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.models.base import PreTrainedModel


class Head(PreTrainedModel):
    """Base of the heads: builds the model without a head, under its prefix, then the head."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.check_config(config)
        setattr(self, self.base_model_prefix, self.build_base(config))
        self.add_head(config)

    @classmethod
    def check_config(cls, config: Any) -> None:
        """Raises ValueError for a config that the head cannot be built for."""

    def add_head(self, config: Any) -> None:
        """Adds the head's layers."""
        raise NotImplementedError(f"{type(self).__name__} has no add_head")


def reject_adapter(config: Any, task: str) -> None:
    """Raises ValueError: the reference has no adapters for this task."""
    if config.add_adapter:
        raise ValueError(
            f"config.add_adapter: {task} does not support adapters; use a config with add_adapter=False "
            "(from_pretrained(..., add_adapter=False, allow_unexpected=True) leaves the adapter's weights out)"
        )
