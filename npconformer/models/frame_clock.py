"""Where samples become frames, and frames seconds: the one place.

Everything between the waveform and a model's output that changes the number of time steps is a stage: it looks at
`reach` steps of what is before it, and `hop` steps lie between the first steps of two neighbours. n steps become

    floor((n - reach) / hop) + 1

A convolution with kernel k, stride s and p zeros on each side has reach k - 2p and hop s; a filterbank with windows of
400 samples every 160, stacked in pairs, has reach 560 and hop 320.

The time of frame t is from t to t + 1 times `seconds_per_frame`, which is the product of all hops: 20 ms for released
models, 40 ms behind one adapter layer of stride 2. So does the reference count, except that it forgets the adapter of
Wav2Vec2-Conformer (its `inputs_to_logits_ratio` is that of the encoder, Wav2Vec2-BERT's has the adapter in it). What
a frame sees is wider than that, and centred within half a frame of the middle of its time: 400 samples behind the
convolutions of Wav2Vec2-Conformer, from 320 t to 320 t + 400; 560 behind the filterbank of Wav2Vec2-BERT. An adapter
layer centres frame j on frame s j + (k - 1)/2 - p of those before it, which keeps within half a frame as long as
(k - 1)/2 - p is from 0 to s - 1: so for the released kernel 3 and stride 2, and for 5 and 3, 5 and 2, or 4 and 3.
(Attention sees everything; this is about what a frame is mostly made of.)

NeMo's rows are centred on every 160th sample, the first on sample 0: that counts as a reach of 0, with what lies beyond
the ends mirrored. Frame t is centred on sample 640 t, the beginning of its time.

Lesson: notebooks/02_waveform_to_frames.ipynb, notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

Lengths = TypeVar("Lengths", int, np.ndarray)


class Stage(NamedTuple):
    """How many steps one step of the result sees, and how far apart two of them are."""

    reach: int
    hop: int


def count_steps(steps: Lengths, stages: Sequence[Stage]) -> Lengths:
    """How many steps are left of so many, an integer or an array of them, behind all stages."""
    for reach, hop in stages:
        steps = (steps - reach) // hop + 1
    return steps


def fewest_steps(wanted: int, stages: Sequence[Stage]) -> int:
    """The fewest steps, at least 1, of which `wanted` are left behind all stages."""
    for reach, hop in reversed(stages):
        wanted = max((wanted - 1) * hop + reach, 1)
    return wanted


@dataclass(frozen=True)
class FrameClock:
    """When the frames of a model's output are, for audio at one sampling rate.

    >>> clock = FrameClock.of(model, extractor.sampling_rate, extractor.reach, extractor.hop)
    >>> clock.frames(16000), clock.seconds_per_frame
    (49, 0.02)

    Attributes:
        sampling_rate: samples per second.
        input: from the waveform to the rows that the model takes: raw samples are (1, 1).
        encoder: from these rows to the frames of the encoder.
        adapter: from those to the frames of the output, where the model has an adapter.
        counted_adapter: the same as the reference counts it for lengths, which for unusual kernels and strides is not
            what the convolutions give.
    """

    sampling_rate: int
    input: Stage
    encoder: tuple[Stage, ...]
    adapter: tuple[Stage, ...] = ()
    counted_adapter: tuple[Stage, ...] = ()

    @classmethod
    def of(cls, model: Any, sampling_rate: int, reach: int = 1, hop: int = 1) -> FrameClock:
        """The clock of a model behind a feature extractor, one of whose rows sees `reach` samples, `hop` apart."""
        row, counted = Stage(reach, hop), model.adapter_stages
        return cls(sampling_rate, row, model.encoder_stages, model.adapter_convolutions, counted)

    @property
    def _stages(self) -> tuple[Stage, ...]:
        return (self.input, *self.encoder, *self.adapter)

    @property
    def receptive_field(self) -> int:
        """The fewest samples that give one frame."""
        return self.samples_for(1)

    @property
    def is_centred(self) -> bool:
        """Whether rows of the input are centred on their samples and see the recording mirrored behind its ends."""
        return self.input.reach == 0

    @property
    def samples_per_encoder_frame(self) -> int:
        """Samples from one frame of the encoder to the next; an adapter puts several of these into one."""
        return self.input.hop * math.prod(stage.hop for stage in self.encoder)

    @property
    def samples_per_frame(self) -> int:
        """Samples from one frame of the output to the next."""
        return math.prod(stage.hop for stage in self._stages)

    @property
    def seconds_per_frame(self) -> float:
        """The same in seconds."""
        return self.samples_per_frame / self.sampling_rate

    def frames(self, samples: Lengths) -> Lengths:
        """How many frames of the output so many samples, at least `receptive_field`, have by themselves."""
        return count_steps(samples, self._stages)

    def frames_of_loss(self, samples: int) -> int:
        """How many of them the CTC loss uses: as many as the reference counts, if there are so many."""
        return min(self.frames(samples), count_steps(samples, (self.input, *self.encoder, *self.counted_adapter)))

    def frames_of_rows(self, rows: Lengths) -> Lengths:
        """How many frames of the output so many rows of the model's input have, those of padding included."""
        return count_steps(rows, (*self.encoder, *self.adapter))

    def samples_for(self, frames: int) -> int:
        """The fewest samples that have so many frames."""
        return fewest_steps(frames, self._stages)

    def start(self, frame: int) -> float:
        """The second at which a frame begins; it ends where the next one begins."""
        return frame * self.seconds_per_frame
