"""npconformer: Wav2Vec2-Conformer and Wav2Vec2-BERT as explicit array code, on NumPy or CuPy, with gradients.

>>> import npconformer
>>> recognise = npconformer.pipeline("automatic-speech-recognition")
>>> recognise("speech.wav")["text"]

Names are loaded when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from npconformer.storage.archives import KINDS as _KINDS
from npconformer.storage.archives import Kind as _Kind

__version__ = "0.1.0"

_HOMES = {
    "npconformer.audio.feature_extraction": ["Wav2Vec2FeatureExtractor"],
    "npconformer.audio.files": ["read_audio"],
    "npconformer.audio.nemo_features": ["NemoConformerFeatureExtractor"],
    "npconformer.audio.seamless_m4t_features": ["SeamlessM4TFeatureExtractor"],
    "npconformer.arrays.backend": ["use"],
    "npconformer.arrays.batch_feature": ["BatchEncoding", "BatchFeature"],
    "npconformer.arrays.device": ["device"],
    "npconformer.arrays.threads": ["get_num_threads", "set_num_threads"],
    "npconformer.tape.grad_mode": [
        "detect_anomaly",
        "enable_grad",
        "inference_mode",
        "is_grad_enabled",
        "no_grad",
        "set_grad_enabled",
    ],
    "npconformer.losses": [
        "am_softmax_loss",
        "binary_cross_entropy_with_logits",
        "contrastive_logits",
        "contrastive_loss",
        "cross_entropy",
        "ctc_loss",
        "diversity_loss",
        "mean_squared_error",
    ],
    "npconformer.models.call_plans": ["set_call_plans"],
    "npconformer.models.spec_augment": ["compute_mask_indices"],
    "npconformer.models.frame_clock": ["FrameClock"],
    "npconformer.models.heads.negatives": ["sample_negative_indices"],
    "npconformer.models.auto": [
        "AutoConfig",
        "AutoModel",
        "AutoModelForAudioClassification",
        "AutoModelForAudioFrameClassification",
        "AutoModelForAudioXVector",
        "AutoModelForCTC",
        "AutoModelForPreTraining",
    ],
    "npconformer.models.nemo_conformer": [
        "NemoConformerConfig",
        "NemoConformerForAudioFrameClassification",
        "NemoConformerForCTC",
        "NemoConformerForSequenceClassification",
        "NemoConformerForXVector",
        "NemoConformerModel",
        "NemoConformerPreTrainedModel",
    ],
    "npconformer.models.wav2vec2_bert": [
        "Wav2Vec2BertConfig",
        "Wav2Vec2BertForAudioFrameClassification",
        "Wav2Vec2BertForCTC",
        "Wav2Vec2BertForSequenceClassification",
        "Wav2Vec2BertForXVector",
        "Wav2Vec2BertModel",
        "Wav2Vec2BertPreTrainedModel",
    ],
    "npconformer.models.wav2vec2_conformer": [
        "Wav2Vec2ConformerConfig",
        "Wav2Vec2ConformerForAudioFrameClassification",
        "Wav2Vec2ConformerForCTC",
        "Wav2Vec2ConformerForPreTraining",
        "Wav2Vec2ConformerForSequenceClassification",
        "Wav2Vec2ConformerForXVector",
        "Wav2Vec2ConformerModel",
        "Wav2Vec2ConformerPreTrainedModel",
    ],
    "npconformer.optim.schedulers": [
        "get_constant_schedule",
        "get_constant_schedule_with_warmup",
        "get_cosine_schedule_with_warmup",
        "get_linear_schedule_with_warmup",
        "get_scheduler",
    ],
    "npconformer.functional": ["cosine_similarity"],
    "npconformer.ops": ["log_softmax", "sigmoid", "softmax"],
    "npconformer.ops.methods": ["Tensor"],  # from here it has all of its operators and methods
    "npconformer.ops.creation": ["arange", "from_numpy", "ones", "tensor", "zeros"],
    "npconformer.ops.extrema": ["argmax"],
    "npconformer.ops.shapes": ["cat", "stack"],
    "npconformer.pipelines": ["AudioClassificationPipeline", "AutomaticSpeechRecognitionPipeline", "pipeline"],
    "npconformer.plots.attention_mask_visualizer": ["AttentionMaskVisualizer"],
    "npconformer.processors.auto": ["AutoFeatureExtractor", "AutoProcessor", "AutoTokenizer"],
    "npconformer.processors.nemo_conformer_processor": ["NemoConformerProcessor"],
    "npconformer.processors.wav2vec2_bert_processor": ["Wav2Vec2BertProcessor"],
    "npconformer.processors.wav2vec2_processor": ["Wav2Vec2Processor"],
    "npconformer.arrays.generator": ["manual_seed", "set_seed"],
    "npconformer.tape.recompute": ["checkpoint", "recompute"],
    "npconformer.text.added_tokens": ["AddedToken"],
    "npconformer.text.ctc_alignment": ["ctc_align"],
    "npconformer.text.piece_tokenizer": ["PieceCTCTokenizer"],
    "npconformer.text.text_alignment": ["align_text"],
    "npconformer.text.tokenizer": ["Wav2Vec2CTCTokenizer"],
}
# Modules that code written for others reaches through the top.
_MODULES = ("cuda", "functional", "logging", "modeling_outputs", "nn", "optim")
# The names of number types: not in __all__, since some are Python's own.
_DTYPES = {
    "bool": "bool",
    "double": "float64",
    "float": "float32",
    "float16": "float16",
    "float32": "float32",
    "float64": "float64",
    "half": "float16",
    "int32": "int32",
    "int64": "int64",
    "long": "int64",
}
# Methods of tensors that torch has as functions, too: `torch.topk(x, 2)`. Not in __all__ for the same reason.
_METHODS = frozenset(
    """abs all allclose amax amin any argmin argsort bmm ceil chunk clamp clip clone cos count_nonzero cumsum eq equal
    exp expm1 flatten flip floor gather ge gt index_select is_floating_point isclose isfinite isinf isnan le log log1p
    logical_and logical_not logical_or logical_xor logsumexp lt masked_fill masked_select matmul max maximum mean min
    minimum ne norm numel permute pow ravel relu reshape round rsqrt sign sin sort split sqrt square squeeze std sum
    swapaxes tanh topk transpose unbind unsqueeze var""".split()
)
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, *_MODULES, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"npconformer.{name}")
    if name in _DTYPES:
        return importlib.import_module("numpy").dtype(_DTYPES[name])
    if name in _METHODS:
        return getattr(importlib.import_module("npconformer.ops.methods").Tensor, name)
    if name not in _HOME_OF:
        raise AttributeError(f"module 'npconformer' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


def _write_nemo_settings(archive: Path, folder: Path) -> None:
    from npconformer.processors.nemo_folder import write_archive_settings

    write_archive_settings(archive, folder)


def _open_nemo_weights(archive: Path) -> Any:
    from npconformer.checkpoints.nemo_weights import open_nemo_weights

    return open_nemo_weights(archive)


_KINDS[".nemo"] = _Kind(_write_nemo_settings, _open_nemo_weights)
