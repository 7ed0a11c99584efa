"""`npconformer convert` of a single file: a checkpoint of fairseq becomes a checkpoint folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import say


def convert_file(arguments: argparse.Namespace, out: Path, largest: int) -> None:
    """Fill the folder `out` with the model in fairseq's file.

    Raises:
        ValueError: the file is damaged, asks for what it does not need, holds another model or contradicts itself.
    """
    from npconformer.checkpoints.conversion import usual_dtype
    from npconformer.checkpoints.fairseq_bert import is_bert, read_bert
    from npconformer.checkpoints.fairseq_conformer import read_conformer
    from npconformer.checkpoints.fairseq_file import FairseqFile
    from npconformer.commands.converted_weights import tell, write_weights

    path = Path(arguments.checkpoint)
    file = FairseqFile(path)
    try:
        original = read_bert(file) if is_bert(file) else read_conformer(file)
        model = fitting_model(original)
    except (ValueError, TypeError) as error:  # TypeError: a setting that is of another type than fairseq's
        raise ValueError(f"{path} cannot be converted: {error}") from None
    config = model.config
    config.architectures = [type(model).__name__]
    set_dtype(config, arguments.dtype or usual_dtype(original.weights))
    config.save_pretrained(out)
    save_processor(original, config, path, out)
    paths = write_weights(arguments, original.weights, out, largest, model)
    say(f"{path}: a {type(model).__name__} of {config.num_hidden_layers} layers of {config.hidden_size}")
    tell(arguments, paths, [])


def fitting_model(original: Any) -> Any:
    """The model that the weights are of, itself without any. Raises ValueError where they do not fit."""
    from npconformer.checkpoints.pretrained import compare_weights
    from npconformer.models.auto import config_class, model_class
    from npconformer.nn.init import no_init

    config = config_class(original.model_type)(**original.config)
    with no_init():
        model = model_class(original.model_type, original.head)(config)
    shapes = {name: tuple(array.shape) for name, array in model.state_dict().items()}
    report = compare_weights(original.weights, shapes, model.base_model_prefix)
    if report.missing or report.unexpected or report.mismatched:
        raise ValueError(f"its weights are not those of a {type(model).__name__} with its settings. {report}")
    return model


def set_dtype(config: Any, dtype: str | None) -> None:
    """Say in a configuration which dtype the weights are stored in; beside int8 ones the others are float32."""
    from npconformer.checkpoints.stored_state import say_int8

    config.dtype = "float32" if dtype == "int8" else dtype
    say_int8(config, dtype == "int8")


def save_processor(original: Any, config: Any, path: Path, out: Path) -> None:
    """The feature extractor, and for a model with CTC, if its letters are known, the tokenizer."""
    from npconformer.checkpoints.fairseq_vocabulary import NAME, read_symbols, vocabulary
    from npconformer.processors.auto import AutoFeatureExtractor, AutoProcessor
    from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer

    extractor = type(AutoFeatureExtractor.for_config(config))(**original.extractor)
    symbols = original.symbols
    beside = path.parent / NAME
    if original.head == "ctc" and beside.is_file():
        symbols = read_symbols(beside)
    if original.head != "ctc" or symbols is None:
        extractor.save_pretrained(out)
        if original.head == "ctc":
            say(f"no tokenizer: the file has no dictionary, and there is no {beside}")
        return
    letters = vocabulary(symbols, config.vocab_size)
    tokenizer = Wav2Vec2CTCTokenizer(letters, word_delimiter_token="|" if "|" in letters else None)
    AutoProcessor.from_parts(extractor, tokenizer).save_pretrained(out)
