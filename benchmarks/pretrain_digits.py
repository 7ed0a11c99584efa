"""A short contrastive pre-training run on recordings of spoken digits, from nothing: does it learn?

    python benchmarks/pretrain_digits.py ../shared/data/fsdd --output pretrain_digits.csv

Joins recordings of one speaker to utterances of a little over a second, trains a tiny model for a few hundred steps
with Adam, prints a line for every evaluation and writes all of them as CSV. Evaluation is on recordings that training
never sees, in evaluation mode, with the same masks and negatives each time:

    loss            contrastive loss for each masked frame; log(1 + negatives) is chance
    accuracy        share of the masked frames whose own target is the nearest of all candidates
    perplexity      of the codebooks together, as their number of codewords in use; `share` is perplexity / maximum
    cosine          between what the model predicts for a masked frame and its target
    cosine_random   between that prediction and the target of another masked frame of the utterance

The exit status is 0 if the loss fell, the perplexity stayed above a tenth of its maximum from the first evaluation
after the start on, and the cosine to the own target ended above that to random ones.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import npconformer
from npconformer import (
    Wav2Vec2ConformerConfig,
    Wav2Vec2ConformerForPreTraining,
    compute_mask_indices,
    sample_negative_indices,
)
from npconformer.losses import contrastive_logits
from npconformer.ops import cosine_similarity
from npconformer.optim import AdamW, clip_grad_norm_

CONFIG = dict(
    hidden_size=96,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=256,
    hidden_act="swish",
    conv_dim=(64, 64, 64, 64, 64),
    conv_kernel=(10, 8, 4, 4, 4),
    conv_stride=(5, 4, 2, 2, 2),  # a frame every 160 samples, 10 ms
    conv_bias=True,
    feat_extract_norm="layer",
    conv_depthwise_kernel_size=15,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4,
    position_embeddings_type="relative",
    num_codevectors_per_group=32,
    num_codevector_groups=2,
    codevector_dim=64,
    proj_codevector_dim=64,
    num_negatives=20,
    diversity_loss_weight=0.5,
    layerdrop=0.0,
    hidden_dropout=0.05,
    attention_dropout=0.05,
    activation_dropout=0.0,
    conformer_conv_dropout=0.05,
)
MASK_PROB, MASK_LENGTH = 0.5, 6
SECONDS = 1.2
TEMPERATURE = (2.0, 0.5, 0.995)  # first, last, factor at each step


def read_speakers(folder: Path, per_speaker: int) -> dict[str, list[np.ndarray]]:
    """Recordings at 16 kHz by speaker, from files named digit_speaker_number.wav."""
    speakers: dict[str, list[np.ndarray]] = {}
    for path in sorted(folder.glob("*.wav"), key=lambda path: (int(path.stem.split("_")[2]), path.stem)):
        recordings = speakers.setdefault(path.stem.split("_")[1], [])
        if len(recordings) < per_speaker:
            recordings.append(npconformer.read_audio(path, 16000))
    if not speakers:
        raise ValueError(f"folder: {folder} holds no recordings named digit_speaker_number.wav")
    return speakers


def batches(speakers: dict[str, list[np.ndarray]], size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches (size, samples): recordings of one speaker in random order, joined, normalised."""
    names, samples = sorted(speakers), int(SECONDS * 16000)
    while True:
        rows = []
        for _ in range(size):
            recordings = speakers[names[rng.integers(len(names))]]
            joined = np.concatenate([recordings[i] for i in rng.integers(len(recordings), size=12)])
            start = rng.integers(len(joined) - samples) if len(joined) > samples else 0
            row = np.resize(joined[start:], samples)
            rows.append((row - row.mean()) / np.sqrt(row.var() + 1e-7))
        yield np.stack(rows).astype(np.float32)


def masked_batch(model: Wav2Vec2ConformerForPreTraining, values: np.ndarray, rng: np.random.Generator):
    """The masked frames and the negatives of a batch."""
    shape = (len(values), model._get_feat_extract_output_lengths(values.shape[1]))
    mask = compute_mask_indices(shape, MASK_PROB, MASK_LENGTH, min_masks=2, rng=rng)
    return mask, sample_negative_indices(shape, model.config.num_negatives, mask, rng=rng)


