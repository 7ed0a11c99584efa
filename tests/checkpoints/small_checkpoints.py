"""Small models of every kind, and changes to the files that they are saved in."""

import itertools
import json

import numpy as np
import pytest

from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors

TINY = dict(
    vocab_size=12,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    conv_dim=(8, 8),
    conv_stride=(5, 2),
    conv_kernel=(10, 3),
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=2,
    conv_depthwise_kernel_size=5,
    num_adapter_layers=1,
    max_source_positions=50,
)
KINDS = [
    dict(
        position_embeddings_type=position,
        feat_extract_norm=norm,
        conv_bias=norm == "layer",
        add_adapter=adapter,
    )
    for position, norm, adapter in itertools.product(("relative", "rotary", None), ("group", "layer"), (False, True))
]


def kind_name(kind):
    adapter = "-adapter" if kind["add_adapter"] else ""
    return f"{kind['position_embeddings_type']}-{kind['feat_extract_norm']}{adapter}"


every_kind = pytest.mark.parametrize("kind", KINDS, ids=kind_name)


def small_model(cls=Wav2Vec2ConformerForCTC, **settings):
    return cls(Wav2Vec2ConformerConfig(**{**TINY, **settings}))


def edit_weights(folder, edit):
    """Rewrite the file with ``edit(dict of arrays)`` applied."""
    file = SafetensorsFile(folder / "model.safetensors")
    arrays = {name: file.read(name) for name in file}
    arrays = edit(arrays) or arrays
    write_safetensors(folder / "model.safetensors", arrays)


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def assert_same_state(ours, theirs):
    assert set(ours) == set(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(np.asarray(array), np.asarray(theirs[name]), err_msg=name, strict=True)
