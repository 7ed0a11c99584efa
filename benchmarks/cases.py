"""What is measured: the models by name, the lengths of audio, the batch sizes. Needs no NumPy and no torch.

The embedded recogniser of digits is trained; every other model has random weights of the shapes that its configuration
says. Times do not depend on what the weights are, and all outputs are compared before anything is timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "npconformer" / "pretrained" / "digits"
RECORDING = ROOT / "npconformer" / "pretrained" / "demo" / "digits.flac"
RECORDING_SECONDS = 3.811
SAMPLING_RATE = 16000

# Nothing random, so that a training step gives the same loss and gradients on both sides.
COMMON: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_act": "swish",
    "conv_depthwise_kernel_size": 31,
    "ctc_loss_reduction": "mean",
    "ctc_zero_infinity": True,
    "hidden_dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "conformer_conv_dropout": 0.0,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
}
CONFORMER: dict[str, Any] = {
    **COMMON,
    "model_type": "wav2vec2-conformer",
    "conv_dim": (512,) * 7,
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
}
BASE: dict[str, Any] = {
    **CONFORMER,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "feat_extract_norm": "group",
    "conv_bias": False,
    "position_embeddings_type": "relative",
}
# As facebook/wav2vec2-conformer-rel-pos-large and -rope-large.
LARGE: dict[str, Any] = {
    **CONFORMER,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "do_stable_layer_norm": True,
}
# As facebook/w2v-bert-2.0; fine-tuned ones usually have an adapter.
BERT: dict[str, Any] = {
    **COMMON,
    "model_type": "wav2vec2-bert",
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feature_projection_input_dim": 160,
    "position_embeddings_type": "relative_key",
    "left_max_position_embeddings": 64,
    "right_max_position_embeddings": 8,
    "adapter_kernel_size": 3,
    "adapter_stride": 2,
    "num_adapter_layers": 1,
    "adapter_act": "relu",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "base": BASE,
    "large-relative": {**LARGE, "position_embeddings_type": "relative"},
    "large-rotary": {**LARGE, "position_embeddings_type": "rotary"},
    "w2v-bert": BERT,
    "w2v-bert-adapter": {**BERT, "add_adapter": True},
    "w2v-bert-no-positions": {**BERT, "position_embeddings_type": None},
}
MODELS = ("digits", *CONFIGS)
TRAINED = "base"  # the model of the training step
TRAINING_BATCH, TRAINING_SECONDS, TRAINING_LABELS = 4, 5.0, 30


@dataclass(frozen=True)
class Case:
    """One model on one shape of input: `batch` utterances of `seconds` each, all of one length, without a mask."""

    model: str
    seconds: float
    batch: int = 1

    @property
    def samples(self) -> int:
        return round(self.seconds * SAMPLING_RATE)

    @property
    def feature_rows(self) -> int:
        """Rows of filterbank features, for the models that take these: 560 samples each, 320 apart."""
        return (self.samples - 560) // 320 + 1

    def __str__(self) -> str:
        return f"{self.model}, {self.seconds:g} s, batch {self.batch}"


DEFAULT = (
    Case("digits", RECORDING_SECONDS),
    Case("base", 1),
    Case("base", 10),
    Case("base", 60),
    Case("base", 10, batch=8),
    *(
        case
        for model in ("large-relative", "large-rotary")
        for case in (Case(model, 1), Case(model, 10), Case(model, 60), Case(model, 1, batch=8))
    ),
    *(Case(model, seconds) for model in ("w2v-bert", "w2v-bert-adapter") for seconds in (1, 10, 60)),
    Case("w2v-bert", 1, batch=8),
    Case("w2v-bert-no-positions", 60),  # what positions cost
)
QUICK = (Case("digits", RECORDING_SECONDS), Case("base", 1))
LENGTHS, BATCHES = (1.0, 10.0, 60.0), (1, 8)


def select(
    models: list[str] | None = None,
    seconds: list[float] | None = None,
    batches: list[int] | None = None,
    quick: bool = False,
    full: bool = False,
) -> list[Case]:
    """The cases that are asked for.

    Without `seconds` and `batches`: the default ones of those models, with `quick` two small ones, with `full` every
    length with every batch size. With either: every combination of what is given, the other being all lengths or one
    utterance. The digits model has one case only, the recording that comes with the package.
    """
    cases: list[Case]
    if seconds or batches or full:
        lengths, sizes = seconds or LENGTHS, batches or (BATCHES if full else (1,))
        cases = [DEFAULT[0], *(Case(model, s, b) for model in CONFIGS for b in sizes for s in lengths)]
        if not (full or (models and "digits" in models)):
            cases = cases[1:]
    else:
        cases = list(QUICK if quick else DEFAULT)
    return [case for case in cases if models is None or case.model in models]
