"""Writes `features/` beside it: `python -m tests.reference_cases.make_feature_cases`; runs transformers.

Each file holds waveforms, the extractor's settings, the options of the call, and what transformers'
SeamlessM4TFeatureExtractor gives for them, normalised and not: so that npconformer is compared with it on a machine
that has neither torch nor transformers. The waveforms are made here, from glides, noise and silence.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from transformers import SeamlessM4TFeatureExtractor

from .make_cases import FOLDER, save

RATE = 16000


def sound(samples: int, seed: int) -> np.ndarray:
    """A glide over the whole band, with overtones, swelling and fading, in a little noise; float32."""
    random = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    phase = 2 * np.pi * (80 * time + 0.5 * (4000 / max(time[-1], 0.1)) * time**2)
    voice = sum(np.sin(k * phase) / k for k in (1, 2, 3)) * np.sin(np.pi * np.arange(samples) / samples) ** 2
    return (0.2 * voice + 0.003 * random.normal(size=samples)).astype(np.float32)


STEREO = np.stack([sound(2000, 7), sound(2000, 8)])  # (channels, samples)
CASES: dict[str, tuple[list[np.ndarray], dict[str, Any], dict[str, Any]]] = {  # name: waveforms, settings, options
    "one": ([sound(4000, 0)], {}, {}),
    "odd-frames": ([sound(2500 - 160, 1)], {"padding_value": 1.0}, {}),
    "two-frames": ([sound(560, 2)], {}, {}),
    "batch": ([sound(3000, 3), sound(1700, 4), sound(600, 5)], {}, {}),
    "batch-padded-with-1": ([sound(1500, 3), sound(2900, 4)], {"padding_value": 1.0}, {"pad_to_multiple_of": 8}),
    "batch-left-cut": (
        [sound(3000, 5), sound(1200, 6)],
        {"padding_side": "left", "padding_value": 0.5},
        {"padding": "max_length", "max_length": 13, "truncation": True},
    ),
    "stereo": ([STEREO], {}, {}),
    "silence-then-sound": ([np.concatenate([np.zeros(1600, np.float32), sound(1600, 9)])], {}, {}),
    "silence": ([np.zeros(1500, np.float32)], {}, {}),
    "40-bands-8-kHz": ([sound(2400, 10)], {"num_mel_bins": 40, "sampling_rate": 8000}, {}),
}


def frozen(waveforms: list[np.ndarray], settings: dict[str, Any], options: dict[str, Any]) -> dict[str, np.ndarray]:
    extractor = SeamlessM4TFeatureExtractor(**settings)
    arrays = {"settings": np.array(json.dumps(settings)), "options": np.array(json.dumps(options))}
    arrays |= {f"waveforms.{i}": waveform for i, waveform in enumerate(waveforms)}
    for name, normalize in (("plain", False), ("normalized", True)):
        batch = extractor(
            waveforms, sampling_rate=extractor.sampling_rate, do_normalize_per_mel_bins=normalize, **options
        )
        arrays |= {f"{name}.{entry}": value for entry, value in batch.items()}
    return arrays


if __name__ == "__main__":
    (FOLDER / "features").mkdir(exist_ok=True)
    for name, case in CASES.items():
        save(FOLDER / "features" / f"{name}.npz", frozen(*case))
