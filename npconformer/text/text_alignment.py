"""When each letter and each word of a text is said in a recording: CTC alignment in the tokenizer's terms.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npconformer.text.ctc_alignment import CTCAlignment, ctc_align, log_probs_of
from npconformer.text.ctc_decoding import Span, group_words, runs


@dataclass(frozen=True, eq=False)
class TextAlignment:
    """A text and the frames [start, end) that say it; `npconformer.FrameClock.start` turns frames into seconds.

    Attributes:
        text: what is said.
        frames: which label each frame says.
        letters: each token of the text, word delimiters included, as in the vocabulary.
        words: each word, from the first frame of its first letter to the last of its last.
    """

    text: str
    frames: CTCAlignment
    letters: list[Span]
    words: list[Span]


def align_text(logits: Any, text: str | None, tokenizer: Any) -> TextAlignment:
    """The most probable alignment of a text with the frames of a CTC model, which need not have recognised it.

        logits = model(**processor(waveform, sampling_rate=16000, return_tensors="np")).logits
        align_text(logits[0], "THREE ONE FOUR", processor.tokenizer).words

    Args:
        logits: (T, V), as for `ctc_align`.
        text: in the vocabulary's letters; spaces and line ends divide words. None: what greedy decoding reads from
            the logits.
        tokenizer: a Wav2Vec2CTCTokenizer, whose pad token is the blank.

    Raises:
        ValueError: a letter that the vocabulary lacks, or what `ctc_align` refuses.
    """
    blank = tokenizer.pad_token_id
    if blank is None:
        raise ValueError("tokenizer: its pad token is the blank of CTC, and it has none")
    log_probs = log_probs_of(logits)  # (T, V)
    if text is None:
        best = log_probs.argmax(axis=-1)  # (T,)
        text = tokenizer.decode(best)
        ids = [index for index in runs(best)[0].tolist() if index != blank]
        tokens = tokenizer.convert_ids_to_tokens(ids)
    else:
        tokens = tokenizer.tokenize(" ".join(text.split()))
        ids = _known_ids(tokens, tokenizer)
    frames = ctc_align(log_probs, ids, blank)
    letters = [Span(token, start, end) for token, (start, end) in zip(tokens, frames.spans)]
    return TextAlignment(text, frames, letters, group_words(letters, tokenizer.word_delimiter_token))


def _known_ids(tokens: list[str], tokenizer: Any) -> list[int]:
    vocabulary = tokenizer.get_vocab()
    unknown = [token for token in dict.fromkeys(tokens) if token not in vocabulary]
    if unknown:
        raise ValueError(f"text: not in the vocabulary: {' '.join(map(repr, unknown))}")
    return [vocabulary[token] for token in tokens]
