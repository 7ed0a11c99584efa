"""Configuration of Wav2Vec2-BERT: what differs from the other speech models; contradictions are refused.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from npconformer.models import config_checks as check
from npconformer.models.speech_configuration import SpeechEncoderConfig, names


@dataclass(init=False, repr=False, eq=False)
class Wav2Vec2BertConfig(SpeechEncoderConfig):
    """Settings of a Wav2Vec2-BERT model; names and defaults are those of transformers 5.23.

    ``vocab_size`` may be None, as in the pretrained checkpoint, which ships no tokenizer; a CTC head then needs it.

    Example:
        >>> config = Wav2Vec2BertConfig(hidden_size=96, num_attention_heads=4, vocab_size=32, add_adapter=True)
        >>> config.inputs_to_logits_ratio
        640
    """

    model_type: ClassVar[str] = "wav2vec2-bert"
    sizes: ClassVar[tuple[str, ...]] = (*SpeechEncoderConfig.sizes, "feature_projection_input_dim")
    counts: ClassVar[tuple[str, ...]] = SpeechEncoderConfig.counts + names(
        "left_max_position_embeddings right_max_position_embeddings"
    )
    switches: ClassVar[tuple[str, ...]] = (*SpeechEncoderConfig.switches, "use_intermediate_ffn_before_adapter")
    choices: ClassVar[dict[str, tuple[str | None, ...]]] = {
        **SpeechEncoderConfig.choices,
        "adapter_act": check.ACTIVATIONS,
        "position_embeddings_type": (None, "relative", "relative_key", "rotary"),
    }

    # encoder
    hidden_size: int = 1024
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    intermediate_size: int = 4096
    feature_projection_input_dim: int = 160  # two frames of 80 mel bands
    hidden_act: str = "swish"
    hidden_dropout: float = 0.0
    activation_dropout: float = 0.0
    attention_dropout: float = 0.0
    position_embeddings_type: str | None = "relative_key"
    left_max_position_embeddings: int = 64  # of relative_key: distances beyond these are all alike
    right_max_position_embeddings: int = 8

    # heads
    classifier_proj_size: int = 768

    # adapter
    num_adapter_layers: int = 1
    adapter_act: str = "relu"
    use_intermediate_ffn_before_adapter: bool = False

    @property
    def inputs_to_logits_ratio(self) -> int:
        """Samples per frame of the output, as the reference counts them: a row of the input is 320 samples."""
        adapter = self.adapter_stride**self.num_adapter_layers if self.add_adapter else 1
        return self.feature_projection_input_dim * 2 * adapter

    def _check_contradictions(self) -> None:
        super()._check_contradictions()
        if self.use_intermediate_ffn_before_adapter and not self.add_adapter:
            raise check.wrong("use_intermediate_ffn_before_adapter", True, "false where add_adapter is false")
        if self.add_adapter:
            heads = self.num_attention_heads
            check.divisible("output_hidden_size", self.width_after_adapter, "num_attention_heads", heads)
