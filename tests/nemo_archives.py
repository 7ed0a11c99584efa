"""Small archives of NeMo's, written without NeMo and without torch: a Conformer-CTC of random weights."""

from __future__ import annotations

import copy
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tiny_nemo import read_case, under

from npconformer.audio.mel_filters import slaney_mel_filters
from npconformer.audio.windows import hann_window
from npconformer.checkpoints.streamed_weights import Layout
from npconformer.checkpoints.torch_writer import write_torch_stream

PIECES = ["<unk>", "▁the", "▁a", "s", "n", "i"]
CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
SETTINGS: dict[str, Any] = {
    "target": "nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE",
    "sample_rate": 16000,
    "ctc_reduction": "mean_batch",
    "tokenizer": {
        "dir": "x",
        "type": "bpe",
        "model_path": "nemo:5b_tokenizer.model",
        "vocab_path": "nemo:5b_vocab.txt",
    },
    "preprocessor": {
        "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
        "sample_rate": 16000,
        "normalize": "per_feature",
        "window_size": 0.025,
        "window_stride": 0.01,
        "window": "hann",
        "features": 8,
        "n_fft": 512,
        "log": True,
        "frame_splicing": 1,
        "dither": 1e-05,
        "pad_to": 0,
        "pad_value": 0.0,
    },
    "spec_augment": {"freq_masks": 1, "time_masks": 2, "freq_width": 3, "time_width": 0.1},
    "encoder": {
        "_target_": "nemo.collections.asr.modules.ConformerEncoder",
        "feat_in": 8,
        "feat_out": -1,
        "n_layers": 2,
        "d_model": 12,
        "subsampling": "striding",
        "subsampling_factor": 4,
        "subsampling_conv_channels": 5,
        "ff_expansion_factor": 2,
        "self_attention_model": "rel_pos",
        "n_heads": 2,
        "att_context_size": [-1, -1],
        "xscaling": True,
        "untie_biases": True,
        "conv_kernel_size": 5,
        "conv_norm_type": "batch_norm",
        "dropout": 0.2,
        "dropout_emb": 0.0,
        "dropout_att": 0.3,
    },
    "decoder": {
        "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
        "feat_in": 12,
        "num_classes": 6,
        "vocabulary": PIECES,
    },
    "train_ds": {"manifest_filepath": None, "batch_size": 16},
    "optim": {"name": "adamw", "betas": [0.9, 0.98]},
    "interctc": {"loss_weights": []},
    "nemo_version": "1.8.0",
}


def settings_with(**changes: Any) -> dict[str, Any]:
    """The configuration with other values: `encoder__n_layers=3`; None takes an option away."""
    settings = copy.deepcopy(SETTINGS)
    for name, value in changes.items():
        *path, last = name.split("__")
        place = settings
        for part in path:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return settings


def arrays() -> dict[str, np.ndarray]:
    """Of the frozen case, made wider where NeMo's configuration cannot say its width; and buffers of the front end."""
    random = np.random.default_rng(5)
    found = {}
    for name, array in under(read_case(4), "weight").items():
        shape = tuple(24 if size == 16 and "feed_forward" in name else size for size in array.shape)
        found[name] = array if shape == array.shape else 0.3 * random.standard_normal(shape)
    found = {name: array.astype(np.float32) for name, array in found.items() if array.dtype.kind == "f"}
    found["preprocessor.featurizer.fb"] = slaney_mel_filters(8, 16000, 512).T[None].astype(np.float32)
    found["preprocessor.featurizer.window"] = hann_window(400).astype(np.float32)
    for layer in range(2):
        found[f"encoder.layers.{layer}.conv.batch_norm.num_batches_tracked"] = np.array(7)
    return found


def saved(weights: dict[str, np.ndarray]) -> bytes:
    """A state dict as torch.save writes it."""
    layouts = {name: Layout(array.dtype.name, array.shape) for name, array in weights.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights")
        write_torch_stream(path, layouts, lambda name: np.ascontiguousarray(weights[name]))
        return path.read_bytes()


def members(settings: dict[str, Any] | None = None, weights: dict[str, np.ndarray] | None = None) -> dict[str, bytes]:
    """The files of an archive; a text of JSON is one of YAML."""
    text = json.dumps(SETTINGS if settings is None else settings, ensure_ascii=False)
    return {f"./{CONFIG}": text.encode(), f"./{WEIGHTS}": saved(arrays() if weights is None else weights)}


def packed(files: dict[str, bytes], mode: str = "w") -> bytes:
    """A tar archive of files, behind an entry for the folder that they are in."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        folder = tarfile.TarInfo(".")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def write_archive(path: Path, settings: dict[str, Any] | None = None, mode: str = "w", **files: bytes) -> Path:
    """An archive on the disk. files: others, whose names have `_` in the place of `.`."""
    more = {f"./{name.replace('__', '.')}": content for name, content in files.items()}
    path.write_bytes(packed({**members(settings), **more}, mode))
    return path
