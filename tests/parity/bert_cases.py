"""The small random Wav2Vec2-BERT models with a CTC head that are compared with transformers.

Every position type with and without a mask, then the adapter: each usual and unusual pair of kernel and stride, one to
three layers deep, at three consecutive lengths, because its convolutions and the counting of their frames differ. Some
of these the reference cannot compute the CTC loss for (`Case.has_loss`), kernel 5 with stride 2 at any length; their
logits, and the gradients of these, are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .cases import Case
from .families import BERT

POSITIONS = ("relative_key", "relative", "rotary", None)


def case(name: str, covers: str, *, positions: str | None = "relative_key", **rest: Any) -> Case:
    """A case whose keyword arguments are those of `Case` or, if it has none of that name, config fields."""
    own = {key: rest.pop(key) for key in tuple(rest) if key in Case.__dataclass_fields__}
    own = {"lengths": (9, 9), **own}
    return Case(f"bert-{name}", covers, {"position_embeddings_type": positions, **rest}, **own, family=BERT)


def adapter_cases() -> Iterator[Case]:
    """Kernel and stride, depth, three consecutive lengths; the other settings in turn."""
    turn = 0
    for kernel, stride in ((3, 2), (5, 3), (5, 2), (4, 3)):
        for layers, least in enumerate((16, 40, 100) if stride == 3 else (12, 22, 42), start=1):
            for rows in range(least, least + 3):
                masked = turn % 2 == 0
                yield case(
                    f"adapter-{kernel}-{stride}-{layers}-layers-{rows}-rows",
                    "an adapter of this kernel and stride, depth and length",
                    positions=POSITIONS[turn % 4 if turn % 3 else 0],
                    lengths=(rows, rows - 1 - turn % 5, rows - 2) if masked else (rows,),
                    labels=((1,), (2,), (3,)) if masked else ((4,),),
                    masked=masked,
                    add_adapter=True,
                    adapter_kernel_size=kernel,
                    adapter_stride=stride,
                    num_adapter_layers=layers,
                    output_hidden_size=(16, 12, 20)[turn % 3],
                    use_intermediate_ffn_before_adapter=turn % 4 < 2,
                    adapter_act=("relu", "gelu")[turn // 4 % 2],
                )
                turn += 1


BERT_CASES: tuple[Case, ...] = (
    case("relative_key", "relative_key positions, no mask, sum of losses, a repeated label"),
    case(
        "relative_key-masked",
        "relative_key positions with a mask, three utterances, one with an empty target, mean of losses, gelu",
        lengths=(8, 12, 10),
        masked=True,
        labels=((1, 1), (), (4, 2, 3)),
        hidden_act="gelu",
        ctc_loss_reduction="mean",
    ),
    case(
        "relative_key-one-sided",
        "no distance ahead of its own, more behind than there are frames, one block, odd head size, another eps",
        lengths=(10, 7),
        masked=True,
        left_max_position_embeddings=20,
        right_max_position_embeddings=0,
        num_hidden_layers=1,
        hidden_size=18,
        layer_norm_eps=1e-2,
    ),
    case(
        "relative_key-all-alike",
        "all distances clipped to one, a depthwise kernel longer than the sequence, no mask vector",
        left_max_position_embeddings=0,
        right_max_position_embeddings=0,
        conv_depthwise_kernel_size=31,
        mask_time_prob=0.0,
        mask_feature_prob=0.0,
    ),
    case("relative", "relative positions, no mask", positions="relative"),
    case(
        "relative-masked",
        "relative positions with a mask, more frames than max_source_positions, four heads",
        positions="relative",
        lengths=(10, 8),
        masked=True,
        max_source_positions=4,
        num_attention_heads=4,
    ),
    case("rotary", "rotary positions, no mask, relu", positions="rotary", hidden_act="relu"),
    case(
        "rotary-masked",
        "rotary positions with a mask, another base, three utterances",
        positions="rotary",
        lengths=(8, 11, 9),
        masked=True,
        labels=((1, 2, 3), (2, 2), ()),
        rotary_embedding_base=500,
    ),
    case("none", "no positions, no mask, a depthwise kernel of 1", positions=None, conv_depthwise_kernel_size=1),
    case(
        "none-infeasible",
        "no positions, mask, zero_infinity with a target that does not fit, another blank, tanh",
        positions=None,
        lengths=(8, 6),
        masked=True,
        labels=((1, 2, 0), (4, 4, 4, 4)),
        ctc_zero_infinity=True,
        pad_token_id=3,
        hidden_act="tanh",
    ),
    *adapter_cases(),
)
