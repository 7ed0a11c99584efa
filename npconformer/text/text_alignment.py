"""When each letter and each word of a text is said in a recording: CTC alignment in the tokenizer's terms.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from npconformer.audio.sound_edges import SoundEdges
from npconformer.text.confidence import span_confidences
from npconformer.text.ctc_alignment import WILDCARD, CTCAlignment, ctc_align, log_probs_of
from npconformer.text.ctc_decoding import Span, runs
from npconformer.text.known_text import WILDCARD_WORD, KnownText, KnownWord, read_known_text

LONGEST_TAIL_S = 0.3  # that the sound of a word may go on after its last letter


class TimedWord(NamedTuple):
    """A word, when it is said, in seconds, and how sure the model is of it there, from 0 to 1.

    score: as `span_confidences` has it; None for a word without a letter of the vocabulary.
    """

    text: str
    start: float
    end: float
    score: float | None


@dataclass(frozen=True, eq=False)
class TextAlignment:
    """A text and the frames [start, end) that say it; `times` turns frames into seconds.

    Attributes:
        text: what is said.
        frames: which label each frame says.
        letters: each token of the text, word delimiters and wildcards included, as in the vocabulary.
        words: each word, from the first frame of its first letter to the last of its last. Wildcards are none, unless
            they stand for words that cannot be spelled in the vocabulary.
        scores: how sure the model is of each word, from 0 to 1, as in TimedWord.
        spelling: each word as the text spells it.
        places: which of the words between the text's spaces each word is, or the first of these that it is.
        known: the text's words and the letters that were left out; None where the text was read from the logits.
    """

    text: str
    frames: CTCAlignment
    letters: list[Span]
    words: list[Span]
    scores: list[float | None]
    spelling: list[str]
    places: list[int]
    known: KnownText | None = field(default=None, repr=False)

    def times(self, clock: Any, waveform: Any = None) -> list[TimedWord]:
        """When each word is said, in seconds.

            clock = npconformer.FrameClock.of(model, extractor.sampling_rate, extractor.reach, extractor.hop)
            align_text(logits[0], "THREE ONE", processor.tokenizer).times(clock, waveform)

        Args:
            clock: the model's, which says when frames are; a pipeline has it as `clock`.
            waveform: (N,) the recording at the clock's sampling rate. With it a word that the model says in the silence
                before it starts where its sound starts, and a word ends where its sound ends, at most 0.3 s after its
                last letter, and before the next word starts (sound_edges.py). Without it, times are those of frames.
        """
        times = [(clock.start(word.start), clock.start(word.end)) for word in self.words]
        if waveform is not None:
            times = self._sounded(times, SoundEdges(waveform, clock.sampling_rate), clock)
        return [TimedWord(text, *time, score) for text, time, score in zip(self.spelling, times, self.scores)]

    def _sounded(self, times: list[tuple[float, float]], edges: SoundEdges, clock: Any) -> list[tuple[float, float]]:
        """The words' times with their starts, then their ends, where sound has them; no word in what another says."""
        classes = self.frames.classes
        left_out = [clock.start(letter.start) for letter in self.letters if classes[letter.start] == WILDCARD]

        def limits(last: float) -> list[float]:
            following = [*(start for start, _ in times[1:]), last]
            wildcards = (left_out[bisect_left(left_out, end) :][:1] for _, end in times)
            return [min([one, *wildcard]) for one, wildcard in zip(following, wildcards)]

        latest = limits(edges.duration)
        times = [(edges.begins(start, max(end, limit)), end) for (start, end), limit in zip(times, latest)]
        times = [(start, max(end, start + edges.frame_s)) for start, end in times]  # it may have been in the silence
        latest = limits(edges.duration)
        return [
            (start, edges.ends(start, end, min(limit, end + LONGEST_TAIL_S)))
            for (start, end), limit in zip(times, latest)
        ]


