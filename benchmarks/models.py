"""The random models: built and saved by transformers once, read by both sides. Needs torch only to build.

What starts at 0 or 1 is made random, the running statistics too, so that a part left out would show in the outputs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.cases import CONFIGS, DIGITS, RECORDING, SAMPLING_RATE, Case

SEED = 0
WEIGHTS = "model.safetensors"


def folder_of(model: str, models_folder: str | Path) -> Path:
    """Where the checkpoint of a model is, or will be."""
    return DIGITS if model == "digits" else Path(models_folder) / model


def weight_bytes(model: str, models_folder: str | Path) -> int:
    """Size of the file of weights."""
    return (folder_of(model, models_folder) / WEIGHTS).stat().st_size


def build(model: str, models_folder: str) -> None:
    """Saves a random model in float32 to its folder; the weights, written last, get their name when complete."""
    import torch
    from transformers import AutoConfig, AutoModelForCTC

    torch.manual_seed(SEED)
    reference = AutoModelForCTC.from_config(AutoConfig.for_model(**CONFIGS[model])).eval()
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            if parameter.ndim == 1 and not name.endswith("masked_spec_embed"):
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for name, buffer in reference.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        reference.lm_head.weight.normal_(0, reference.config.hidden_size**-0.5)  # logits of size one
    folder = folder_of(model, models_folder)
    unfinished = folder.with_name(f".{model}.part")
    reference.save_pretrained(unfinished)
    unfinished.rename(folder)


def make_input(case: Case) -> np.ndarray:
    """(B, N) or (B, T, F) float32: noise for random models, for the digits model the recording, from its processor."""
    features = CONFIGS.get(case.model, {}).get("feature_projection_input_dim")
    if features:
        shape = (case.batch, case.feature_rows, features)
        return np.random.default_rng(SEED).standard_normal(shape, dtype=np.float32)
    if case.model != "digits":
        return np.random.default_rng(SEED).standard_normal((case.batch, case.samples), dtype=np.float32)
    import npconformer

    processor = npconformer.Wav2Vec2Processor.from_pretrained(DIGITS)
    audio = npconformer.read_audio(RECORDING, SAMPLING_RATE)
    return processor([audio] * case.batch, sampling_rate=SAMPLING_RATE, return_tensors="np").input_values
