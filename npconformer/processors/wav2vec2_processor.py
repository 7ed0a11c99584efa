"""The processor of Wav2Vec2-Conformer: raw samples in, `input_values` out; see `speech_processor` for what it does."""

from __future__ import annotations

from npconformer.processors.speech_processor import SpeechProcessor


class Wav2Vec2Processor(SpeechProcessor):
    """A Wav2Vec2FeatureExtractor and a tokenizer; in old Wav2Vec2-BERT fine-tunes a SeamlessM4TFeatureExtractor."""
