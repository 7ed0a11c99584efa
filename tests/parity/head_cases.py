"""The small random models with the other heads, each compared with transformers in evaluation and in training.

For every head each position type meets both feature norms, masked and unmasked batches, and hidden states mixed or
not. TDNN layers are dilated, so that the reference's own count of frames after them (without dilation) takes part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .families import BERT, CONFORMER, Family

HEADS = ("ForSequenceClassification", "ForAudioFrameClassification", "ForXVector", "ForPreTraining")

SMALL_HEADS: dict[str, Any] = {
    "num_labels": 3,
    "classifier_proj_size": 7,
    "tdnn_dim": (9, 8, 10),
    "tdnn_kernel": (3, 3, 1),
    "tdnn_dilation": (1, 2, 1),
    "xvector_output_dim": 6,
    "num_codevectors_per_group": 5,
    "num_codevector_groups": 2,
    "codevector_dim": 8,
    "proj_codevector_dim": 7,
    "num_negatives": 4,
    "contrastive_logits_temperature": 0.5,  # at 0.1 the reference's rounding to float32 is 7e-6 of some gradients
    "feat_quantizer_dropout": 0.0,
    "apply_spec_augment": True,  # for given masked frames; random ones are off:
    "mask_time_prob": 0.0,
    "mask_feature_prob": 1e-9,  # keeps the mask vector, and masks no channel
    "mask_feature_length": 2,
}


@dataclass(frozen=True)
class HeadCase:
    """One small random model with a head. `changes`, `lengths` and `masked` are as in `Case`."""

    head: str
    kind: str
    changes: dict[str, Any] = field(default_factory=dict)
    lengths: tuple[int, ...] = (1600, 1600, 1600)
    masked: bool = False
    family: Family = CONFORMER

    batches_tracked: ClassVar[int] = 0
    perturb_rotary_frequencies: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"{self.head}-{self.kind}"

    @property
    def config(self) -> dict[str, Any]:
        return {**self.family.tiny, **SMALL_HEADS, **self.changes}


MASKED = {"lengths": (1300, 2000, 1580), "masked": True}

KINDS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("none-layer", {}, {}),
    ("none-group-masked-mixed", {"feat_extract_norm": "group", "use_weighted_layer_sum": True}, MASKED),
    ("relative-layer-masked", {"position_embeddings_type": "relative", "hidden_act": "swish"}, MASKED),
    ("relative-group-mixed", {
        "position_embeddings_type": "relative", "feat_extract_norm": "group", "conv_bias": False,
        "use_weighted_layer_sum": True,
    }, {}),
    ("rotary-layer-masked-mixed", {"position_embeddings_type": "rotary", "use_weighted_layer_sum": True}, MASKED),
    ("rotary-group", {"position_embeddings_type": "rotary", "feat_extract_norm": "group"}, {}),
    ("none-layer-masked-former", {"use_weighted_layer_sum": True, "tie_last_hidden_states": True}, MASKED),
)  # fmt: skip

CONFORMER_HEAD_CASES = tuple(
    HeadCase(head, kind, changes, **inputs)
    for head in HEADS
    for kind, changes, inputs in KINDS
    if head != "ForPreTraining" or "mixed" not in kind or "masked" in kind
) + (
    HeadCase("ForXVector", "none-adapter-masked", {"add_adapter": True, "num_adapter_layers": 1}, (5200, 6600), True),
    HeadCase("ForPreTraining", "rotary-one-codebook", {
        "position_embeddings_type": "rotary", "num_codevector_groups": 1, "num_codevectors_per_group": 2,
        "diversity_loss_weight": 2.5,
    }),
)  # fmt: skip

BERT_MASKED = {"lengths": (13, 20, 16), "masked": True}
BERT_KINDS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("bert-relative_key", {"position_embeddings_type": "relative_key"}, {}),
    ("bert-relative_key-masked-mixed", {
        "position_embeddings_type": "relative_key", "use_weighted_layer_sum": True,
    }, BERT_MASKED),
    ("bert-relative-masked", {"position_embeddings_type": "relative"}, BERT_MASKED),
    ("bert-rotary-mixed", {"position_embeddings_type": "rotary", "use_weighted_layer_sum": True}, {}),
    ("bert-none-masked", {}, BERT_MASKED),
)  # fmt: skip

BERT_HEAD_CASES = tuple(
    HeadCase(head, kind, changes, **{"lengths": (16, 16, 16), **inputs}, family=BERT)
    for head in HEADS
    for kind, changes, inputs in BERT_KINDS
    if head != "ForPreTraining"
) + (
    HeadCase("ForXVector", "bert-adapter-masked-mixed", {
        "position_embeddings_type": "relative_key", "add_adapter": True, "num_adapter_layers": 1,
        "use_intermediate_ffn_before_adapter": True, "use_weighted_layer_sum": True,
    }, (40, 52), True, BERT),
    HeadCase("ForXVector", "bert-adapter-masked", {"add_adapter": True, "num_adapter_layers": 1}, (40, 52), True, BERT),
)  # fmt: skip

HEAD_CASES = CONFORMER_HEAD_CASES + BERT_HEAD_CASES
