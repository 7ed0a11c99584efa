"""Sound in: reading files, resampling, and turning waveforms into what a model takes."""

from npconformer.audio.feature_extraction import Wav2Vec2FeatureExtractor
from npconformer.audio.files import read_audio, resample, validate_waveform

__all__ = ["read_audio", "resample", "validate_waveform", "Wav2Vec2FeatureExtractor"]
