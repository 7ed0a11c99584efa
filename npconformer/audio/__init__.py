"""Sound in: reading files, resampling, and turning waveforms into what a model takes.

Names are imported from their files when they are first used, since a model alone needs none of what reads files.
"""

import importlib
from typing import Any

_HOMES = {
    "AudioSource": "npconformer.audio.sources",
    "AudioWarning": "npconformer.storage.messages",
    "NemoConformerFeatureExtractor": "npconformer.audio.nemo_features",
    "RawFormat": "npconformer.audio.sources",
    "SeamlessM4TFeatureExtractor": "npconformer.audio.seamless_m4t_features",
    "Wav2Vec2FeatureExtractor": "npconformer.audio.feature_extraction",
    "duration_of": "npconformer.audio.streaming",
    "read_audio": "npconformer.audio.files",
    "resample": "npconformer.audio.resampling",
    "stream_audio": "npconformer.audio.streaming",
    "validate_waveform": "npconformer.audio.waveforms",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'npconformer.audio' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
