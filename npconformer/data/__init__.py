"""Data: from manifests and folders of recordings to batches for training.

>>> examples, left_out = read_examples("train.csv")
>>> targets = targets_for(model, processor.feature_extractor, processor.tokenizer)
>>> reader = AudioReader(processor.feature_extractor.sampling_rate)
>>> selection = select_examples(examples, targets, reader)
>>> loader = Loader(selection, targets, processor.feature_extractor, seed=0, max_seconds=60, reader=reader)
>>> for batch in loader.epoch(0):
...     loss = model(**batch).loss
"""

from npconformer.data.augmentation import Augmentation, Colour, Gain, Joining, Noise, Silence, Speed
from npconformer.data.examples import Example, LeftOut
from npconformer.data.folder import read_examples, read_folder
from npconformer.data.loader import Loader
from npconformer.data.manifest import read_manifest
from npconformer.data.reading import AudioReader, read_example
from npconformer.data.selection import Selection, select_examples
from npconformer.data.targets import Targets
from npconformer.data.targets_of_model import targets_for

__all__ = [
    "Augmentation",
    "AudioReader",
    "Colour",
    "Example",
    "Gain",
    "Joining",
    "LeftOut",
    "Loader",
    "Noise",
    "Selection",
    "Silence",
    "Speed",
    "Targets",
    "read_example",
    "read_examples",
    "read_folder",
    "read_manifest",
    "select_examples",
    "targets_for",
]
