"""Sound in: reading files, resampling, and turning waveforms into what a model takes."""

from npconformer.audio.feature_extraction import Wav2Vec2FeatureExtractor
from npconformer.audio.files import read_audio, resample, validate_waveform
from npconformer.audio.seamless_m4t_features import SeamlessM4TFeatureExtractor
from npconformer.audio.streaming import duration_of, stream_audio

__all__ = [
    "read_audio",
    "stream_audio",
    "duration_of",
    "resample",
    "validate_waveform",
    "Wav2Vec2FeatureExtractor",
    "SeamlessM4TFeatureExtractor",
]
