"""Configuration of NeMo's Conformer: what differs from the other speech models; contradictions are refused.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from npconformer.models import config_checks as check
from npconformer.models.speech_configuration import SpeechEncoderConfig, names

FACTORS = (2, 4, 8)  # of subsampling: one convolution for each factor of two


@dataclass(init=False, repr=False, eq=False)
class NemoConformerConfig(SpeechEncoderConfig):
    """Settings of a Conformer as NVIDIA's NeMo trains it (`ConformerEncoder` with convolutions over time and bands).

    Fields that the models of transformers have too are called as there; beside each is NeMo's name. Defaults are those
    of the small English recogniser. The blank of CTC, `pad_token_id`, is NeMo's: the last class.

    Example:
        >>> config = NemoConformerConfig(hidden_size=96, num_attention_heads=4, vocab_size=33)
        >>> config.pad_token_id, config.inputs_to_logits_ratio
        (32, 640)
    """

    model_type: ClassVar[str] = "nemo-conformer"
    sizes: ClassVar[tuple[str, ...]] = SpeechEncoderConfig.sizes + names(
        "num_mel_bins subsampling_conv_channels freq_width"
    )
    counts: ClassVar[tuple[str, ...]] = (*SpeechEncoderConfig.counts, "freq_masks", "time_masks")
    probabilities: ClassVar[tuple[str, ...]] = (*SpeechEncoderConfig.probabilities, "time_width")
    switches: ClassVar[tuple[str, ...]] = (*SpeechEncoderConfig.switches, "scale_input")
    choices: ClassVar[dict[str, tuple[str | None, ...]]] = {
        **SpeechEncoderConfig.choices,
        "position_embeddings_type": ("relative",),
        "subsampling": ("striding", "dw_striding", "vggnet"),
        "ctc_loss_reduction": ("mean_batch", "mean_volume", "sum", "mean", "none"),
    }

    # vocabulary
    pad_token_id: int | None = None  # the last class unless given
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    # encoder
    hidden_size: int = 176  # d_model
    num_hidden_layers: int = 16  # n_layers
    num_attention_heads: int = 4  # n_heads
    intermediate_size: int = 704  # d_model * ff_expansion_factor
    hidden_act: str = "swish"
    layerdrop: float = 0.0
    scale_input: bool = True  # xscaling: the frames times sqrt(hidden_size)

    # front end
    num_mel_bins: int = 80  # feat_in
    subsampling: str = "striding"  # how convolutions halve the frames; see the file of that name
    subsampling_factor: int = 4
    subsampling_conv_channels: int = 176

    # SpecAugment, of the mel features; the other models' mask_time_... and mask_feature_... change nothing here
    freq_masks: int = 2
    freq_width: int = 27  # bands at most
    time_masks: int = 5
    time_width: float = 0.05  # at most, as a share of the utterance

    # heads
    final_dropout: float = 0.0
    ctc_loss_reduction: str = "mean_batch"  # ctc_reduction
    ctc_zero_infinity: bool = True

    @property
    def inputs_to_logits_ratio(self) -> int:
        """Samples from one frame of the output to the next: a row of the input is 160 samples."""
        return 160 * self.subsampling_factor

    def complete(self) -> None:
        super().complete()
        if self.pad_token_id is None and isinstance(self.vocab_size, int):
            self.pad_token_id = self.vocab_size - 1

    def _check_contradictions(self) -> None:
        super()._check_contradictions()
        if self.subsampling_factor not in FACTORS:
            raise check.wrong("subsampling_factor", self.subsampling_factor, f"one of {FACTORS}")
        if self.add_adapter:
            raise check.wrong("add_adapter", True, "false: these models have no adapter")
