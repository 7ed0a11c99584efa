"""NeMo's Conformer-CTC: its names for arrays, ours, and the configuration that the arrays' shapes tell.

    encoder.pre_encode.conv.2.weight            nemo_conformer.subsampling.layers.1.weight, the second one there is
    encoder.layers.3.feed_forward1.linear2.bias nemo_conformer.encoder.layers.3.ffn1.output_dense.bias
    encoder.layers.3.conv.batch_norm.weight     nemo_conformer.encoder.layers.3.conv_module.batch_norm.weight
    decoder.decoder_layers.0.weight             lm_head.weight, (V, C, 1) there and (V, C) here

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from npconformer.checkpoints.array_file import ArrayFile
from npconformer.checkpoints.renamed_file import RenamedFile

HEAD = "decoder.decoder_layers.0."
IN_BLOCK = {
    "norm_feed_forward1": "ffn1_layer_norm",
    "feed_forward1.linear1": "ffn1.intermediate_dense",
    "feed_forward1.linear2": "ffn1.output_dense",
    "norm_self_att": "self_attn_layer_norm",
    "self_attn": "self_attn",
    "norm_conv": "conv_module.layer_norm",
    "conv": "conv_module",
    "norm_feed_forward2": "ffn2_layer_norm",
    "feed_forward2.linear1": "ffn2.intermediate_dense",
    "feed_forward2.linear2": "ffn2.output_dense",
    "norm_out": "final_layer_norm",
}
COMPUTED = ("preprocessor.", "encoder.pos_enc.")  # buffers that follow from the configuration
BLOCK = re.compile(r"encoder\.layers\.(\d+)\.(" + "|".join(sorted(IN_BLOCK, key=len, reverse=True)) + r")\.(.+)")
SUBSAMPLING = re.compile(r"encoder\.pre_encode\.conv\.(\d+)\.(weight|bias)")
FIRST_KERNEL, OUT = "encoder.pre_encode.conv.0.weight", "encoder.pre_encode.out.weight"
# The convolutions' places in NeMo's list of layers, which has ReLUs and poolings, too, for each factor of two.
# (A vggnet that halves once has the names and shapes of a striding that does so twice: it is taken for that.)
PLACES: dict[str, Sequence[Sequence[int]]] = {
    "striding": ((0,), (2,), (4,)),
    "dw_striding": ((0,), (2, 3), (5, 6)),
    "vggnet": ((0, 2), (5, 7), (10, 12)),
}


def own_name(name: str, places: Sequence[int] = (0, 2, 4)) -> str | None:
    """Our name for an array of NeMo's; None for one that is computed. Raises ValueError for one of another model.

    places: the numbers that the subsampling's convolutions have there, see `convolution_places`.
    """
    if name.startswith(COMPUTED):
        return None
    if name in (f"{HEAD}weight", f"{HEAD}bias"):
        return f"lm_head.{name.removeprefix(HEAD)}"
    if found := BLOCK.fullmatch(name):
        number, part, rest = found.groups()
        return f"nemo_conformer.encoder.layers.{number}.{IN_BLOCK[part]}.{rest}"
    if (found := SUBSAMPLING.fullmatch(name)) and int(found[1]) in places:
        return f"nemo_conformer.subsampling.layers.{places.index(int(found[1]))}.{found[2]}"
    if name.startswith("encoder.pre_encode.out."):
        return f"nemo_conformer.subsampling.linear.{name.rpartition('.')[2]}"
    raise ValueError(f"{name!r} is no array of a Conformer-CTC with {' or '.join(PLACES)} subsampling")


def convolution_places(names: Iterable[str]) -> list[int]:
    """The numbers of the subsampling's convolutions in NeMo's list of layers, in order."""
    return sorted({int(found[1]) for name in names if (found := SUBSAMPLING.fullmatch(name))})


def kind_of_subsampling(names: Iterable[str]) -> tuple[str, int]:
    """NeMo's name for the kind of subsampling, and its factor. Raises ValueError for convolutions of another kind."""
    places = convolution_places(names)
    for kind, of_halvings in PLACES.items():
        for halvings in range(1, len(of_halvings) + 1):
            if places == [place for once in of_halvings[:halvings] for place in once]:
                return kind, 2**halvings
    raise ValueError(f"encoder.pre_encode.conv has convolutions at {places}: no {', '.join(PLACES)} by 2, 4 or 8")


class NemoArrays(RenamedFile):
    """The arrays of a file under NeMo's names, read as a checkpoint's under ours.

    Raises:
        ValueError: a name of another model.
    """

    def __init__(self, file: ArrayFile) -> None:
        kind_of_subsampling(file)
        places = convolution_places(file)
        names = {name: own_name(name, places) for name in file}
        super().__init__(file, {name: own for name, own in names.items() if own is not None})

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array; the head's convolution of width 1 is a matrix here."""
        shape = tuple(super().shape(name))
        return shape[:2] if name == "lm_head.weight" else shape

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """An array, in our shape."""
        return super().read(name, dtype).reshape(self.shape(name))


def config_of_shapes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The settings of a `NemoConformerConfig` that the shapes of a model's arrays tell, under NeMo's names.

    They tell all but what has no weights (whether frames are scaled, how much is dropped): there the defaults hold.

    Raises:
        ValueError: arrays without which it is no Conformer-CTC with relative positions and a subsampling of `PLACES`.
    """
    block = "encoder.layers.0."
    needed = {
        "kernel": f"{block}conv.depthwise_conv.weight",
        "inner": f"{block}feed_forward1.linear1.weight",
        "heads": f"{block}self_attn.pos_bias_u",
        "first": FIRST_KERNEL,
        "out": OUT,
        "head": f"{HEAD}weight",
    }
    missing = [name for name in needed.values() if name not in shapes]
    if missing:
        raise ValueError(f"no array {missing[0]!r}: not a Conformer-CTC with convolutions over time and bands")
    for role, dimensions in {"kernel": 3, "inner": 2, "heads": 2, "first": 4, "out": 2, "head": 3}.items():
        shape = shapes[needed[role]]
        if len(shape) != dimensions or 0 in shape:
            raise ValueError(f"its array {needed[role]!r} is of shape {shape}; expected {dimensions} dimensions")
    found = {role: shapes[name] for role, name in needed.items()}
    layers = {int(name.split(".")[2]) for name in shapes if name.startswith("encoder.layers.")}
    kind, factor = kind_of_subsampling(shapes)
    (channels, *_), (width, flattened) = found["first"], found["out"]
    return {
        "vocab_size": found["head"][0],
        "hidden_size": width,
        "num_hidden_layers": max(layers) + 1,
        "num_attention_heads": found["heads"][0],
        "intermediate_size": found["inner"][0],
        "conv_depthwise_kernel_size": found["kernel"][2],
        "subsampling": kind,
        "subsampling_factor": factor,
        "subsampling_conv_channels": channels,
        "num_mel_bins": flattened // channels * factor,  # of those that leave so many, the multiple
    }
