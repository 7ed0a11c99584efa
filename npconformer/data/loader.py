"""Batches for training, prepared in the background: read, augmented, normalised, padded, with their labels.

Batch i of epoch e depends on the data, the settings, the seed, e and i, and on nothing else: not on the number of
threads, nor on which batches were asked for before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from npconformer.data.augmentation import Augmentation, Timing
from npconformer.data.batches import CONTENT, TIMING, generator, make_batches
from npconformer.data.examples import Example
from npconformer.data.reading import AudioReader
from npconformer.data.selection import Selection
from npconformer.data.targets import Layout, Piece, Targets

Batch = dict[str, np.ndarray]


class Utterance(NamedTuple):
    """What the model will hear at once: the numbers of its examples, and how they are laid out."""

    examples: list[int]
    timing: Timing


class Loader:
    """The batches of each epoch, as the keyword arguments of the model's forward.

    selection: the examples, from `select_examples`. targets: what is to be learnt. feature_extractor: turns
    waveforms into the model's input and, where it gives one, `attention_mask`. reader: reads the sound; by default
    one with the cache of its default size. batch_size, max_seconds, shuffle: as for `make_batches`, with lengths
    after augmentation. Without shuffling, as for evaluation, a feature extractor that gives no attention mask gets
    utterances of one length only, so that each counts as it would alone.
    workers: threads; 0 prepares each batch when it is asked for.
    look_ahead: how many batches at most are prepared or in preparation beyond the one in use, which bounds the
    memory.

    Raises ValueError for settings that have no meaning and when there are no examples, and FileNotFoundError for a
    recording of noise that is not there.
    """

    def __init__(
        self,
        selection: Selection,
        targets: Targets,
        feature_extractor: Any,
        seed: int,
        batch_size: int | None = None,
        max_seconds: float | None = None,
        shuffle: bool = True,
        augmentation: Augmentation | None = None,
        reader: AudioReader | None = None,
        workers: int = 1,
        look_ahead: int = 4,
    ) -> None:
        if len(selection) == 0:
            raise ValueError("selection: there are no examples to learn from")
        if workers < 0 or look_ahead < 1:
            raise ValueError(f"workers must be at least 0 and look_ahead at least 1, got {workers} and {look_ahead}")
        self.augmentation = augmentation or Augmentation()
        if self.augmentation.joining and not targets.joins:
            raise ValueError("augmentation: joining needs labels that can be joined, such as texts")
        rate = feature_extractor.sampling_rate
        self.reader = AudioReader(rate) if reader is None else reader
        if self.reader.sampling_rate != rate:
            raise ValueError(f"reader: reads at {self.reader.sampling_rate} Hz, the feature extractor takes {rate} Hz")
        self.selection, self.targets, self.feature_extractor = selection, targets, feature_extractor
        self.seed, self.batch_size, self.max_seconds, self.shuffle = seed, batch_size, max_seconds, shuffle
        self.workers, self.look_ahead = workers, look_ahead
        files = self.augmentation.noise.files if self.augmentation.noise else ()
        self._noises = [(os.path.basename(path), _bytes_of(path)) for path in files]
        self._plan = lru_cache(maxsize=2)(self._make_plan)
        self._plan(0)  # wrong settings are found now

    # ---- what is in a batch

    def num_batches(self, epoch: int) -> int:
        """How many batches an epoch has; with joining, epochs may differ."""
        return len(self._plan(epoch))

    def names(self, epoch: int, index: int) -> list[str]:
        """The recordings in a batch, for messages."""
        return [self.selection.examples[i].name for one in self._plan(epoch)[index] for i in one.examples]

    def fingerprint(self) -> str:
        """A hash of all that the batches depend on: two loaders with the same one give the same batches.

        It knows recordings, those of noise included, by their names without folders and their lengths, so that data
        may be moved; and what is to be learnt from each.
        """
        names = [os.path.basename(example.name) for example in self.selection.examples]
        settings = {
            "examples": list(zip(names, self.selection.samples, self.selection.encoded)),
            "batches": [self.seed, self.batch_size, self.max_seconds, self.shuffle],
            "augmentation": self.augmentation.to_dict(),
            "features": self.feature_extractor.to_dict(),
        }
        if self.augmentation.noise:
            settings["augmentation"]["noise"]["files"] = self._noises
        return hashlib.sha256(json.dumps(settings, sort_keys=True, default=np.ndarray.tolist).encode()).hexdigest()

    def _make_plan(self, epoch: int) -> list[list[Utterance]]:
        """The utterances of each batch of an epoch."""
        rate = self.feature_extractor.sampling_rate
        seconds = [samples / rate for samples in self.selection.samples]
        random = generator(TIMING, self.seed, epoch)
        groups = self.augmentation.group(seconds, random)
        utterances = [Utterance(group, self.augmentation.draw_timing(len(group), random)) for group in groups]
        lengths = [timing.seconds([seconds[i] for i in group]) for group, timing in utterances]
        padding = self.shuffle or self.feature_extractor.return_attention_mask
        batches = make_batches(lengths, self.seed, epoch, self.batch_size, self.max_seconds, self.shuffle, padding)
        return [[utterances[i] for i in batch] for batch in batches]

    def load(self, epoch: int, index: int) -> Batch:
        """Prepare one batch.

        Raises ValueError or OSError, naming the recording, for one that cannot be read any more.
        """
        random = generator(CONTENT, self.seed, epoch, index)
        made = [self._make(utterance, random) for utterance in self._plan(epoch)[index]]
        waveforms = [waveform for waveform, _ in made]
        features = self.feature_extractor(
            waveforms, sampling_rate=self.reader.sampling_rate, padding=True, return_tensors="np"
        )
        rows = features[self.feature_extractor.model_input_names[0]].shape[1]
        layout = Layout([len(waveform) for waveform in waveforms], rows)
        return {**features, **self.targets.collate([pieces for _, pieces in made], layout, random)}

    def _make(self, utterance: Utterance, random: np.random.Generator) -> tuple[np.ndarray, list[Piece]]:
        examples, timing = utterance
        encoded = [self.selection.encoded[i] for i in examples]
        waveforms = [self._read(self.selection.examples[i]) for i in examples]
        rate = self.reader.sampling_rate
        waveform, starts = self.augmentation.apply(waveforms, timing, rate, random, self._read_noise)
        pieces = [Piece(*piece) for piece in zip(encoded, starts, timing.speeds)]
        if self.targets.fits(pieces, len(waveform)):
            return waveform, pieces
        return waveforms[0], [Piece(encoded[0])]  # joined so closely that no frame is left for the spaces

    def _read(self, example: Example) -> np.ndarray:
        try:
            return self.reader(example)
        except OSError:
            raise  # names the file
        except Exception as error:
            message = str(error)
            raise ValueError(message if example.path in message else f"{example.name}: {message}") from error

    def _read_noise(self, path: str) -> np.ndarray:
        return self._read(Example(path))

    # ---- one after the other

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `start` on.

        An error in a thread is raised where its batch would have come. Closing the iterator, or leaving it, stops
        the threads.
        """
        count = self.num_batches(epoch)
        if not 0 <= start <= count:
            raise ValueError(f"start must be from 0 to {count}, the batches of epoch {epoch}, got {start!r}")
        numbers = range(start, count)
        if self.workers == 0:
            return (self.load(epoch, index) for index in numbers)
        return self._load_ahead(epoch, numbers)

    def _load_ahead(self, epoch: int, numbers: range) -> Iterator[Batch]:
        threads = ThreadPoolExecutor(max_workers=self.workers, thread_name_prefix="npconformer-data")
        waiting: deque[Future[Batch]] = deque()
        try:
            for index in numbers:
                waiting.append(threads.submit(self.load, epoch, index))
                if len(waiting) > self.look_ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def _bytes_of(path: str) -> int:
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: no such recording of noise")
    return os.path.getsize(path)
