"""The processor of NeMo's Conformer: raw samples in, `input_features` out; see `speech_processor` for what it does."""

from __future__ import annotations

from npconformer.processors.speech_processor import SpeechProcessor


class NemoConformerProcessor(SpeechProcessor):
    """A NemoConformerFeatureExtractor and a tokenizer."""
