"""The data of `npconformer train`: what is read, what of it the model can learn from, and the batches made of that."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from npconformer.data import Augmentation, Example, LeftOut, Loader, Selection


class Data(NamedTuple):
    """The examples that a manifest or a folder names, and what of it is none."""

    examples: list[Example]
    left_out: list[LeftOut]


def read_data(path: str) -> Data:
    """Read a manifest, or look through a folder. Raises ValueError or OSError when there is nothing in it."""
    from npconformer.data import read_examples

    examples, left_out = read_examples(path)
    if not examples and not left_out:
        raise ValueError(f"{path}: no recordings in it")
    return Data(examples, left_out)


class TrainingData:
    """Makes batches for a model, as the options (see `train_arguments.DEFAULTS`) say."""

    def __init__(self, model: Any, processor: Any, options: dict[str, Any]) -> None:
        from npconformer.data import AudioReader, targets_for

        self.options = options
        self.extractor = getattr(processor, "feature_extractor", processor)
        tokenizer = getattr(processor, "tokenizer", None)
        self.targets = targets_for(model, self.extractor, tokenizer, speakers=options["speakers"])
        self.reader = AudioReader(self.extractor.sampling_rate)

    def select(self, data: Data, fastest: float = 1.0) -> Selection:
        """What the model can learn from; what was no example to begin with is left out, too.

        fastest: how much faster augmentation may make an example.
        """
        return self._select(data, self.targets, fastest)

    def select_held_out(self, data: Data) -> Selection:
        """What the model can be measured on."""
        return self._select(data, self.targets.for_evaluation(), 1.0)

    def _select(self, data: Data, targets: Any, fastest: float) -> Selection:
        from npconformer.data import select_examples

        longest, watched = self.options["longest"], sys.stderr.isatty()
        selection = select_examples(data.examples, targets, self.reader, longest, fastest, progress=watched)
        selection.left_out[:0] = data.left_out
        return selection

    def loader(self, selection: Selection, augmentation: Augmentation) -> Loader:
        """The batches to learn from. Raises ValueError or OSError for a recording of noise that cannot be used."""
        for path in augmentation.noise.files if augmentation.noise else ():
            self._check_noise(path)  # now, and not when it is first drawn
        return self._loader(selection, self.targets, augmentation=augmentation, workers=self.options["workers"])

    def _check_noise(self, path: str) -> None:
        from npconformer.data import Example

        try:
            self.reader(Example(path))
        except ValueError as error:
            raise ValueError(f"--augmentation: noise: {path}: {str(error).removeprefix(path).lstrip(': ')}") from None

    def validation_loader(self, selection: Selection) -> Loader:
        """The batches to measure on."""
        return self._loader(selection, self.targets.for_evaluation(), shuffle=False)

    def _loader(self, selection: Selection, targets: Any, **settings: Any) -> Loader:
        from npconformer.data import Loader

        options = self.options
        return Loader(
            selection,
            targets,
            self.extractor,
            options["seed"],
            batch_size=options["batch_size"],
            max_seconds=options["batch_seconds"],
            reader=self.reader,
            **settings,
        )
