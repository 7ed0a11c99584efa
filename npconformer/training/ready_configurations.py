"""Small configurations to train from nothing, by a name: `npconformer train --from tiny`.

    name        weights   hidden size, blocks, heads   for
    tiny        1.3 M     112, 4, 4                    a few words; minutes of speech; learns on two cores in minutes
    base        19.8 M    256, 12, 4                   sentences; hours of speech; a night on many cores, or a GPU
    tiny-bert   1.1 M     112, 4, 4                    the same as Wav2Vec2-BERT, which hears a filterbank
    base-bert   18.4 M    256, 12, 4                   and not the waveform

Counted without the head, which depends on the letters or classes of the data. All hear 16 kHz and have a frame every
20 ms. The front end of the Conformers has three convolutions, where the released models have seven that cost many times
as much. Random weights are of 1 / sqrt(hidden size), with which so narrow a model learns much sooner than with 0.02.
"""

from __future__ import annotations

import os
from typing import Any

_SHARED = {
    "hidden_act": "swish",
    "layerdrop": 0.0,
    "ctc_loss_reduction": "mean",
    "ctc_zero_infinity": True,
    "mask_time_prob": 0.05,
    "mask_time_min_masks": 0,
    "activation_dropout": 0.0,
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "conformer_conv_dropout": 0.1,
    "final_dropout": 0.0,
}
_TINY = {
    **_SHARED,
    "hidden_size": 112,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 384,
    "conv_depthwise_kernel_size": 15,
    "initializer_range": 0.1,
    "mask_time_length": 4,
    "classifier_proj_size": 112,
    "tdnn_dim": (128, 128, 128, 128, 384),
    "xvector_output_dim": 128,
}
_BASE = {
    **_SHARED,
    "hidden_size": 256,
    "num_hidden_layers": 12,
    "num_attention_heads": 4,
    "intermediate_size": 1024,
    "initializer_range": 0.06,
    "mask_time_length": 10,
    "classifier_proj_size": 256,
    "tdnn_dim": (256, 256, 256, 256, 768),
    "xvector_output_dim": 256,
}
_WAVEFORM = {
    "conv_kernel": (160, 8, 8),  # 10 ms of waveform every 1.25 ms, then a frame every 20 ms
    "conv_stride": (20, 4, 4),
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "num_conv_pos_embeddings": 16,
    "num_codevectors_per_group": 64,
    "codevector_dim": 128,
    "proj_codevector_dim": 128,
}
READY: dict[str, dict[str, Any]] = {
    "tiny": {"model_type": "wav2vec2-conformer", **_TINY, **_WAVEFORM, "conv_dim": (64, 96, 128)},
    "base": {"model_type": "wav2vec2-conformer", **_BASE, **_WAVEFORM, "conv_dim": (128, 192, 256)},
    "tiny-bert": {"model_type": "wav2vec2-bert", **_TINY},
    "base-bert": {"model_type": "wav2vec2-bert", **_BASE},
}


def is_ready(name: Any) -> bool:
    """Whether this is the name of a ready configuration; a file or folder of that name comes first."""
    return isinstance(name, str) and name in READY and not os.path.lexists(name)


def ready_configuration(name: str, **overrides: Any) -> Any:
    """The configuration of that name, with fields replaced."""
    from npconformer.models.auto import config_class

    settings = READY[name]
    return config_class(settings["model_type"]).from_dict(settings, **overrides)
