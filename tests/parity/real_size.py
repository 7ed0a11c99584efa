"""Logits at the real size: `python -m tests.parity.real_size`, 24 layers, hidden 1024, random weights, real speech.

For each model of `MODELS` transformers saves one of the released checkpoints' size (2.5 GB) to a temporary folder and
transcribes ../shared/data/jfk.flac; then npconformer does. The programs run one after the other in processes of their
own, so that the memory of one is free before the other starts. Prints the largest absolute difference of the logits
(limit 2e-4) and the number of frames whose best class differs (limit 0); exit status 1 if a limit is passed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .families import BERT, CONFORMER, Family

AUDIO = Path(__file__).resolve().parents[3] / "shared" / "data" / "jfk.flac"
LARGEST_DIFFERENCE = 2e-4

LARGE = {
    "vocab_size": 32,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "hidden_act": "swish",
    "conv_depthwise_kernel_size": 31,
}
LARGE_CONFORMER = {
    **LARGE,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "conv_dim": (512,) * 7,
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
}
MODELS: dict[str, tuple[Family, dict[str, Any]]] = {
    "conformer-relative": (CONFORMER, {**LARGE_CONFORMER, "position_embeddings_type": "relative"}),
    "conformer-rotary": (CONFORMER, {**LARGE_CONFORMER, "position_embeddings_type": "rotary"}),
    "bert": (BERT, LARGE),
    "bert-adapter": (BERT, {**LARGE, "add_adapter": True}),
}


def read_input(family: Family) -> np.ndarray:
    """(1, N, ...) the recording at 16 kHz, mono, as npconformer's own extractor gives it: one for both programs."""
    from npconformer import SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor, read_audio

    extract = SeamlessM4TFeatureExtractor() if family is BERT else Wav2Vec2FeatureExtractor(do_normalize=True)
    features = extract(read_audio(AUDIO, 16000), sampling_rate=16000, return_tensors="np")
    return np.asarray(features[family.input_name], np.float32)


def run_reference(folder: Path, name: str) -> None:
    """Saves a random model to `folder`, with its input and its logits."""
    import torch
    import transformers

    torch.manual_seed(0)
    family, settings = MODELS[name]
    config = getattr(transformers, family.name + "Config")(**settings, attn_implementation="eager")
    model = getattr(transformers, family.name + "ForCTC")(config).eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():  # what starts at 0 or 1 would hide mistakes
            if parameter.ndim == 1 and not parameter_name.endswith("masked_spec_embed"):
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for buffer_name, buffer in model.named_buffers():
            if buffer_name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif buffer_name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        # The initial weights are too small for a decided best class: with this the logits have size one.
        model.lm_head.weight.normal_(0, 1 / 32)
        # Random models prefer one class throughout: without that preference the frames decide.
        values = read_input(family)
        model.lm_head.bias.sub_(model(torch.from_numpy(values)).logits.mean(dim=(0, 1)))
    model.save_pretrained(folder)
    np.save(folder / "input.npy", values)
    start = time.perf_counter()
    with torch.no_grad():
        logits = model(torch.from_numpy(values)).logits.numpy()
    print(f"{name}: transformers {time.perf_counter() - start:.1f} s", flush=True)
    np.save(folder / "reference.npy", logits)


def run_ours(folder: Path, name: str) -> None:
    """Loads the model from `folder`, and saves its logits there."""
    import npconformer

    start = time.perf_counter()
    model = npconformer.AutoModelForCTC.from_pretrained(folder)
    loaded = time.perf_counter()
    with npconformer.no_grad():
        logits = np.asarray(model(np.load(folder / "input.npy")).logits)
    print(f"{name}: npconformer {time.perf_counter() - loaded:.1f} s, loading {loaded - start:.1f} s", flush=True)
    np.save(folder / "ours.npy", logits)


def compare(folder: Path, name: str) -> bool:
    """Prints how far the two are apart; whether that is within the limits."""
    theirs, mine = np.load(folder / "reference.npy"), np.load(folder / "ours.npy")
    assert theirs.shape == mine.shape and theirs.dtype == mine.dtype == np.float32
    largest = float(np.abs(theirs - mine).max())
    flips = int((theirs.argmax(-1) != mine.argmax(-1)).sum())
    classes = len(np.unique(theirs.argmax(-1)))
    ordered = np.sort(theirs, axis=-1)
    margin = float((ordered[..., -1] - ordered[..., -2]).min())
    print(
        f"{name}: {theirs.shape[1]} frames, logits up to {np.abs(theirs).max():.2f}, {classes} best classes, "
        f"smallest margin {margin:.1e}; largest absolute difference {largest:.3e} (at most {LARGEST_DIFFERENCE:.0e}), "
        f"{flips} best classes differ (0 allowed)",
        flush=True,
    )
    return largest <= LARGEST_DIFFERENCE and flips == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=MODELS, action="append", help="may be repeated; default: all of them")
    parser.add_argument("--step", choices=("reference", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step = run_reference if arguments.step == "reference" else run_ours
        step(arguments.folder, arguments.model[0])
        return 0
    good = True
    for name in arguments.model or MODELS:
        with tempfile.TemporaryDirectory(prefix="npconformer-real-size-") as folder:
            for step in ("reference", "ours"):
                command = [sys.executable, "-m", __spec__.name, "--step", step, "--folder", folder]
                subprocess.run([*command, "--model", name], check=True)
            good &= compare(Path(folder), name)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
