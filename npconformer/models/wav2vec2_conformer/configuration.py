"""Configuration of Wav2Vec2-Conformer: one dataclass of dimensions and rates; contradictions are refused.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from npconformer.models import config_checks as check
from npconformer.models.speech_configuration import SpeechEncoderConfig, names


@dataclass(init=False, repr=False, eq=False)
class Wav2Vec2ConformerConfig(SpeechEncoderConfig):
    """Settings of a Wav2Vec2-Conformer model; names and defaults are those of transformers 5.23.

    ``hidden_states_convention`` is npconformer's own. It says what the last of the ``hidden_states`` is: in
    "5.x" (transformers 5) the output of the last block, in "4.x" that after the encoder's final layer norm.
    A head that mixes the hidden states (``use_weighted_layer_sum``) should be run with the convention that it was
    trained with. In ``config.json`` "4.x" is ``tie_last_hidden_states: true``, by which transformers 5 is asked for
    the former convention.

    Example:
        >>> config = Wav2Vec2ConformerConfig(hidden_size=96, num_attention_heads=4, vocab_size=32)
        >>> config.inputs_to_logits_ratio
        320
    """

    model_type: ClassVar[str] = "wav2vec2-conformer"
    sizes: ClassVar[tuple[str, ...]] = SpeechEncoderConfig.sizes + names(
        """num_conv_pos_embeddings num_conv_pos_embedding_groups num_codevectors_per_group num_codevector_groups
        codevector_dim proj_codevector_dim num_negatives"""
    )
    probabilities: ClassVar[tuple[str, ...]] = (*SpeechEncoderConfig.probabilities, "feat_quantizer_dropout")
    switches: ClassVar[tuple[str, ...]] = (*SpeechEncoderConfig.switches, "conv_bias")
    lists: ClassVar[tuple[str, ...]] = SpeechEncoderConfig.lists + names("conv_dim conv_stride conv_kernel")
    choices: ClassVar[dict[str, tuple[str | None, ...]]] = {
        **SpeechEncoderConfig.choices,
        "feat_extract_activation": check.ACTIVATIONS,
        "feat_extract_norm": ("group", "layer"),
        "hidden_states_convention": ("5.x", "4.x"),
    }

    # encoder
    num_conv_pos_embeddings: int = 128  # of pos_conv_embed, which has weights and is never called
    num_conv_pos_embedding_groups: int = 16
    hidden_states_convention: str | None = None  # from tie_last_hidden_states unless given

    # feature encoder: one entry per convolution
    feat_extract_norm: str = "group"
    feat_extract_activation: str = "gelu"
    conv_dim: tuple[int, ...] = (512, 512, 512, 512, 512, 512, 512)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_bias: bool = False
    feat_quantizer_dropout: float = 0.0

    # pretraining
    num_codevectors_per_group: int = 320
    num_codevector_groups: int = 2
    contrastive_logits_temperature: float = 0.1
    num_negatives: int = 100
    codevector_dim: int = 256
    proj_codevector_dim: int = 256
    diversity_loss_weight: float = 0.1

    @property
    def num_feat_extract_layers(self) -> int:
        """Number of convolutions in the feature encoder."""
        return len(self.conv_dim)

    @property
    def inputs_to_logits_ratio(self) -> int:
        """Samples per frame of the encoder: the product of the feature encoder's strides."""
        return math.prod(self.conv_stride)

    def complete(self) -> None:
        super().complete()
        if self.hidden_states_convention is None:
            self.hidden_states_convention = "4.x" if self.extra.get("tie_last_hidden_states") else "5.x"

    def to_dict(self) -> dict[str, Any]:
        settings = {**super().to_dict(), "num_feat_extract_layers": self.num_feat_extract_layers}
        if settings.pop("hidden_states_convention") == "4.x":
            settings["tie_last_hidden_states"] = True
        elif settings.get("tie_last_hidden_states"):
            del settings["tie_last_hidden_states"]
        return settings

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **overrides: Any) -> Any:
        if "conv_dim" in overrides and isinstance(config_dict, dict):  # derived from what is overridden
            config_dict = {name: value for name, value in config_dict.items() if name != "num_feat_extract_layers"}
        return super().from_dict(config_dict, **overrides)

    def _check_each_field(self) -> None:
        super()._check_each_field()
        check.real("contrastive_logits_temperature", self.contrastive_logits_temperature, above=0)
        check.real("diversity_loss_weight", self.diversity_loss_weight)

    def _check_contradictions(self) -> None:
        check.same_length(conv_dim=self.conv_dim, conv_stride=self.conv_stride, conv_kernel=self.conv_kernel)
        layers = self.extra.pop("num_feat_extract_layers", self.num_feat_extract_layers)
        if layers != self.num_feat_extract_layers:
            expected = f"{self.num_feat_extract_layers}, the number of entries in 'conv_dim'"
            raise check.wrong("num_feat_extract_layers", layers, expected)
        super()._check_contradictions()
        groups = self.num_conv_pos_embedding_groups
        check.divisible("hidden_size", self.hidden_size, "num_conv_pos_embedding_groups", groups)
        check.divisible("codevector_dim", self.codevector_dim, "num_codevector_groups", self.num_codevector_groups)
