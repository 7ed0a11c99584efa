"""Pipelines: from a recording to an answer in one call, as in transformers.

>>> import npconformer
>>> recognise = npconformer.pipeline("automatic-speech-recognition", model="path/to/checkpoint")
>>> recognise("hello.wav")
{'text': 'HELLO'}
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

__all__ = [
    "EMBEDDED_DIGITS",
    "TASKS",
    "AudioClassificationPipeline",
    "AutomaticSpeechRecognitionPipeline",
    "FeatureExtractionPipeline",
    "SpeakerDiarizationPipeline",
    "SpeakerEmbeddingPipeline",
    "cosine_similarity",
    "pipeline",
]

EMBEDDED_DIGITS = Path(__file__).resolve().parents[1] / "pretrained" / "digits"

# The module and the class of each task; they are imported when they are first asked for.
CLASSES = {
    "audio-classification": ("audio_classification", "AudioClassificationPipeline"),
    "automatic-speech-recognition": ("automatic_speech_recognition", "AutomaticSpeechRecognitionPipeline"),
    "feature-extraction": ("feature_extraction", "FeatureExtractionPipeline"),
    "speaker-diarization": ("speaker_diarization", "SpeakerDiarizationPipeline"),  # not a task of transformers
    "speaker-embedding": ("speaker_embedding", "SpeakerEmbeddingPipeline"),  # not a task of transformers
}
RECOGNITION = "automatic-speech-recognition"
_HOMES = {**{name: module for module, name in CLASSES.values()}, "cosine_similarity": "speaker_embedding"}


def __getattr__(name: str) -> Any:
    if name == "TASKS":
        return {task: _load(kind) for task, (_, kind) in CLASSES.items()}
    if name not in _HOMES:
        raise AttributeError(f"module 'npconformer.pipelines' has no attribute {name!r}")
    return _load(name)


def _load(name: str) -> Any:
    return getattr(importlib.import_module(f"npconformer.pipelines.{_HOMES[name]}"), name)


def pipeline(
    task: str | None = None,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    feature_extractor: Any = None,
    processor: Any = None,
    device: Any = None,
    dtype: Any = None,
    batch_size: int | None = None,
    **options: Any,
) -> Any:
    """Build the pipeline for `task`.

    task: a key of TASKS; None is automatic-speech-recognition. model: the folder of a checkpoint, "owner/name" of a
    repository at the hub, or a loaded model; for speech recognition None takes the small recogniser of spoken English
    digits that comes with the package. config: of the model, in place of the folder's. processor: a folder, a
    repository or a loaded processor; None reads it from the model's folder. A feature_extractor, and for speech
    recognition a tokenizer, may be given in its place, as transformers has it. device: "cpu" or -1; "cuda", "cuda:0"
    or 0; None leaves the model where it is. dtype (or torch_dtype): of the weights; None is float64 for a checkpoint
    in it and float32 for every other, and leaves a loaded model as it is. batch_size: how many recordings go through
    the model at once, 1 unless given; it changes the speed, never the result.

    options: settings of the task's calls, such as top_k, for all calls that do not give their own; the class of the
    pipeline describes them. model_kwargs: a dict of further arguments for the model's `from_pretrained`. For a
    repository also revision, token, subfolder, cache_dir, force_download and local_files_only, as `HubOptions` has
    them. num_workers, framework and use_fast are taken and change nothing; trust_remote_code=True is refused.

    Raises ValueError for an unknown task and for arguments that do not fit together, BackendError for a GPU that is
    not there.
    """
    task = RECOGNITION if task is None else task
    if task not in CLASSES:
        raise ValueError(f"task={task!r} is not known; known tasks: {', '.join(sorted(CLASSES))}")
    if model is None:
        if task != RECOGNITION:
            raise ValueError(
                f"model: {task} needs a checkpoint's folder or a loaded model; none comes with the package"
            )
        model = EMBEDDED_DIGITS
    return _load(CLASSES[task][1])(
        model=model,
        processor=processor,
        tokenizer=tokenizer,
        feature_extractor=feature_extractor,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        config=config,
        **options,
    )