def evaluate(model: Wav2Vec2ConformerForPreTraining, values: np.ndarray) -> dict[str, float]:
    """The figures of the module's description, on one held-out batch."""
    rng = np.random.default_rng(1)
    mask, negatives = masked_batch(model, values, rng)
    model.eval()
    with npconformer.no_grad():
        out = model(values, mask_time_indices=mask, sampled_negative_indices=negatives)
        predicted, targets = out.projected_states.numpy(), out.projected_quantized_states.numpy()
        logits = contrastive_logits(predicted, targets, negatives, model.config.contrastive_logits_temperature).numpy()
        others = targets.reshape(-1, targets.shape[-1])[negatives[:, :, 0]]
        cosine = cosine_similarity(predicted, targets).numpy()[mask].mean()
        cosine_random = cosine_similarity(predicted, others).numpy()[mask].mean()
    model.train()
    words = model.config.num_codevectors_per_group * model.config.num_codevector_groups
    perplexity = out.codevector_perplexity.item()
    return {
        "loss": out.contrastive_loss.item() / mask.sum(),
        "accuracy": float((logits.argmax(axis=-1) == 0)[mask].mean()),
        "perplexity": perplexity,
        "share": perplexity / words,
        "cosine": float(cosine),
        "cosine_random": float(cosine_random),
    }


def train(speakers: dict[str, list[np.ndarray]], args: argparse.Namespace) -> list[dict[str, float]]:
    npconformer.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    model = Wav2Vec2ConformerForPreTraining(Wav2Vec2ConformerConfig(**CONFIG)).train()
    print(f"{model.num_parameters():,} parameters, {args.steps} steps of {args.batch} x {SECONDS} s", flush=True)
    held_out = next(batches({n: r[::10] for n, r in speakers.items()}, 24, np.random.default_rng(0)))
    stream = batches({n: [x for i, x in enumerate(r) if i % 10] for n, r in speakers.items()}, args.batch, rng)
    optimizer = AdamW(model, args.rate, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0)
    warmup = max(args.steps // 10, 1)
    rows, started, recent = [], time.perf_counter(), []
    for step in range(args.steps + 1):
        if step % args.every == 0 or step == args.steps:
            row = {"step": step, "train_loss": float(np.mean(recent)) if recent else float("nan")}
            row |= evaluate(model, held_out) | {"seconds": time.perf_counter() - started}
            rows.append(row)
            print(
                "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v:4d}" for k, v in row.items()), flush=True
            )
            recent = []
        if step == args.steps:
            break
        values = next(stream)
        mask, negatives = masked_batch(model, values, rng)
        first, last, factor = TEMPERATURE
        model.set_gumbel_temperature(max(last, first * factor**step))
        model.zero_grad()
        out = model(values, mask_time_indices=mask, sampled_negative_indices=negatives)
        (out.loss / float(mask.sum())).backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.scale_learning_rate(min((step + 1) / warmup, (args.steps - step - 1) / (args.steps - warmup)))
        optimizer.step()
        recent.append(out.contrastive_loss.item() / mask.sum())
    if args.save:
        model.save_pretrained(args.save)
    return rows


def verdict(rows: list[dict[str, float]]) -> list[str]:
    """What the run should have shown and did not."""
    first, last = rows[0], rows[-1]
    problems = []
    if not last["loss"] < first["loss"]:
        problems.append(f"the contrastive loss went from {first['loss']:.3f} to {last['loss']:.3f}")
    if min(row["share"] for row in rows[1:]) <= 0.1:
        problems.append(f"the perplexity fell to {min(row['share'] for row in rows[1:]):.1%} of its maximum")
    if not last["cosine"] > last["cosine_random"]:
        problems.append(f"cosine {last['cosine']:.3f} to the own targets, {last['cosine_random']:.3f} to others")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="recordings named digit_speaker_number.wav")
    parser.add_argument("--output", type=Path, default=Path("pretrain_digits.csv"), help="where the curves go")
    parser.add_argument("--save", type=Path, help="folder to save the trained model to")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--every", type=int, default=25, help="steps between evaluations")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = train(read_speakers(args.folder, 200), args)
    with open(args.output, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({k: round(v, 5) for k, v in row.items()} for row in rows)
    problems = verdict(rows)
    print("\n".join(problems) if problems else f"learned; curves in {args.output}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