def align_text(
    logits: Any, text: str | Sequence[str | None] | None, tokenizer: Any, *, fit: bool = False, lengths: Any = None
) -> Any:
    """The most probable alignment of a text with the frames of a CTC model, which need not have recognised it.

        logits = model(**processor(waveform, sampling_rate=16000, return_tensors="np")).logits
        alignment = align_text(logits[0], "THREE ONE * FOUR", processor.tokenizer)
        alignment.words, alignment.scores, alignment.times(clock, waveform)

    Args:
        logits: (T, V), as for `ctc_align`; or (B, T, V) of a batch.
        text: spaces and line ends divide words; a word * stands for speech that the text leaves out (unless the
            vocabulary has that letter). None: what greedy decoding reads from the logits. Of a batch: a list of B.
        tokenizer: a Wav2Vec2CTCTokenizer, whose pad token is the blank.
        fit: whether letters that the vocabulary lacks are fitted to it, by the rule in known_text.py, or refused.
        lengths: (B,) how many frames of each recording of a batch are real; None: all.

    Returns:
        A TextAlignment; of a batch a list of them.

    Raises:
        ValueError: a letter that the vocabulary lacks, or what `ctc_align` refuses.
    """
    if not isinstance(text, list | tuple):
        if lengths is not None:
            raise ValueError("lengths: for a batch only, whose texts are a list")
        return _align_one(logits, text, tokenizer, fit)
    if len(logits) != len(text):
        raise ValueError(f"text: expected one for each of {len(logits)} recordings, got {len(text)}")
    alignments = []
    counts = [None] * len(text) if lengths is None else [int(n) for n in np.asarray(lengths)]
    for i, (one, count) in enumerate(zip(text, counts, strict=True)):
        try:
            alignments.append(_align_one(logits[i] if count is None else logits[i][:count], one, tokenizer, fit))
        except ValueError as error:
            raise ValueError(f"recording {i} of the batch: {error}") from None
    return alignments


def _align_one(logits: Any, text: str | None, tokenizer: Any, fit: bool) -> TextAlignment:
    blank = tokenizer.pad_token_id
    if blank is None:
        raise ValueError("tokenizer: its pad token is the blank of CTC, and it has none")
    log_probs = log_probs_of(logits)  # (T, V)
    vocabulary, delimiter = tokenizer.get_vocab(), tokenizer.word_delimiter_token
    no_letters = {blank, WILDCARD, vocabulary.get(delimiter, blank)}
    if text is None:
        best = log_probs.argmax(axis=-1)  # (T,)
        ids = [index for index in runs(best)[0].tolist() if index != blank]
        frames = ctc_align(log_probs, ids, blank)
        tokens = tokenizer.convert_ids_to_tokens(ids)
        letters = [Span(token, start, end) for token, (start, end) in zip(tokens, frames.spans)]
        words = tokenizer.join_words(letters)
        known, text, spelling = None, tokenizer.decode(best), [word.text for word in words]
        order = list(range(len(words)))
    else:
        known = read_known_text(text, tokenizer, fit)
        tokens, places = _spell(known.words, delimiter if delimiter in vocabulary else None)
        labels = [WILDCARD if token is None else vocabulary[token] for token in tokens]
        frames = ctc_align(log_probs, labels, blank)
        letters = [Span(token or WILDCARD_WORD, *span) for token, span in zip(tokens, frames.spans)]
        said = [place for place in places if place[0].text != WILDCARD_WORD or place[0].tokens]
        words = [_word(word, letters[start:end], log_probs, tokenizer) for word, start, end in said]
        spelling, order = [word.text for word, _, _ in said], [word.place for word, _, _ in said]
    scores = span_confidences(frames.classes, frames.log_probs, [(word.start, word.end) for word in words], no_letters)
    return TextAlignment(text, frames, letters, words, scores, spelling, order, known)


def _spell(words: list[KnownWord], delimiter: str | None) -> tuple[list[str | None], list[tuple[KnownWord, int, int]]]:
    """The tokens of all words, None for a wildcard, and where among them each word's begin and end.

    Between words stands the delimiter; a wildcard takes the place of those beside it.
    """
    tokens: list[str | None] = []
    places = []
    for word in words:
        if tokens and tokens[-1] is not None and word.tokens is not None and delimiter is not None:
            tokens.append(delimiter)
        start = len(tokens)
        tokens += [None] if word.tokens is None else word.tokens
        places.append((word, start, len(tokens)))
    return tokens, places


def _word(word: KnownWord, letters: list[Span], log_probs: np.ndarray, tokenizer: Any) -> Span:
    """A word's span; that of a wildcard without the silence at its ends."""
    start, end = letters[0].start, letters[-1].end
    if word.tokens is not None:
        return Span("".join(joined.text for joined in tokenizer.join_words(letters)), start, end)
    heard = start + np.flatnonzero(log_probs[start:end].argmax(axis=-1) != tokenizer.pad_token_id)
    return Span(word.text, int(heard[0]), int(heard[-1]) + 1) if len(heard) else Span(word.text, start, end)
