"""The settings of a NeMo model as this package's files: of an archive that is opened, and of arrays that are converted.

    config.json, processor_config.json, tokenizer_config.json, vocab.json, and tokenizer.model where there is one

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npconformer.audio.kaldi_frames import FRAME_LENGTH
from npconformer.audio.log_mel import FFT_LENGTH
from npconformer.audio.mel_filters import slaney_mel_filters
from npconformer.audio.windows import hann_window
from npconformer.checkpoints.array_file import ArrayFile
from npconformer.checkpoints.conversion import usual_dtype
from npconformer.checkpoints.nemo_archive import CONFIG, open_nemo_archive
from npconformer.checkpoints.nemo_arrays import NemoArrays, config_of_shapes
from npconformer.checkpoints.nemo_config import RATE, settings_of
from npconformer.checkpoints.nemo_weights import open_nemo_file
from npconformer.checkpoints.nemo_yaml import parse_yaml
from npconformer.models.auto import config_class, model_class
from npconformer.processors.auto import AutoFeatureExtractor, AutoProcessor
from npconformer.text.nemo_pieces import pieces_of, tokenizer_file
from npconformer.text.piece_files import make_vocabulary
from npconformer.text.piece_tokenizer import PieceCTCTokenizer

MODEL_TYPE = "nemo-conformer"
SPECIAL_PIECES = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}  # those of SentencePiece
FILTERS, WINDOW = "preprocessor.featurizer.fb", "preprocessor.featurizer.window"
# Fields that the shapes of weights tell, and how a NeMo configuration says them. (Those of bands, nearly.)
TOLD_BY_SHAPES = {
    "vocab_size": "decoder.num_classes and a blank",
    "hidden_size": "encoder.d_model",
    "num_hidden_layers": "encoder.n_layers",
    "num_attention_heads": "encoder.n_heads",
    "intermediate_size": "encoder.d_model * encoder.ff_expansion_factor",
    "conv_depthwise_kernel_size": "encoder.conv_kernel_size",
    "subsampling": "encoder.subsampling",
    "subsampling_factor": "encoder.subsampling_factor",
    "subsampling_conv_channels": "encoder.subsampling_conv_channels",
}


def write_archive_settings(path: Path, folder: Path) -> None:
    """Write the settings of an archive into a folder, which then stands for it (`storage.archives`).

    Raises:
        ValueError: the archive is damaged, of another kind of model, asks for what is not offered, or contradicts
            itself; the message names it.
    """
    archive = open_nemo_archive(path)
    file = open_nemo_file(path)
    try:
        try:
            said = parse_yaml(archive.config)
        except ValueError as error:
            raise ValueError(f"its {CONFIG}: {error}") from None
        settings = settings_of(said)
        weights = NemoArrays(file)
        _check_shapes(settings, file)
        _check_filters(file, settings["num_mel_bins"])
        name = tokenizer_file(said, archive.small)
        model = None if name is None else archive.small[name]
        write_settings(weights, settings, pieces_of(said, archive.small), folder, name or "", model)
    except ValueError as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from None


def write_settings(
    weights: ArrayFile,
    settings: Mapping[str, Any],
    pieces: Iterable[str],
    folder: Path,
    source: str = "",
    sentencepiece_model: bytes | None = None,
) -> Any:
    """Write the settings of a recogniser into a folder; returns its configuration.

    weights: under our names. settings: fields of its configuration. pieces: in the order of its classes.
    source: the file that they are from, for messages. sentencepiece_model: a tokenizer.model, which the folder gets, so
    that texts are split as the model learnt them.

    Raises:
        ValueError: a setting has no sense, or the pieces do not fit the head.
    """
    config = config_class(MODEL_TYPE)(**{"vocab_size": weights.shape("lm_head.weight")[0], **settings})
    if config.dtype is None:
        config.dtype = usual_dtype(weights)
    config.architectures = [model_class(MODEL_TYPE, "ctc").__name__]
    vocabulary = make_vocabulary(pieces, config.vocab_size, source)
    tokenizer = PieceCTCTokenizer(
        vocabulary,
        pad_token=list(vocabulary)[config.pad_token_id],
        **{role: token if token in vocabulary else None for role, token in SPECIAL_PIECES.items()},
        sentencepiece_model=sentencepiece_model,
    )
    config.save_pretrained(folder)
    AutoProcessor.from_parts(AutoFeatureExtractor.for_config(config), tokenizer).save_pretrained(folder)
    return config


def _check_shapes(settings: Mapping[str, Any], file: ArrayFile) -> None:
    """Raises ValueError where the weights have other sizes than the configuration says."""
    told = config_of_shapes({name: tuple(file.shape(name)) for name in file})
    for name, option in TOLD_BY_SHAPES.items():
        if name in settings and settings[name] != told[name]:
            both = f"{settings[name]} in the one, {told[name]} in the other"
            raise ValueError(f"its {CONFIG} contradicts its weights: {option} is {both}")


def _check_filters(file: ArrayFile, bands: int) -> None:
    """An archive holds its own mel filters and window, which must be those of our front end."""
    frequencies = FFT_LENGTH // 2 + 1
    expected: dict[str, tuple[tuple[int, ...], Callable[[], np.ndarray]]] = {
        FILTERS: ((1, bands, frequencies), lambda: slaney_mel_filters(bands, RATE, FFT_LENGTH).T[None]),
        WINDOW: ((FRAME_LENGTH,), lambda: hann_window(FRAME_LENGTH)),
    }
    for name, (shape, make) in expected.items():
        if name not in file:
            continue
        same = tuple(file.shape(name)) == shape
        if not same or not np.allclose(file.read(name), own := make(), rtol=0, atol=1e-3 * own.max()):
            raise ValueError(f"its front end is another one: {name} is not what its {CONFIG} says")
