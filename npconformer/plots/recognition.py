"""What a picture of a recognition shows: a waveform, what a CTC model says of it, and the alignment with a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npconformer.text.ctc_alignment import log_probs_of
from npconformer.text.ctc_decoding import Span
from npconformer.text.joined_alignments import join_alignments
from npconformer.text.text_alignment import TextAlignment, align_text

MATTERS = 0.1  # a class that has this probability in some frame is shown


@dataclass(frozen=True, eq=False)
class Recognition:
    """A recording and what a CTC model makes of it.

    Attributes:
        waveform: (N,) samples.
        sampling_rate: of the waveform, in Hz.
        probabilities: (T, V) float32, of each class in each frame.
        seconds_per_frame: how far apart frames are; frame t is drawn from t to t + 1 times that.
        tokens: the V tokens of the vocabulary.
        blank: the class of the blank.
        delimiter: the class of the word delimiter, or None.
        alignment: which letter and word each frame says.
    """

    waveform: np.ndarray
    sampling_rate: int
    probabilities: np.ndarray
    seconds_per_frame: float
    tokens: list[str]
    blank: int
    delimiter: int | None
    alignment: TextAlignment

    @classmethod
    def from_logits(
        cls,
        waveform: np.ndarray,
        logits: Any,
        processor: Any,
        samples_per_frame: int,
        text: str | None = None,
        seams: Sequence[int] = (),
    ) -> Recognition:
        """Align a text with logits.

        Args:
            waveform: (N,) at the rate of the processor's feature extractor.
            logits: (T, V) of the whole waveform, a tensor or an array.
            processor: the model's, such as AutoProcessor loads.
            samples_per_frame: of the pipeline, or of the model's FrameClock.
            text: what is said, if known; None takes what greedy decoding reads.
            seams: the frames with which further utterances begin, where the recording was cut at pauses; without a
                text each is read by itself.

        Raises ValueError as `align_text` does.
        """
        tokenizer, rate = processor.tokenizer, processor.feature_extractor.sampling_rate
        log_probs = log_probs_of(logits)
        tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(range(log_probs.shape[1]))]
        delimiter = tokenizer.get_vocab().get(tokenizer.word_delimiter_token)
        if text is None:
            utterances = np.split(log_probs, list(seams))
            alignment = join_alignments([align_text(one, None, tokenizer) for one in utterances])
        else:
            alignment = align_text(log_probs, text, tokenizer)
        return cls(
            waveform=np.asarray(waveform),
            sampling_rate=rate,
            probabilities=np.exp(log_probs).astype(np.float32),
            seconds_per_frame=samples_per_frame / rate,
            tokens=tokens,
            blank=tokenizer.pad_token_id,
            delimiter=delimiter,
            alignment=alignment,
        )

    @classmethod
    def of(cls, pipeline: Any, recording: Any, text: str | None = None) -> Recognition:
        """Run a speech recognition pipeline's model on one recording, as a whole."""
        waveform, logits = pipeline.logits_of(recording)
        return cls.from_logits(waveform, logits, pipeline.processor, pipeline.samples_per_frame, text)

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return len(self.waveform) / self.sampling_rate

    @property
    def letters(self) -> list[Span]:
        """The alignment's letters without the spaces between words, as they can be shown."""
        space = None if self.delimiter is None else self.tokens[self.delimiter]
        return [_shown(letter) for letter in self.alignment.letters if letter.text != space]

    @property
    def words(self) -> list[Span]:
        """The alignment's words, as they can be shown."""
        return [_shown(word) for word in self.alignment.words]

    def name_of(self, index: int) -> str:
        """What a class is called in a picture."""
        if index == self.blank:
            return "blank"
        if index == self.delimiter:
            return "space"
        token = printable(self.tokens[index])
        return token if len(token) <= 6 else token[:5] + "…"

    def classes_to_show(self, most: int = 40) -> list[int]:
        """The classes that matter: blank, word delimiter, the text's letters as they come, and others that come near.

        The blank is always among them; the others are those on the path and those with a probability of MATTERS
        somewhere, the most probable first. `most` limits their number.
        """
        path = dict.fromkeys(self.alignment.frames.classes.tolist())
        highest = self.probabilities.max(axis=0)  # (V,)
        near = [index for index in np.argsort(-highest).tolist() if highest[index] >= MATTERS]
        order = dict.fromkeys([self.blank, *(d for d in [self.delimiter] if d in path or d in near), *path, *near])
        return list(order)[:most]


def printable(text: str) -> str:
    """The text with `?` for what would move a terminal's cursor, or is no character at all."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _shown(span: Span) -> Span:
    return Span(printable(span.text), span.start, span.end)
