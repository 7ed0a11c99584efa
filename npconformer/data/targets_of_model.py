"""The targets that suit a model, by its head."""

from __future__ import annotations

from typing import Any

from npconformer.data.pretraining_targets import PretrainingTargets
from npconformer.data.targets import ClassTargets, Frames, FrameTargets, Targets, TextTargets


def targets_for(model: Any, feature_extractor: Any = None, tokenizer: Any = None) -> Targets:
    """The targets of a model: texts ForCTC, labels ForSequenceClassification, and so on.

    feature_extractor: needed ForAudioFrameClassification, for its sampling rate. tokenizer: needed ForCTC.

    Raises ValueError for a model without a head that can be trained, or when one of these is missing.
    """
    config, frames = model.config, model._get_feat_extract_output_lengths
    heads = {name for kind in type(model).__mro__ if (name := kind.__name__.rpartition("For")[2]) != kind.__name__}
    if "CTC" in heads:
        if tokenizer is None:
            raise ValueError("tokenizer: a CTC model needs one for its texts")
        return TextTargets(tokenizer, frames, config.vocab_size, config.pad_token_id, samples_for(frames, 1))
    if "SequenceClassification" in heads:
        shortest = samples_for(frames, 1)
        return ClassTargets(config.label2id, frames, "label", config.problem_type, shortest)
    if "XVector" in heads:
        shortest = samples_for(frames, model.tdnn_context + 1)  # a deviation needs two outputs of the TDNN layers
        return ClassTargets(config.label2id, frames, "speaker", "single_label_classification", shortest)
    if "AudioFrameClassification" in heads:
        if feature_extractor is None:
            raise ValueError("feature_extractor: a frame classifier needs one, for its sampling rate")
        rate = feature_extractor.sampling_rate
        return FrameTargets(
            config.label2id,
            frames,
            config.inputs_to_logits_ratio / rate,
            rate,
            config.problem_type,
            samples_for(frames, 1),
        )
    if "PreTraining" in heads:
        return PretrainingTargets(config, frames, samples_for(frames, max(2, config.mask_time_length)))
    raise ValueError(f"model: {type(model).__name__} has no head that can be trained")


def samples_for(frames: Frames, wanted: int) -> int:
    """The fewest samples that give `wanted` frames, by bisection: more samples never give fewer frames."""
    most = 1
    while int(frames(most)) < wanted:
        most *= 2
    least = most // 2  # gives too few
    while most - least > 1:
        middle = (least + most) // 2
        if int(frames(middle)) < wanted:
            least = middle
        else:
            most = middle
    return most
