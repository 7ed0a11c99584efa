"""Configuration of Wav2Vec2-Conformer: one dataclass of dimensions and rates; contradictions are refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from npconformer.models import config_checks as check
from npconformer.models.configuration import PretrainedConfig

POSITION_TYPES = (None, "relative", "rotary")
SIZES = """
    hidden_size num_attention_heads intermediate_size output_hidden_size
    num_conv_pos_embeddings num_conv_pos_embedding_groups mask_time_length mask_feature_length
    num_codevectors_per_group num_codevector_groups codevector_dim proj_codevector_dim num_negatives
    classifier_proj_size xvector_output_dim adapter_kernel_size adapter_stride
    max_source_positions conv_depthwise_kernel_size
""".split()
COUNTS = "num_hidden_layers num_adapter_layers mask_time_min_masks mask_feature_min_masks".split()
PROBABILITIES = """
    hidden_dropout activation_dropout attention_dropout feat_proj_dropout feat_quantizer_dropout final_dropout
    layerdrop mask_time_prob mask_feature_prob conformer_conv_dropout
""".split()
SWITCHES = "conv_bias apply_spec_augment ctc_zero_infinity use_weighted_layer_sum add_adapter".split()
LISTS = "conv_dim conv_stride conv_kernel tdnn_dim tdnn_kernel tdnn_dilation".split()


@dataclass(init=False, repr=False, eq=False)
class Wav2Vec2ConformerConfig(PretrainedConfig):
    """Settings of a Wav2Vec2-Conformer model; names and defaults are those of transformers 5.23.

    ``padding_mode`` is npconformer's own: "reference" lets padding leak through the depthwise convolution as
    transformers does; "exact" gives an utterance in a batch the output that it has alone. It is written to
    ``config.json`` only when it is not "reference".

    ``hidden_states_convention`` is npconformer's own too. It says what the last of the ``hidden_states`` is: in
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
    defaults_not_written: ClassVar[frozenset[str]] = PretrainedConfig.defaults_not_written | {"padding_mode"}

    # vocabulary
    vocab_size: int | None = None
    pad_token_id: int | None = 0  # also the blank of CTC
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2

    # encoder
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout: float = 0.1
    activation_dropout: float = 0.1
    attention_dropout: float = 0.1
    layerdrop: float = 0.1
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-5
    position_embeddings_type: str | None = "relative"
    rotary_embedding_base: int = 10000
    max_source_positions: int = 5000
    conv_depthwise_kernel_size: int = 31
    conformer_conv_dropout: float = 0.1
    num_conv_pos_embeddings: int = 128  # of pos_conv_embed, which has weights and is never called
    num_conv_pos_embedding_groups: int = 16

    # feature encoder: one entry per convolution
    feat_extract_norm: str = "group"
    feat_extract_activation: str = "gelu"
    conv_dim: tuple[int, ...] = (512, 512, 512, 512, 512, 512, 512)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_bias: bool = False
    feat_proj_dropout: float = 0.0
    feat_quantizer_dropout: float = 0.0

    # SpecAugment
    apply_spec_augment: bool = True
    mask_time_prob: float = 0.05
    mask_time_length: int = 10
    mask_time_min_masks: int = 2
    mask_feature_prob: float = 0.0
    mask_feature_length: int = 10
    mask_feature_min_masks: int = 0

    # pretraining
    num_codevectors_per_group: int = 320
    num_codevector_groups: int = 2
    contrastive_logits_temperature: float = 0.1
    num_negatives: int = 100
    codevector_dim: int = 256
    proj_codevector_dim: int = 256
    diversity_loss_weight: float = 0.1

    # heads
    final_dropout: float = 0.1
    ctc_loss_reduction: str = "sum"
    ctc_zero_infinity: bool = False
    use_weighted_layer_sum: bool = False
    classifier_proj_size: int = 256
    tdnn_dim: tuple[int, ...] = (512, 512, 512, 512, 1500)
    tdnn_kernel: tuple[int, ...] = (5, 3, 3, 1, 1)
    tdnn_dilation: tuple[int, ...] = (1, 2, 3, 1, 1)
    xvector_output_dim: int = 512

    # adapter
    add_adapter: bool = False
    adapter_kernel_size: int = 3
    adapter_stride: int = 2
    num_adapter_layers: int = 3
    output_hidden_size: int | None = None  # hidden_size unless given

    padding_mode: str = "reference"
    hidden_states_convention: str | None = None  # from tie_last_hidden_states unless given

    @property
    def num_feat_extract_layers(self) -> int:
        """Number of convolutions in the feature encoder."""
        return len(self.conv_dim)

    @property
    def inputs_to_logits_ratio(self) -> int:
        """Samples per frame: the product of the feature encoder's strides."""
        return math.prod(self.conv_stride)

    def complete(self) -> None:
        if self.output_hidden_size is None:
            self.output_hidden_size = self.hidden_size
        if self.hidden_states_convention is None:
            self.hidden_states_convention = "4.x" if self.extra.get("tie_last_hidden_states") else "5.x"

    def validate(self) -> None:
        super().validate()
        self._check_each_field()
        self._check_contradictions()

    def to_dict(self) -> dict[str, Any]:
        settings = {**super().to_dict(), "num_feat_extract_layers": self.num_feat_extract_layers}
        if settings.pop("hidden_states_convention") == "4.x":
            settings["tie_last_hidden_states"] = True
        elif settings.get("tie_last_hidden_states"):
            del settings["tie_last_hidden_states"]
        return settings

    @classmethod
    def from_dict(cls, settings: dict[str, Any], **overrides: Any) -> Wav2Vec2ConformerConfig:
        if "conv_dim" in overrides and isinstance(settings, dict):  # derived from what is overridden
            settings = {name: value for name, value in settings.items() if name != "num_feat_extract_layers"}
        return super().from_dict(settings, **overrides)

    def _check_each_field(self) -> None:
        for name in SIZES:
            setattr(self, name, check.integer(name, getattr(self, name), at_least=1))
        for name in COUNTS:
            setattr(self, name, check.integer(name, getattr(self, name), at_least=0))
        for name in PROBABILITIES:
            setattr(self, name, check.probability(name, getattr(self, name)))
        for name in SWITCHES:
            setattr(self, name, check.boolean(name, getattr(self, name)))
        for name in LISTS:
            setattr(self, name, check.integers(name, getattr(self, name)))
        if self.vocab_size is not None:
            self.vocab_size = check.integer("vocab_size", self.vocab_size)
        self._check_token_ids()
        check.real("initializer_range", self.initializer_range, at_least=0)
        check.real("layer_norm_eps", self.layer_norm_eps, above=0)
        check.real("rotary_embedding_base", self.rotary_embedding_base, above=0)
        check.real("contrastive_logits_temperature", self.contrastive_logits_temperature, above=0)
        check.real("diversity_loss_weight", self.diversity_loss_weight)
        check.choice("hidden_act", self.hidden_act, check.ACTIVATIONS)
        check.choice("feat_extract_activation", self.feat_extract_activation, check.ACTIVATIONS)
        check.choice("feat_extract_norm", self.feat_extract_norm, ("group", "layer"))
        check.choice("position_embeddings_type", self.position_embeddings_type, POSITION_TYPES)
        check.choice("ctc_loss_reduction", self.ctc_loss_reduction, ("sum", "mean", "none"))
        check.choice("padding_mode", self.padding_mode, ("reference", "exact"))
        check.choice("hidden_states_convention", self.hidden_states_convention, ("5.x", "4.x"))

    def _check_token_ids(self) -> None:
        if self.pad_token_id is not None:
            self.pad_token_id = check.integer("pad_token_id", self.pad_token_id, at_least=0)
            if self.vocab_size is not None and self.pad_token_id >= self.vocab_size:
                raise check.wrong(
                    "pad_token_id",
                    self.pad_token_id,
                    f"a token below 'vocab_size', which is {self.vocab_size}",
                )
        for name in ("bos_token_id", "eos_token_id"):
            value = getattr(self, name)
            many = name == "eos_token_id" and isinstance(value, (list, tuple))
            for token in value if many else [value]:
                if token is not None:
                    check.integer(name, token, at_least=None)

    def _check_contradictions(self) -> None:
        check.same_length(conv_dim=self.conv_dim, conv_stride=self.conv_stride, conv_kernel=self.conv_kernel)
        check.same_length(tdnn_dim=self.tdnn_dim, tdnn_kernel=self.tdnn_kernel, tdnn_dilation=self.tdnn_dilation)
        layers = self.extra.pop("num_feat_extract_layers", self.num_feat_extract_layers)
        if layers != self.num_feat_extract_layers:
            expected = f"{self.num_feat_extract_layers}, the number of entries in 'conv_dim'"
            raise check.wrong("num_feat_extract_layers", layers, expected)
        check.divisible("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)
        groups = self.num_conv_pos_embedding_groups
        check.divisible("hidden_size", self.hidden_size, "num_conv_pos_embedding_groups", groups)
        check.divisible("codevector_dim", self.codevector_dim, "num_codevector_groups", self.num_codevector_groups)
        if self.conv_depthwise_kernel_size % 2 == 0:
            raise check.wrong(
                "conv_depthwise_kernel_size",
                self.conv_depthwise_kernel_size,
                "an odd number, so that the convolution keeps the number of frames",
            )
        head_size = self.hidden_size // self.num_attention_heads
        if self.position_embeddings_type == "rotary" and head_size % 2:
            expected = f"an even head size for rotary positions; it is {head_size} with "
            raise check.wrong(
                "hidden_size", self.hidden_size, expected + f"num_attention_heads {self.num_attention_heads}"
            )
        if self.position_embeddings_type == "relative" and self.hidden_size % 2:
            raise check.wrong("hidden_size", self.hidden_size, "an even number for relative positions")
