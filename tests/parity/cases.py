"""What a case is, and the small random Wav2Vec2-Conformer models with a CTC head that are compared with transformers.

Not the full product of settings but a covering set: every position type meets both feature norms, masked and unmasked
batches, and adapters; every activation stands once in the feature encoder or in the blocks, most in both. Each case
says in `covers` what it adds. All dropouts, LayerDrop and SpecAugment are off, so that training is deterministic too.

Utterances are short and the vocabulary small on purpose. The reference computes CTC in float32, whose rounding grows
with the log-probability of the labels: with 40 frames of 12 classes its own gradients are up to 4e-5 away from the
exact ones, with the sizes here at most 4e-6. So a limit of 5e-6 tests npconformer and not the reference's rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .families import CONFORMER, Family

SEVEN_CONVOLUTIONS: dict[str, Any] = {
    "conv_dim": (4, 6, 6, 8, 8, 8, 10),
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
}


@dataclass(frozen=True)
class Case:
    """One small random model with its inputs.

    `changes` are to the family's tiny config. `lengths` are the rows (samples, or frames of features) of each
    utterance; the batch is as long as the longest. `masked` passes a right-padded attention mask, otherwise the batch
    is padded and no mask is given. `labels` are the targets of each utterance; rows are padded with -100.
    """

    head: ClassVar[str] = "ForCTC"
    batches_tracked: ClassVar[int] = 7  # what batch norm's counters are set to

    name: str
    covers: str
    changes: dict[str, Any] = field(default_factory=dict)
    lengths: tuple[int, ...] = (800, 800)
    masked: bool = False
    labels: tuple[tuple[int, ...], ...] = ((1, 2, 2), (3, 4))
    perturb_rotary_frequencies: bool = False
    family: Family = CONFORMER

    @property
    def config(self) -> dict[str, Any]:
        return {**self.family.tiny, **self.changes}

    @property
    def has_loss(self) -> bool:
        """False where the reference raises: its CTC loss is told of more frames than an adapter has given."""
        frames = self.family.frames
        return frames(self.config, max(self.lengths), counted=True) <= frames(self.config, max(self.lengths))

    @property
    def positions(self) -> str:
        return self.config["position_embeddings_type"] or "none"


def case(name: str, covers: str, *, positions: str | None = None, **rest: Any) -> Case:
    """A case whose keyword arguments are those of `Case` or, if it has none of that name, config fields."""
    own = {key: rest.pop(key) for key in tuple(rest) if key in Case.__dataclass_fields__}
    return Case(name, covers, {"position_embeddings_type": positions, **rest}, **own)


CASES: tuple[Case, ...] = (
    case("none-layer", "layer norm, gelu, no mask, sum of losses, a repeated label"),
    case(
        "none-layer-masked",
        "right-padded mask, silu, three utterances, one with an empty target, mean of losses",
        lengths=(640, 1000, 800),
        masked=True,
        labels=((1, 1), (), (4, 2, 3)),
        hidden_act="silu",
        ctc_loss_reduction="mean",
    ),
    case(
        "none-group",
        "group norm without bias, gelu_new in the encoder and the blocks, four heads",
        lengths=(1000,),
        labels=((3, 3, 2),),
        feat_extract_norm="group",
        conv_bias=False,
        hidden_act="gelu_new",
        feat_extract_activation="gelu_new",
        num_attention_heads=4,
    ),
    case(
        "none-group-masked",
        "group norm with a bias (its gradient is zero) and a mask, relu in the encoder and the blocks",
        lengths=(900, 720),
        masked=True,
        feat_extract_norm="group",
        hidden_act="relu",
        feat_extract_activation="relu",
    ),
    case(
        "none-adapter-projected",
        "adapter with projection to another size, mask, selu in the encoder and the blocks",
        lengths=(1800, 2400),
        masked=True,
        labels=((1, 2), (3,)),
        hidden_act="selu",
        feat_extract_activation="selu",
        add_adapter=True,
        output_hidden_size=12,
        num_adapter_layers=2,
    ),
    case(
        "none-adapter-group",
        "adapter without projection, three layers of kernel 2, group norm, mean of losses",
        lengths=(2000, 1900),
        labels=((2,), (4,)),
        feat_extract_norm="group",
        add_adapter=True,
        num_adapter_layers=3,
        adapter_kernel_size=2,
        ctc_loss_reduction="mean",
    ),
    case(
        "none-infeasible",
        "zero_infinity with a target that does not fit, another blank index, one block, odd head size, tanh",
        lengths=(800, 560),
        masked=True,
        labels=((1, 2, 0), (4, 4, 4, 4, 4)),
        ctc_zero_infinity=True,
        pad_token_id=3,
        num_hidden_layers=1,
        hidden_size=18,
        hidden_act="tanh",
        layer_norm_eps=1e-3,
    ),
    case(
        "none-seven-convolutions",
        "the seven convolutions of the released checkpoints, sigmoid in the blocks, wide depthwise kernel",
        lengths=(2200, 2600),
        masked=True,
        hidden_act="sigmoid",
        conv_depthwise_kernel_size=31,
        **SEVEN_CONVOLUTIONS,
    ),
    case("relative-layer", "relative positions, layer norm, swish", positions="relative", hidden_act="swish"),
    case(
        "relative-layer-masked",
        "relative positions with a mask, three utterances, mean of losses",
        positions="relative",
        lengths=(1000, 720, 880),
        masked=True,
        labels=((1, 2, 3), (2,), (4, 3)),
        hidden_act="swish",
        ctc_loss_reduction="mean",
    ),
    case(
        "relative-group-masked",
        "relative positions, group norm without bias, relu in the encoder, odd head size",
        positions="relative",
        lengths=(800, 960),
        masked=True,
        feat_extract_norm="group",
        conv_bias=False,
        feat_extract_activation="relu",
        hidden_size=18,
    ),
    case(
        "relative-outgrown",
        "more frames than max_source_positions; depthwise kernel longer than the sequence",
        positions="relative",
        lengths=(960, 800),
        masked=True,
        max_source_positions=4,
        conv_depthwise_kernel_size=31,
    ),
    case(
        "relative-adapter-projected",
        "relative positions, adapter with projection to a larger size, gelu_new",
        positions="relative",
        lengths=(1600, 1200),
        masked=True,
        labels=((1,), (2,)),
        hidden_act="gelu_new",
        add_adapter=True,
        output_hidden_size=20,
        num_adapter_layers=2,
    ),
    case(
        "relative-seven-convolutions",
        "relative positions, the seven convolutions with group norm, selu in the blocks, one utterance",
        positions="relative",
        lengths=(2500,),
        labels=((4, 4),),
        feat_extract_norm="group",
        hidden_act="selu",
        **SEVEN_CONVOLUTIONS,
    ),
    case("rotary-layer", "rotary positions, layer norm, swish", positions="rotary", hidden_act="swish"),
    case(
        "rotary-layer-masked",
        "rotary positions with a mask, three utterances, another base, silu in the encoder",
        positions="rotary",
        lengths=(720, 1000, 880),
        masked=True,
        labels=((1, 2, 3), (2, 2), ()),
        rotary_embedding_base=500,
        feat_extract_activation="silu",
        ctc_loss_reduction="mean",
    ),
    case(
        "rotary-group",
        "rotary positions, group norm without bias, relu, no mask over zero padding",
        positions="rotary",
        lengths=(960, 640),
        feat_extract_norm="group",
        conv_bias=False,
        hidden_act="relu",
    ),
    case(
        "rotary-adapter",
        "rotary positions, adapter without projection, stride 1, gelu_new in the encoder",
        positions="rotary",
        lengths=(800, 640),
        masked=True,
        feat_extract_activation="gelu_new",
        add_adapter=True,
        num_adapter_layers=1,
        adapter_stride=1,
        num_attention_heads=4,
    ),
    case(
        "rotary-frequencies",
        "rotary frequencies that differ from the formula: those stored in the checkpoint are the ones that count",
        positions="rotary",
        perturb_rotary_frequencies=True,
    ),
    case(
        "rotary-seven-convolutions",
        "rotary positions, the seven convolutions with layer norm and no bias, mask",
        positions="rotary",
        lengths=(2700, 2000),
        masked=True,
        conv_bias=False,
        conv_depthwise_kernel_size=1,
        **SEVEN_CONVOLUTIONS,
    ),
)
