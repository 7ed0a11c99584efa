"""A folder of arrays under NeMo's names becomes a checkpoint folder.

>>> from npconformer.commands.convert_nemo import convert_nemo_folder
>>> convert_nemo_folder("conformer-ctc-small", "english")  # model.safetensors and tokens.txt or vocab.txt in it
>>> npconformer.pipeline("automatic-speech-recognition", "english")("speech.wav")
{'text': 'and so my fellow americans ...'}

`npconformer convert conformer-ctc-small english` does the same. (A `.nemo` archive holds such arrays and a list of
pieces, too: whatever reads one gives them to `fill_folder`.)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from npconformer.checkpoints.array_file import ArrayFile, open_weights
from npconformer.checkpoints.nemo_arrays import FIRST_KERNEL, NemoArrays, config_of_shapes

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
            tokens.txt or vocab.txt.
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
        fill_folder(file, pieces, made, settings, write)


def convert_folder_of_arrays(arguments: argparse.Namespace, out: Path, largest: int) -> None:
    """The same as `npconformer convert` does it."""
    from npconformer.commands.arguments import say
    from npconformer.commands.converted_weights import tell, write_weights

    folder = Path(arguments.checkpoint)
    paths: list[Path] = []

    def write(weights: ArrayFile, made: Path, model: Any) -> None:
        paths.extend(write_weights(arguments, weights, made, largest, model))

    config = fill_folder(open_weights(folder), find_pieces(folder), out, {}, write, arguments.dtype)
    say(f"{folder}: a NeMo Conformer-CTC of {config.num_hidden_layers} layers of {config.hidden_size}")
    tell(arguments, paths, [])


def find_pieces(folder: Path) -> list[str]:
    """The word pieces in a folder. Raises FileNotFoundError where there are none, ValueError where they are damaged."""
    from npconformer.text.piece_files import FILES, read_pieces

    lists = [folder / name for name in FILES if (folder / name).is_file()]
    if not lists:
        raise FileNotFoundError(f"{folder} has no word pieces: neither {' nor '.join(FILES)}")
    return read_pieces(lists[0])


def fill_folder(
    file: ArrayFile,
    pieces: Iterable[str],
    out: Path,
    settings: dict[str, Any],
    write: Callable[[ArrayFile, Path, Any], object],
    dtype: str | None = None,
) -> Any:
    """Fill the folder `out` with a model whose arrays have NeMo's names, and its processor; returns its configuration.

    settings: as for `convert_nemo_folder`. write: writes weights into a folder, told the model without weights.
    dtype: that it writes, if another than the weights have.
    """
    from npconformer.checkpoints.fairseq_original import Original
    from npconformer.commands.convert_fairseq import fitting_model, set_dtype, usual_dtype
    from npconformer.processors.auto import AutoFeatureExtractor, AutoProcessor
    from npconformer.text.piece_files import make_vocabulary
    from npconformer.text.piece_tokenizer import PieceCTCTokenizer

    try:
        weights = NemoArrays(file)
        told = {**config_of_shapes({name: tuple(file.shape(name)) for name in file}), **settings}
        model = fitting_model(Original("nemo-conformer", "ctc", weights, {"dtype": usual_dtype(weights), **told}))
        config = model.config
        vocabulary = make_vocabulary(pieces, config.vocab_size)
    except ValueError as error:
        raise ValueError(f"{file.path} cannot be converted: {error}") from None
    tokenizer = PieceCTCTokenizer(
        vocabulary,
        unk_token="<unk>" if "<unk>" in vocabulary else None,
        pad_token=list(vocabulary)[config.pad_token_id],
    )
    config.architectures = [type(model).__name__]
    set_dtype(config, dtype or config.dtype)
    config.save_pretrained(out)
    AutoProcessor.from_parts(AutoFeatureExtractor.for_config(config), tokenizer).save_pretrained(out)
    write(weights, out, model)
    return config
