"""What models return: named fields, which also read as a tuple of those that are set.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from npconformer.tape.autograd import Tensor


@dataclass
class ModelOutput(Mapping):
    """Base of all outputs: `output.logits`, `output["logits"]`, `output[0]` (among the fields that are set).

    It is a mapping from the names of the fields that are set: `items`, `values`, `get`, `dict(output)`.
    """

    def keys(self) -> list[str]:  # type: ignore[override]
        """The names of the fields that are set."""
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that are set, in order."""
        return tuple(getattr(self, name) for name in self.keys())

    def __getitem__(self, key: str | int | slice) -> Any:
        if not isinstance(key, str):
            return self.to_tuple()[key]
        if key not in self.keys():
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in [field.name for field in fields(self)]:
            raise KeyError(f"{type(self).__name__} has no field {key!r}")
        setattr(self, key, value)

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())


@dataclass
class Wav2Vec2BaseModelOutput(ModelOutput):
    """Output of a model without a head.

    Attributes:
        last_hidden_state: (B, T, C), after the encoder's final layer norm and the adapter.
        extract_features: (B, T, conv_dim[-1]), the normalised convolution features.
        hidden_states: the first layer's input and each layer's output, (B, T, C) each.
        attentions: each layer's attention weights, (B, H, T, T) each.
    """

    last_hidden_state: Tensor
    extract_features: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass
class CausalLMOutput(ModelOutput):
    """Output of a model with a CTC head.

    Attributes:
        loss: the CTC loss, present when labels were given.
        logits: (B, T, vocab_size) scores before softmax. Those of padded frames mean nothing.
        hidden_states, attentions: as in `Wav2Vec2BaseModelOutput`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass
class SequenceClassifierOutput(ModelOutput):
    """Output of a model that classifies utterances.

    Attributes:
        loss: present when labels were given.
        logits: (B, num_labels) scores before softmax, or before the sigmoid in multi-label classification.
        hidden_states, attentions: as in `Wav2Vec2BaseModelOutput`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass
class TokenClassifierOutput(ModelOutput):
    """Output of a model that classifies frames.

    Attributes:
        loss: present when labels were given.
        logits: (B, T, num_labels) scores. Those of padded frames mean nothing.
        hidden_states, attentions: as in `Wav2Vec2BaseModelOutput`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass
class XVectorOutput(ModelOutput):
    """Output of a model that gives speaker vectors.

    Attributes:
        loss: the AM-softmax loss, present when labels were given.
        logits: (B, xvector_output_dim), the vectors that the loss compares with the classes' directions.
        embeddings: (B, xvector_output_dim), the speaker vectors, one layer before.
        hidden_states, attentions: as in `Wav2Vec2BaseModelOutput`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    embeddings: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@dataclass
class Wav2Vec2ConformerForPreTrainingOutput(ModelOutput):
    """Output of a model in self-supervised pre-training.

    Attributes:
        loss: contrastive_loss + diversity_loss_weight * diversity_loss, present when negatives were given.
        projected_states: (B, T, proj_codevector_dim), what the model predicts.
        projected_quantized_states: (B, T, proj_codevector_dim), what it should predict at the masked frames.
        codevector_perplexity: 0-d, from num_codevector_groups (one codeword for all) to the number of codewords.
        hidden_states, attentions: as in `Wav2Vec2BaseModelOutput`.
        contrastive_loss, diversity_loss: 0-d sums over the masked frames.
    """

    loss: Tensor | None = None
    projected_states: Tensor | None = None
    projected_quantized_states: Tensor | None = None
    codevector_perplexity: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    contrastive_loss: Tensor | None = None
    diversity_loss: Tensor | None = None
