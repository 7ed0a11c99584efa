"""The settings that the configurations of all speech models share: encoder, SpecAugment, heads, adapter.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from npconformer.models import config_checks as check
from npconformer.models.configuration import PretrainedConfig
from npconformer.models.forward_options import PADDING_MODES


def names(text: str) -> tuple[str, ...]:
    """The words of a text, as names of fields."""
    return tuple(text.split())


@dataclass(init=False, repr=False, eq=False)
class SpeechEncoderConfig(PretrainedConfig):
    """Base of the speech models' configurations; a model's own adds its fields, and its defaults where they differ.

    ``padding_mode`` is npconformer's own: "reference" lets padding leak into shorter utterances where transformers
    does; "exact" gives an utterance in a batch the output that it has alone. It is written to ``config.json`` only
    when it is not "reference". So is ``ctc_compute_dtype``: what the CTC loss is computed in, the model's dtype unless
    given; "float32" rounds a float64 model's loss as transformers does.

    ``sizes`` (at least 1), ``counts`` (at least 0), ``probabilities``, ``switches``, ``lists`` and ``choices`` name the
    fields that are checked alike; a model's own configuration extends them.
    """

    defaults_not_written: ClassVar[frozenset[str]] = PretrainedConfig.defaults_not_written | {
        "padding_mode",
        "ctc_compute_dtype",
    }
    sizes: ClassVar[tuple[str, ...]] = names(
        """hidden_size num_attention_heads intermediate_size output_hidden_size mask_time_length mask_feature_length
        classifier_proj_size xvector_output_dim adapter_kernel_size adapter_stride max_source_positions
        conv_depthwise_kernel_size"""
    )
    counts: ClassVar[tuple[str, ...]] = names(
        "num_hidden_layers num_adapter_layers mask_time_min_masks mask_feature_min_masks"
    )
    depths: ClassVar[tuple[str, ...]] = names("num_hidden_layers num_adapter_layers")
    probabilities: ClassVar[tuple[str, ...]] = names(
        """hidden_dropout activation_dropout attention_dropout feat_proj_dropout final_dropout layerdrop mask_time_prob
        mask_feature_prob conformer_conv_dropout"""
    )
    switches: ClassVar[tuple[str, ...]] = names(
        "apply_spec_augment ctc_zero_infinity use_weighted_layer_sum add_adapter"
    )
    lists: ClassVar[tuple[str, ...]] = names("tdnn_dim tdnn_kernel tdnn_dilation")
    choices: ClassVar[dict[str, tuple[str | None, ...]]] = {
        "hidden_act": check.ACTIVATIONS,
        "position_embeddings_type": (None, "relative", "rotary"),
        "ctc_loss_reduction": ("sum", "mean", "none"),
        "padding_mode": PADDING_MODES,
        "ctc_compute_dtype": (None, "float32", "float64"),
    }

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
    feat_proj_dropout: float = 0.0
    layerdrop: float = 0.1
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-5
    position_embeddings_type: str | None = "relative"
    rotary_embedding_base: int = 10000
    max_source_positions: int = 5000
    conv_depthwise_kernel_size: int = 31
    conformer_conv_dropout: float = 0.1

    # SpecAugment
    apply_spec_augment: bool = True
    mask_time_prob: float = 0.05
    mask_time_length: int = 10
    mask_time_min_masks: int = 2
    mask_feature_prob: float = 0.0
    mask_feature_length: int = 10
    mask_feature_min_masks: int = 0

    # heads
    final_dropout: float = 0.1
    ctc_loss_reduction: str = "sum"
    ctc_zero_infinity: bool = False
    ctc_compute_dtype: str | None = None  # npconformer's own; None: the model's
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

    @property
    def width_after_adapter(self) -> int:
        """output_hidden_size, once it is complete."""
        return self.hidden_size if self.output_hidden_size is None else self.output_hidden_size

    def complete(self) -> None:
        if self.output_hidden_size is None:
            self.output_hidden_size = self.hidden_size

    def validate(self) -> None:
        super().validate()
        self._check_each_field()
        self._check_contradictions()

    def _check_each_field(self) -> None:
        for name in self.sizes:
            setattr(self, name, check.integer(name, getattr(self, name), at_least=1))
        for name in self.counts:
            setattr(self, name, check.integer(name, getattr(self, name), at_least=0))
        for name in self.depths:
            check.integer(name, getattr(self, name), at_least=0, at_most=check.MOST_LAYERS)
        for name in self.probabilities:
            setattr(self, name, check.probability(name, getattr(self, name)))
        for name in self.switches:
            setattr(self, name, check.boolean(name, getattr(self, name)))
        for name in self.lists:
            setattr(self, name, check.integers(name, getattr(self, name)))
        if self.vocab_size is not None:
            self.vocab_size = check.integer("vocab_size", self.vocab_size)
        self._check_token_ids()
        check.real("initializer_range", self.initializer_range, at_least=0)
        check.real("layer_norm_eps", self.layer_norm_eps, above=0)
        check.real("rotary_embedding_base", self.rotary_embedding_base, above=0)
        for name, allowed in self.choices.items():
            check.choice(name, getattr(self, name), allowed)

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
            tokens: Any = value if many else [value]
            for token in tokens:
                if token is not None:
                    check.integer(name, token, at_least=None)

    def _check_contradictions(self) -> None:
        check.same_length(tdnn_dim=self.tdnn_dim, tdnn_kernel=self.tdnn_kernel, tdnn_dilation=self.tdnn_dilation)
        check.divisible("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)
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
