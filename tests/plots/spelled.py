"""Recognitions without a model: frames spelled with letters, `_` being the blank, and a processor for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npconformer import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor
from npconformer.plots import Recognition

SAMPLES_PER_FRAME = 320


def make_processor(letters: str = "EHLOTWY") -> Wav2Vec2Processor:
    vocabulary = {token: index for index, token in enumerate(["<pad>", "|", "<unk>", *letters])}
    tokenizer = Wav2Vec2CTCTokenizer(vocabulary, bos_token=None, eos_token=None)
    return Wav2Vec2Processor(feature_extractor=Wav2Vec2FeatureExtractor(), tokenizer=tokenizer)


def make_recognition(
    path: str, letters: str = "EHLOTWY", text: str | None = None, seed: int = 0, seams: Sequence[int] = ()
) -> Recognition:
    """The best class of each frame is as `path` spells it; the waveform is louder where a letter is."""
    processor, random = make_processor(letters), np.random.default_rng(seed)
    vocabulary = processor.tokenizer.get_vocab()
    best = [vocabulary["<pad>" if letter == "_" else letter] for letter in path]
    logits = random.uniform(0, 1, (len(path), len(vocabulary))) + 6 * np.eye(len(vocabulary))[best]
    loud = np.repeat([0.01 if letter in "_|" else 0.3 for letter in path], SAMPLES_PER_FRAME)
    waveform = (loud * np.sin(np.arange(len(loud)) * 0.3)).astype(np.float32)
    return Recognition.from_logits(waveform, logits, processor, SAMPLES_PER_FRAME, text, seams)


HELLO_YOU = "___HH__E__L_L__OO__||__Y__OOO__T___"
