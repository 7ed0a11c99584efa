"""What a checkpoint folder holds, from its settings and the headers of its weights alone: for `npconformer info`."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

MAIN_FIELDS = (  # of the configuration: those by which models of one type differ, in the order in which they are shown
    "hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_act position_embeddings_type "
    "conv_depthwise_kernel_size feat_extract_norm conv_dim conv_stride conv_kernel conv_bias "
    "feature_projection_input_dim num_mel_bins subsampling_factor subsampling_conv_channels "
    "left_max_position_embeddings right_max_position_embeddings add_adapter vocab_size "
    "use_weighted_layer_sum dtype"
).split()
ADAPTER_FIELDS = "num_adapter_layers adapter_kernel_size adapter_stride output_hidden_size".split()
TASKS = {
    "ctc": "automatic-speech-recognition",
    "sequence_classification": "audio-classification",
    "audio_frame_classification": "speaker-diarization",
    "xvector": "speaker-embedding",
}
CLASSIFIERS = ("sequence_classification", "audio_frame_classification")


def checkpoint_facts(folder: Path) -> dict[str, Any]:
    """Everything that `npconformer info` tells, as JSON types.

    Raises:
        FileNotFoundError: there are no weights or no configuration. ValueError: something is damaged; named.
    """
    from npconformer.checkpoints.array_file import open_weights
    from npconformer.checkpoints.int8_file import with_int8
    from npconformer.checkpoints.pretrained import compare_weights
    from npconformer.models.auto import AutoConfig, class_of
    from npconformer.nn.init import no_init
    from npconformer.storage.archives import source_of

    config = AutoConfig.from_pretrained(folder)
    file = with_int8(open_weights(folder))
    with no_init():
        model = class_of(config)(config)
    head = model.head_name
    shapes = {name: tuple(array.shape) for name, array in model.state_dict().items()}
    report = compare_weights(file, shapes, model.base_model_prefix)
    extractor, processor = _processor_facts(folder)
    fields = [*MAIN_FIELDS, *(ADAPTER_FIELDS if config.add_adapter else ())]
    settings = config.to_dict()
    return {
        "folder": str(source_of(folder) or folder),
        "model_type": config.model_type,
        "class": type(model).__name__,
        "architectures": config.architectures,
        "head": head,
        "task": None if head is None else TASKS.get(head),
        "labels": list((config.id2label or {}).values()) if head in CLASSIFIERS else None,
        "config": {name: settings[name] for name in fields if name in settings},
        **_weight_facts(file, model),
        "fit": {
            "loaded": len(report.loaded),
            "missing": report.missing,
            "unexpected": report.unexpected,
            "unused": report.unused_by_design,
            "mismatched": [
                {"name": name, "in_file": list(stored), "in_model": list(own)}
                for name, stored, own in report.mismatched
            ],
        },
        "processor": processor,
        "seconds_per_frame": None if extractor is None else _seconds_per_frame(model, extractor),
    }


def _weight_facts(file: Any, model: Any) -> dict[str, Any]:
    """Files, the parameters in them by module, their dtypes, and the memory that the model's take."""
    from npconformer.checkpoints.names import match_names

    paths = [file.path, *(file.path.parent / name for name in getattr(file, "shards", ()))]
    stored_name = {
        name: stored for stored, name in match_names(file, model.state_dict(), model.base_model_prefix).items()
    }
    dtypes: dict[str, int] = {}
    for stored in file:
        dtype = file.stored_dtype(stored)
        dtypes[dtype] = dtypes.get(dtype, 0) + math.prod(file.shape(stored))
    modules: dict[str, int] = {}
    for name, _ in model.named_parameters():
        if name in stored_name:
            module = module_of(name, model.base_model_prefix)
            modules[module] = modules.get(module, 0) + math.prod(file.shape(stored_name[name]))
    total = sum(modules.values())
    computed_in = "float64" if model.config.dtype == "float64" else "float32"  # as from_pretrained(dtype="auto") has it
    return {
        "files": [{"name": path.name, "bytes": path.stat().st_size} for path in paths],
        "parameters": {
            "total": total,
            "modules": [
                {"module": module, "parameters": count, "share": count / (total or 1)}
                for module, count in modules.items()
            ],
        },
        "dtypes": dtypes,
        "memory": _memory(file, model, computed_in),
    }


def _memory(file: Any, model: Any, computed_in: str) -> dict[str, Any]:
    """What the weights take as `from_pretrained(dtype="auto")` loads them: the kinds that they are stored in, bytes."""
    from npconformer.checkpoints.int8_conversion import storable_names
    from npconformer.checkpoints.precision import resolve_precision

    size = 8 if computed_in == "float64" else 4
    total, kinds = model.num_parameters() * size, set()
    precision = resolve_precision("auto", model.config, file, None)
    for name in storable_names(file, model) if precision.kind is not None else ():
        kind = precision.kind_of(file.stored_dtype(name))
        if kind is not None:
            kinds.add(kind)
            total += math.prod(file.shape(name)) * ((1 if kind == "int8" else 2) - size)
    if "int8" in kinds:  # the scales and the kept columns
        total += sum(4 * math.prod(file.file.shape(one)) for one in file.file if one not in file)
    return {"dtype": " and ".join([*sorted(kinds), computed_in]), "bytes": total}


def module_of(name: str, prefix: str) -> str:
    """The row of the table that a parameter belongs to: the kind of layer in the encoder's blocks, else its module.

    >>> module_of("wav2vec2_conformer.encoder.layers.3.ffn1.output_dense.bias", "wav2vec2_conformer")
    'encoder.layers.*.ffn1'
    """
    parts = name.removeprefix(f"{prefix}.").split(".")
    if parts[:2] == ["encoder", "layers"]:
        kind = "(layer norms)" if re.search("layer_norm$", parts[3]) else parts[3]
        return f"encoder.layers.*.{kind}"
    return ".".join(parts[:2]) if parts[0] == "encoder" else parts[0]


def _processor_facts(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The feature extractor, and what there is to say of it and of the tokenizer; None for what is not there."""
    from npconformer.audio.extractor_files import PROCESSOR_FILE, SETTINGS_FILE
    from npconformer.processors.auto import AutoFeatureExtractor, AutoTokenizer
    from npconformer.text.tokenizer_files import VOCABULARY_FILE

    extractor = tokenizer = None
    if (folder / PROCESSOR_FILE).is_file() or (folder / SETTINGS_FILE).is_file():
        extractor = AutoFeatureExtractor.from_pretrained(folder)
    if (folder / VOCABULARY_FILE).is_file():
        tokenizer = AutoTokenizer.from_pretrained(folder)
    return extractor, {
        "feature_extractor": None
        if extractor is None
        else {
            "class": type(extractor).__name__,
            "sampling_rate": extractor.sampling_rate,
            "settings": {name: value for name, value in extractor.to_dict().items() if name != "sampling_rate"},
        },
        "tokenizer": None
        if tokenizer is None
        else {
            "class": type(tokenizer).__name__,
            "size": len(tokenizer),
            "tokens": [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])],
            "special_tokens": dict(tokenizer.special_tokens_map),
        },
    }


def _seconds_per_frame(model: Any, extractor: Any) -> float:
    from npconformer.models.frame_clock import FrameClock

    return FrameClock.of(model, extractor.sampling_rate, extractor.reach, extractor.hop).seconds_per_frame
