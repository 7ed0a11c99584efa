"""A folder of arrays under NeMo's names becomes a checkpoint folder.

>>> from npconformer.commands.convert_nemo import convert_nemo_folder
>>> convert_nemo_folder("conformer-ctc-small", "english")  # model.safetensors and its word pieces in it
>>> npconformer.pipeline("automatic-speech-recognition", "english")("speech.wav")
{'text': 'and so my fellow americans ...'}

`npconformer convert conformer-ctc-small english` does the same. A `.nemo` archive holds such arrays, a configuration
and a tokenizer: `npconformer convert model.nemo english`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from npconformer.checkpoints.array_file import ArrayFile, open_weights
from npconformer.checkpoints.nemo_arrays import FIRST_KERNEL, NemoArrays, config_of_shapes
from npconformer.text.piece_files import FILES, read_pieces
from npconformer.text.tokenizer_files import SENTENCEPIECE_FILE

SHARD_SIZE = 5 * 10**9


def is_nemo_folder(folder: str | os.PathLike) -> bool:
    """Whether a folder without a config.json has weights under NeMo's names. Raises ValueError for damaged weights."""
    if not os.path.isdir(folder) or Path(folder, "config.json").is_file():
        return False
    try:
        return FIRST_KERNEL in open_weights(Path(folder))
    except FileNotFoundError:
        return False


def convert_nemo_folder(folder: str | os.PathLike, out: str | os.PathLike, **settings: Any) -> None:
    """Write the checkpoint folder `out`: config.json, model.safetensors, the files of extractor and tokenizer.

    Args:
        folder: has the weights of a Conformer-CTC under NeMo's names, as safetensors or .bin, and its pieces as
            tokenizer.model, tokens.txt or vocab.txt; of several the first one is taken.
        out: a folder to make; it is there when all is written.
        **settings: of `NemoConformerConfig`, in place of what the weights tell and of its defaults, such as
            ``scale_input=False`` for a model that NeMo trained with ``xscaling: false``.

    Raises:
        FileNotFoundError: there are no weights or no pieces. ValueError: they are of another model, damaged, or do not
        fit each other.
    """
    from npconformer.checkpoints.conversion import convert_weights
    from npconformer.storage.folders import whole_folder

    file, pieces = open_weights(Path(folder)), find_pieces(Path(folder))

    def write(weights: ArrayFile, made: Path, model: Any) -> None:
        convert_weights(weights, made, format="safetensors", dtype=None, largest=SHARD_SIZE)

    with whole_folder(out) as made:
        fill_folder(file, read_pieces(pieces), made, settings, write, pieces, sentencepiece_model(pieces))


def convert_folder_of_arrays(arguments: argparse.Namespace, out: Path, largest: int) -> None:
    """The same as `npconformer convert` does it."""
    from npconformer.commands.arguments import say
    from npconformer.commands.converted_weights import tell, write_weights

    folder = Path(arguments.checkpoint)
    paths: list[Path] = []

    def write(weights: ArrayFile, made: Path, model: Any) -> None:
        paths.extend(write_weights(arguments, weights, made, largest, model))

    pieces = find_pieces(folder)
    model = sentencepiece_model(pieces)
    config = fill_folder(open_weights(folder), read_pieces(pieces), out, {}, write, pieces, model, arguments.dtype)
    say(f"{folder}: a NeMo Conformer-CTC of {config.num_hidden_layers} layers of {config.hidden_size}")
    tell(arguments, paths, [])


def convert_archive(arguments: argparse.Namespace, out: Path, largest: int) -> None:
    """Fill the folder `out` with the model in an archive; `arguments` name the folder that stands for it."""
    from npconformer.checkpoints.folder_files import copy_other_files, set_config_dtype
    from npconformer.commands.arguments import say
    from npconformer.commands.converted_weights import tell, write_weights
    from npconformer.models.auto import AutoConfig

    folder = Path(arguments.checkpoint)
    weights = open_weights(folder)
    config = AutoConfig.from_pretrained(folder)
    try:
        model = fitting_recogniser(weights, config.to_dict())
    except ValueError as error:
        raise ValueError(f"{weights.path} cannot be converted: {error}") from None
    copy_other_files(folder, out)
    if arguments.dtype is not None:
        set_config_dtype(out, arguments.dtype)
    paths = write_weights(arguments, weights, out, largest, model)
    say(f"{weights.path}: a NeMo Conformer-CTC of {config.num_hidden_layers} layers of {config.hidden_size}")
    tell(arguments, paths, [])


def find_pieces(folder: Path) -> Path:
    """The file with the word pieces in a folder. Raises FileNotFoundError where there is none."""
    lists = [folder / name for name in FILES if (folder / name).is_file()]
    if not lists:
        raise FileNotFoundError(f"{folder} has no word pieces: neither {' nor '.join(FILES)}")
    return lists[0]


def sentencepiece_model(pieces: Path) -> bytes | None:
    """The bytes of the file with the word pieces, where it is a tokenizer.model."""
    return pieces.read_bytes() if pieces.name == SENTENCEPIECE_FILE else None


def fill_folder(
    file: ArrayFile,
    pieces: Iterable[str],
    out: Path,
    settings: dict[str, Any],
    write: Callable[[ArrayFile, Path, Any], object],
    source: str | os.PathLike = "",
    sentencepiece_model: bytes | None = None,
    dtype: str | None = None,
) -> Any:
    """Fill the folder `out` with a model whose arrays have NeMo's names, and its processor; returns its configuration.

    settings: as for `convert_nemo_folder`. write: writes weights into a folder, told the model without weights.
    source: the file that the pieces are from, for messages. sentencepiece_model: a tokenizer.model, which the folder
    gets, so that texts are split as the model learnt them. dtype: that `write` writes, if not that of the weights.
    """
    from npconformer.commands.convert_fairseq import set_dtype
    from npconformer.processors.nemo_folder import write_settings

    try:
        weights = NemoArrays(file)
        told = {**config_of_shapes({name: tuple(file.shape(name)) for name in file}), **settings}
        model = fitting_recogniser(weights, told)
        config = write_settings(weights, told, pieces, out, os.fspath(source), sentencepiece_model)
    except ValueError as error:
        raise ValueError(f"{file.path} cannot be converted: {error}") from None
    if dtype is not None:
        set_dtype(config, dtype)
        config.save_pretrained(out)
    write(weights, out, model)
    return config


def fitting_recogniser(weights: ArrayFile, settings: dict[str, Any]) -> Any:
    """The recogniser, without weights, that weights under our names are of. Raises ValueError where they do not fit."""
    from npconformer.checkpoints.fairseq_original import Original
    from npconformer.commands.convert_fairseq import fitting_model

    return fitting_model(Original("nemo-conformer", "ctc", weights, settings))
