"""The processor of Wav2Vec2-BERT: raw samples in, `input_features` out; see `speech_processor` for what it does."""

from __future__ import annotations

from npconformer.processors.speech_processor import SpeechProcessor


class Wav2Vec2BertProcessor(SpeechProcessor):
    """A SeamlessM4TFeatureExtractor and a tokenizer."""
