"""The targets that suit a model, by its head."""

from __future__ import annotations

from typing import Any

from npconformer.data.pretraining_targets import PretrainingTargets
from npconformer.data.targets import ClassTargets, FrameTargets, SpeakerTargets, Targets, TextTargets
from npconformer.models.frame_clock import FrameClock, fewest_steps
from npconformer.nn import BatchNorm1d

USUAL_RATE = 16000  # of every released model


def targets_for(model: Any, feature_extractor: Any = None, tokenizer: Any = None, speakers: str = "names") -> Targets:
    """The targets of a model: texts for CTC, labels for classifiers, and so on.

    feature_extractor: needed for frame classification, for its sampling rate, and for models that do not take the
    waveform itself. tokenizer: needed for CTC. speakers: for frame classification, as for `FrameTargets`.

    Raises ValueError for a model without a head that can be trained, or when one of these is missing.
    """
    if model.head_name not in (*_TARGETS, "audio_frame_classification"):
        raise ValueError(f"model: {type(model).__name__} has no head that can be trained")
    if feature_extractor is None:
        if model.head_name == "audio_frame_classification":
            raise ValueError("feature_extractor: a frame classifier needs one, for its sampling rate")
        if model.input_axes[1] != "samples":
            raise ValueError(f"feature_extractor: {type(model).__name__} needs one, for the frames of a recording")
        clock = FrameClock.of(model, USUAL_RATE)
    else:
        extractor = feature_extractor
        clock = FrameClock.of(model, extractor.sampling_rate, extractor.reach, extractor.hop)
    if model.head_name == "audio_frame_classification":
        config = model.config
        shortest = clock.receptive_field
        targets: Targets = FrameTargets(config.label2id, clock, config.problem_type, shortest, speakers)
    else:
        targets = _TARGETS[model.head_name](model, clock, tokenizer)
    if any(isinstance(module, BatchNorm1d) for module in model.modules()):  # one frame has no variance
        targets.shortest = max(targets.shortest, fewest_steps(2, (clock.input, *clock.encoder)))
    return targets


def _of_ctc(model: Any, clock: FrameClock, tokenizer: Any) -> Targets:
    if tokenizer is None:
        raise ValueError("tokenizer: a CTC model needs one for its texts")
    return TextTargets(tokenizer, clock, model.config.vocab_size, model.config.pad_token_id, clock.receptive_field)


def _of_classifier(model: Any, clock: FrameClock, tokenizer: Any) -> Targets:
    return ClassTargets(model.config.label2id, clock, "label", model.config.problem_type, clock.receptive_field)


def _of_xvector(model: Any, clock: FrameClock, tokenizer: Any) -> Targets:
    shortest = clock.samples_for(model.tdnn_context + 1)  # a deviation needs two outputs of the TDNN layers
    return SpeakerTargets(model.config.label2id, clock, shortest)


def _of_pretraining(model: Any, clock: FrameClock, tokenizer: Any) -> Targets:
    return PretrainingTargets(model.config, clock, clock.samples_for(max(2, model.config.mask_time_length)))


_TARGETS = {
    "ctc": _of_ctc,
    "sequence_classification": _of_classifier,
    "xvector": _of_xvector,
    "pretraining": _of_pretraining,
}
