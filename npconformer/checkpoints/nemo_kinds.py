"""What kind of model a NeMo configuration describes: a Conformer-CTC, or another, which is refused by what it is.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from npconformer.storage.messages import shown

OFFERED = ("EncDecCTCModel", "EncDecCTCModelBPE")
ENCODER, DECODER, FRONT_END = "ConformerEncoder", "ConvASRDecoder", "AudioToMelSpectrogramPreprocessor"
# What the name of a model's class says of it; the first that fits.
MODELS = (
    ("Hybrid", "a hybrid of a transducer and CTC"),
    ("RNNT|TDT|Transducer", "a transducer"),
    ("MultiTask|Transf|Canary|SALM|SLU", "an attention encoder-decoder"),
    ("SelfSup|Denois|Masked|SSL", "a model of self-supervised pre-training"),
    ("Speaker|Diar|Sortformer|MSDD", "a model of speakers"),
    ("Classification|Label|VAD", "a classifier"),
    ("TTS|Tacotron|FastPitch|HifiGan|Vocoder|GlowTTS|Spectrogram", "a model of speech synthesis"),
)
ENCODERS = (
    ("Squeezeformer", "a Squeezeformer"),
    ("RNNEncoder", "a recurrent encoder"),
    ("ConvASREncoder", "a QuartzNet or Jasper"),
)


def check_kind(settings: Mapping[str, Any]) -> None:
    """Raises ValueError, saying what it is, for the configuration of anything but a Conformer-CTC."""
    model = class_of(settings.get("target"))
    if model is not None and model not in OFFERED:
        raise _other(_described(model, MODELS, "a model of another kind"), model)
    for part in ("joint", "transf_decoder"):
        if settings.get(part) is not None:
            raise _other("a transducer" if part == "joint" else "an attention encoder-decoder", part)
    encoder = _class_in(settings, "encoder")
    if encoder != ENCODER:
        is_citrinet = any(
            isinstance(block, Mapping) and block.get("se") for block in _list(settings["encoder"].get("jasper"))
        )
        what = "a Citrinet" if is_citrinet else _described(encoder, ENCODERS, "a model with another encoder")
        raise _other(what, encoder)
    decoder = _class_in(settings, "decoder")
    if decoder != DECODER:
        raise _other("a transducer" if "RNNT" in decoder else "a model with another head", decoder)
    front = _class_in(settings, "preprocessor")
    if front != FRONT_END:
        raise _other("a model with another front end", front)


def class_of(target: Any) -> str | None:
    """The last part of a name such as "nemo.collections.asr.modules.ConformerEncoder"."""
    return target.rpartition(".")[2] if isinstance(target, str) and target else None


def section(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of the configuration. Raises ValueError where there is none."""
    found = settings.get(name)
    if not isinstance(found, Mapping):
        raise ValueError(f"it has no {name}, so it is no speech recogniser of NeMo's")
    return found


def _class_in(settings: Mapping[str, Any], name: str) -> str:
    target = section(settings, name).get("_target_", section(settings, name).get("cls"))
    found = class_of(target)
    if found is None:
        raise ValueError(f"{name}._target_ is {shown(target)}; expected the name of a class")
    return found


def _described(name: str, table: tuple[tuple[str, str], ...], otherwise: str) -> str:
    return next((what for pattern, what in table if re.search(pattern, name)), otherwise)


def _other(what: str, name: str) -> ValueError:
    return ValueError(f"it is {what} ({shown(name)}); only Conformer-CTC models ({' and '.join(OFFERED)}) are offered")


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []
