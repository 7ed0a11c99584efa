"""Logits at the real size: `python -m tests.parity.real_size`, 24 layers, hidden 1024, random weights, real speech.

For relative and for rotary positions transformers saves a model of the released checkpoints' size (2.5 GB) to a
temporary folder and transcribes ../shared/data/jfk.flac; then npconformer does. The programs run one after the other in
processes of their own, so that the memory of one is free before the other starts. Prints the largest absolute
difference of the logits (limit 2e-4) and the number of frames whose best class differs (limit 0); exit status 1 if a
limit is passed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

AUDIO = Path(__file__).resolve().parents[3] / "shared" / "data" / "jfk.flac"
LARGEST_DIFFERENCE = 2e-4

LARGE = {
    "vocab_size": 32,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "hidden_act": "swish",
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "conv_dim": (512,) * 7,
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "conv_depthwise_kernel_size": 31,
}


def read_input() -> np.ndarray:
    """(1, N) the recording at 16 kHz, mono, normalised, by npconformer's own reader: one input for both programs."""
    from npconformer import Wav2Vec2FeatureExtractor, read_audio

    extract = Wav2Vec2FeatureExtractor(do_normalize=True)
    features = extract(read_audio(AUDIO, 16000), sampling_rate=16000, return_tensors="np")
    return np.asarray(features["input_values"], np.float32)


def run_reference(folder: Path, positions: str) -> None:
    """Saves a random model to `folder`, with its input and its logits."""
    import torch
    from transformers import Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC

    torch.manual_seed(0)
    config = Wav2Vec2ConformerConfig(**LARGE, position_embeddings_type=positions, attn_implementation="eager")
    model = Wav2Vec2ConformerForCTC(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # what starts at 0 or 1 would hide mistakes
            if parameter.ndim == 1 and not name.endswith("masked_spec_embed"):
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        # The initial weights are too small for a decided best class: with this the logits have size one.
        model.lm_head.weight.normal_(0, 1 / 32)
        # Random models prefer one class throughout: without that preference the frames decide.
        values = read_input()
        model.lm_head.bias.sub_(model(torch.from_numpy(values)).logits.mean(dim=(0, 1)))
    model.save_pretrained(folder)
    np.save(folder / "input.npy", values)
    start = time.perf_counter()
    with torch.no_grad():
        logits = model(torch.from_numpy(values)).logits.numpy()
    print(f"{positions}: transformers {time.perf_counter() - start:.1f} s", flush=True)
    np.save(folder / "reference.npy", logits)


def run_ours(folder: Path, positions: str) -> None:
    """Loads the model from `folder`, and saves its logits there."""
    import npconformer

    start = time.perf_counter()
    model = npconformer.Wav2Vec2ConformerForCTC.from_pretrained(folder)
    loaded = time.perf_counter()
    with npconformer.no_grad():
        logits = np.asarray(model(np.load(folder / "input.npy")).logits)
    print(f"{positions}: npconformer {time.perf_counter() - loaded:.1f} s, loading {loaded - start:.1f} s", flush=True)
    np.save(folder / "ours.npy", logits)


def compare(folder: Path, positions: str) -> bool:
    """Prints how far the two are apart; whether that is within the limits."""
    theirs, mine = np.load(folder / "reference.npy"), np.load(folder / "ours.npy")
    assert theirs.shape == mine.shape and theirs.dtype == mine.dtype == np.float32
    largest = float(np.abs(theirs - mine).max())
    flips = int((theirs.argmax(-1) != mine.argmax(-1)).sum())
    classes = len(np.unique(theirs.argmax(-1)))
    ordered = np.sort(theirs, axis=-1)
    margin = float((ordered[..., -1] - ordered[..., -2]).min())
    print(
        f"{positions}: {theirs.shape[1]} frames, logits up to {np.abs(theirs).max():.2f}, {classes} best classes, "
        f"smallest margin {margin:.1e}; largest absolute difference {largest:.3e} (at most {LARGEST_DIFFERENCE:.0e}), "
        f"{flips} best classes differ (0 allowed)",
        flush=True,
    )
    return largest <= LARGEST_DIFFERENCE and flips == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--positions", choices=("relative", "rotary"), action="append", help="default: both")
    parser.add_argument("--step", choices=("reference", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step = run_reference if arguments.step == "reference" else run_ours
        step(arguments.folder, arguments.positions[0])
        return 0
    good = True
    for positions in arguments.positions or ("relative", "rotary"):
        with tempfile.TemporaryDirectory(prefix="npconformer-real-size-") as folder:
            for step in ("reference", "ours"):
                command = [sys.executable, "-m", __spec__.name, "--step", step, "--folder", folder]
                subprocess.run([*command, "--positions", positions], check=True)
            good &= compare(Path(folder), positions)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
