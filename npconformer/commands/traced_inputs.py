"""What `trace` and `verify` share: the checkpoint's model, its inputs from recordings, a bar over its layers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import check_can_hold, describe, say

DTYPES = ("float32", "float64")


def add_what_to_keep(parser: argparse.ArgumentParser) -> None:
    """Declare the labels, and --attentions and --gradients."""
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument(
        "--text", action="append", metavar="TEXT", help="what is said, for the CTC loss; once for each recording"
    )
    labels.add_argument(
        "--labels",
        action="append",
        metavar="LABELS",
        help="the same as ids, 5,4,7; for a classifier or a speaker model the label or its id; once for each recording",
    )
    parser.add_argument("--attentions", action="store_true", help="also the attention weights of every layer")
    parser.add_argument(
        "--gradients",
        action="store_true",
        help="also the gradients of every parameter: of the loss, or without labels of a random sum of the outputs",
    )


def check_output(arguments: argparse.Namespace, read: list[str]) -> None:
    """Refuse an --output that cannot be written, or that is one of the files to be read or of the checkpoint's."""
    folder = Path(arguments.checkpoint)
    of_checkpoint = list(folder.iterdir()) if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK) else []
    check_can_hold(arguments, [*read, *map(str, of_checkpoint)])


def load_checkpoint(folder: str, dtype: str, device: str) -> Any:
    """The model in a checkpoint folder, of the class that its config names; what prevents it ends the command."""
    from npconformer.models.auto import AutoConfig, class_of

    try:
        config = AutoConfig.from_pretrained(folder)
        return class_of(config).from_pretrained(folder, dtype=dtype, device=device, allow_missing=False)
    except (ValueError, OSError, RuntimeError) as error:
        raise SystemExit(say(describe(error), status=2)) from None


def make_inputs(arguments: argparse.Namespace, model: Any, recordings: list[str]) -> dict[str, Any]:
    """The model's inputs from the recordings, as one batch; what prevents it ends the command."""
    from npconformer.audio.files import read_audio
    from npconformer.processors.auto import AutoFeatureExtractor

    try:
        extractor = AutoFeatureExtractor.from_pretrained(arguments.checkpoint)
        rate = extractor.sampling_rate
        waveforms = [read_audio(name, sampling_rate=rate) for name in recordings]
        batch = extractor(waveforms, sampling_rate=rate, padding=True, return_tensors="np")
        inputs = {name: batch[name] for name in (model.main_input_name, "attention_mask") if name in batch}
        labels = _labels(arguments, model, len(recordings))
    except (ValueError, OSError) as error:
        raise SystemExit(say(describe(error), status=2)) from None
    return inputs if labels is None else {**inputs, "labels": labels}


def _labels(arguments: argparse.Namespace, model: Any, count: int) -> Any:
    """The labels as forward takes them, or None. Raises ValueError for those that do not fit."""
    import numpy as np

    given = arguments.text or arguments.labels
    if given is None:
        return None
    option = "--text" if arguments.text else "--labels"
    if len(given) != count:
        raise ValueError(f"{option}: got {len(given)} for {count} recordings; expected one for each")
    if model.head_name in ("sequence_classification", "xvector") and option == "--labels":
        return np.array([_class_id(text, model.config) for text in given])
    if model.head_name != "ctc":
        raise ValueError(f"{option}: a {type(model).__name__} learns nothing from it")
    if option == "--text":
        from npconformer.processors.auto import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(arguments.checkpoint)
        rows = [tokenizer(text)["input_ids"] for text in given]
    else:
        rows = [[_whole_number(one) for one in text.split(",")] for text in given]
    labels = np.full((count, max(map(len, rows))), -100)
    for index, row in enumerate(rows):
        labels[index, : len(row)] = row
    return labels


def _class_id(text: str, config: Any) -> int:
    return config.label2id[text] if text in config.label2id else _whole_number(text)


def _whole_number(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError(f"--labels: {text!r} is neither a label of the model nor the id of one")
    return int(text)


@contextmanager
def layers_bar(model: Any, runs: int = 1) -> Iterator[Callable[[], None]]:
    """A function to call after each layer of the encoder, which moves a bar while somebody watches.

    runs: how often the layers are gone through.
    """
    from tqdm import tqdm

    total = runs * len(model.base_model.encoder.layers)
    hidden = sys.stderr is None or not sys.stderr.isatty()
    with tqdm(total=total, unit="layer", file=sys.stderr, disable=hidden, leave=False) as bar:
        yield bar.update
