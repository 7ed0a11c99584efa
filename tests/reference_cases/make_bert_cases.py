"""Writes `wav2vec2_bert/` beside it: `python -m tests.reference_cases.make_bert_cases`; runs transformers.

Wav2Vec2-BERT models with a CTC head, frozen as `make_cases` does, and one of each other head as `make_head_cases` does.
"""

from __future__ import annotations

from tests.parity.bert_cases import case
from tests.parity.families import BERT
from tests.parity.head_cases import BERT_MASKED, HeadCase

from . import make_cases, make_head_cases
from .make_cases import FOLDER, save
from .make_head_cases import MIXED

SMALL = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "feature_projection_input_dim": 4}
ADAPTER = {"add_adapter": True, "masked": True, "labels": ((1,), (2,), (3,))}
RELATIVE_KEY = {**SMALL, "position_embeddings_type": "relative_key"}
NO_MASK_VECTOR = {"mask_time_prob": 0.0, "mask_feature_prob": 0.0}

CTC_CASES = (
    case(
        "relative_key",
        "relative_key positions, mask, a repeated label, an empty target, mean of losses, another eps",
        **{**SMALL, "num_hidden_layers": 2},
        lengths=(8, 12, 10),
        masked=True,
        labels=((1, 1), (), (4, 2, 3)),
        ctc_loss_reduction="mean",
        layer_norm_eps=1e-2,
    ),
    case(
        "adapter",
        "adapter with two layers, projection and intermediate feed-forward, no mask vector",
        **{**SMALL, **ADAPTER, **NO_MASK_VECTOR},
        lengths=(20, 22, 17),
        num_adapter_layers=2,
        output_hidden_size=10,
        use_intermediate_ffn_before_adapter=True,
    ),
    case(
        "adapter-5-3",
        "kernel 5 and stride 3, three consecutive lengths: lengths are counted as the convolutions are not",
        **{**SMALL, **ADAPTER},
        lengths=(16, 18, 17),
        num_adapter_layers=1,
        adapter_kernel_size=5,
        adapter_stride=3,
        adapter_act="gelu",
    ),
    case("relative", "relative positions, mask", positions="relative", **SMALL, lengths=(9, 7), masked=True),
    case("rotary", "rotary positions, no mask", positions="rotary", **SMALL),
)
HEAD_CASES = (
    HeadCase("ForSequenceClassification", "relative_key", {**RELATIVE_KEY, **MIXED}, **BERT_MASKED, family=BERT),
    HeadCase("ForAudioFrameClassification", "none", {**SMALL, **MIXED}, **BERT_MASKED, family=BERT),
    HeadCase("ForXVector", "relative_key", RELATIVE_KEY, **BERT_MASKED, family=BERT),
)

if __name__ == "__main__":
    (FOLDER / "wav2vec2_bert").mkdir(exist_ok=True)
    for one in CTC_CASES:
        save(FOLDER / "wav2vec2_bert" / f"{one.name.removeprefix('bert-')}.npz", make_cases.frozen(one))
    for one in HEAD_CASES:
        save(FOLDER / "wav2vec2_bert" / f"{one.name}.npz", make_head_cases.frozen(one))
