"""Sound in: reading files, resampling, and turning waveforms into what a model takes."""

from typing import Any

from npconformer.audio.feature_extraction import Wav2Vec2FeatureExtractor
from npconformer.audio.files import read_audio, validate_waveform
from npconformer.audio.resampling import resample
from npconformer.audio.sources import AudioSource, RawFormat
from npconformer.audio.streaming import duration_of, stream_audio
from npconformer.storage.messages import AudioWarning

__all__ = [
    "read_audio",
    "stream_audio",
    "duration_of",
    "resample",
    "validate_waveform",
    "AudioSource",
    "AudioWarning",
    "RawFormat",
    "Wav2Vec2FeatureExtractor",
    "SeamlessM4TFeatureExtractor",
]


def __getattr__(name: str) -> Any:
    """The filterbank's extractor, whose modules are imported when it is asked for."""
    if name != "SeamlessM4TFeatureExtractor":
        raise AttributeError(f"module 'npconformer.audio' has no attribute {name!r}")
    from npconformer.audio.seamless_m4t_features import SeamlessM4TFeatureExtractor

    return SeamlessM4TFeatureExtractor
