"""The same recogniser trained twice on the same batches: by npconformer, and by transformers with torch.

    python benchmarks/train_beside_torch.py ../shared/data/fsdd --steps 2000

The configuration of the embedded recogniser from random weights, the same for both; the same batches in the same order;
AdamW with decay off for biases and norms, linear warm-up and decay, gradients clipped to norm 1, no dropout or other
randomness, float32. Prints how far the first ten losses are apart (relative), the losses along the way, the word error
rates on held-out recordings at the end, and the time of a step (forward, backward, update; batches are made before the
clock starts). Threads are what OMP_NUM_THREADS says, for both.

The exit status is 0 if the first ten losses agree to 1e-5.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from itertools import count, islice
from pathlib import Path

import numpy as np

import npconformer
from npconformer.data import (
    AudioReader,
    Augmentation,
    Example,
    Joining,
    Loader,
    Silence,
    Speed,
    select_examples,
    targets_for,
)
from npconformer.metrics import word_error_rate
from npconformer.optim import NO_DECAY, AdamW, Linear, parameter_groups
from npconformer.pipelines import EMBEDDED_DIGITS
from npconformer.training import task_for, validate
from npconformer.training.step import run_step

WORDS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
HELD_OUT = 45  # recordings with this index or a later one; the training part is the rest
NOTHING_RANDOM = dict(
    mask_time_prob=0.0,
    layerdrop=0.0,
    hidden_dropout=0.0,
    attention_dropout=0.0,
    activation_dropout=0.0,
    feat_proj_dropout=0.0,
    final_dropout=0.0,
    conformer_conv_dropout=0.0,
)
AUGMENTATION = Augmentation(
    speed=Speed(0.7, (0.85, 1.15)),
    joining=Joining(0.5, (2, 5), (0.0, 0.4), longest_seconds=8.0),
    silence=Silence(0.6),
)


def read_digits(folder: Path) -> tuple[list[Example], list[Example]]:
    """Training and held-out recordings, from files named digit_speaker_index.wav."""
    parts: tuple[list[Example], list[Example]] = ([], [])
    for path in sorted(folder.glob("*.wav")):
        digit, _, index = path.stem.split("_")
        parts[int(index) >= HELD_OUT].append(Example(str(path), text=WORDS[int(digit)]))
    if not parts[0]:
        raise ValueError(f"folder: {folder} holds no recordings named digit_speaker_index.wav")
    return parts


def batches_of(loader: Loader):
    """The batches of all epochs, one after the other."""
    for epoch in count():
        yield from loader.epoch(epoch)


def train_ours(model, batches, args, schedule) -> tuple[list[float], list[float]]:
    optimizer = AdamW(parameter_groups(model.train(), args.decay), lr=args.rate)
    task, losses, seconds = task_for(model), [], []
    for step, batch in enumerate(islice(batches, args.steps)):
        started = time.perf_counter()
        optimizer.scale_learning_rate(schedule.factor(step))
        losses.append(run_step(model, [batch], task, optimizer, 1.0).loss)
        seconds.append(time.perf_counter() - started)
        report("npconformer", step, losses)
    return losses, seconds


def train_theirs(model, batches, args, schedule) -> tuple[list[float], list[float]]:
    import torch

    named = list(model.train().named_parameters())
    spared = [p for name, p in named if any(part in name for part in NO_DECAY)]
    rest = [p for name, p in named if not any(part in name for part in NO_DECAY)]
    groups = [{"params": rest, "weight_decay": args.decay}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.rate)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule.factor)
    losses, seconds = [], []
    for step, batch in enumerate(islice(batches, args.steps)):
        batch = {name: torch.from_numpy(np.asarray(array)) for name, array in batch.items()}
        started = time.perf_counter()
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rates.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - started)
        report("transformers", step, losses)
    return losses, seconds


def report(name: str, step: int, losses: list[float]) -> None:
    if (step + 1) % 50 == 0:
        print(f"{name:12}  step {step + 1:4d}  loss {np.mean(losses[-50:]):.4f}", flush=True)


def their_error_rate(model, loader: Loader, tokenizer) -> float:
    """One recording at a time: in a batch the reference's padding leaks."""
    import torch

    references, hypotheses = [], []
    model.eval()
    for batch in loader.epoch(0):
        for values, mask, labels in zip(batch["input_values"], batch["attention_mask"], batch["labels"]):
            with torch.no_grad():
                logits = model(torch.from_numpy(values[None, : mask.sum()])).logits
            hypotheses.append(tokenizer.decode(logits[0].numpy().argmax(axis=-1)))
            references.append(tokenizer.decode(labels[labels >= 0], group_tokens=False))
    return word_error_rate(references, hypotheses).rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="recordings named digit_speaker_index.wav")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--batch-seconds", type=float, default=16.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import torch
    import transformers

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    examples, held_out = read_digits(args.folder)
    processor = npconformer.Wav2Vec2Processor.from_pretrained(EMBEDDED_DIGITS)
    extractor, tokenizer = processor.feature_extractor, processor.tokenizer
    npconformer.manual_seed(args.seed)
    config = npconformer.Wav2Vec2ConformerConfig.from_pretrained(EMBEDDED_DIGITS, **NOTHING_RANDOM)
    ours = npconformer.Wav2Vec2ConformerForCTC(config)
    with tempfile.TemporaryDirectory() as folder:
        ours.save_pretrained(folder)
        theirs = transformers.Wav2Vec2ConformerForCTC.from_pretrained(folder, attn_implementation="eager")

    reader, targets = AudioReader(16000), targets_for(ours, extractor, tokenizer)
    loaders = []
    for part, augmentation, shuffle in ((examples, AUGMENTATION, True), (held_out, Augmentation(), False)):
        selection = select_examples(part, targets, reader, fastest=augmentation.fastest)
        loaders.append(
            Loader(
                selection,
                targets,
                extractor,
                args.seed,
                max_seconds=args.batch_seconds,
                augmentation=augmentation,
                shuffle=shuffle,
                reader=reader,
            )
        )
    print(f"{ours.num_parameters():,} parameters, {len(examples)} recordings, {len(held_out)} held out")

    schedule = Linear(args.steps, args.steps // 10)
    our_losses, our_seconds = train_ours(ours, batches_of(loaders[0]), args, schedule)
    their_losses, their_seconds = train_theirs(theirs, batches_of(loaders[0]), args, schedule)
    our_rate = validate(ours, loaders[1].epoch(0), processor)["wer"]
    their_rate = their_error_rate(theirs, loaders[1], tokenizer)

    apart = np.abs(np.divide(our_losses, their_losses) - 1)
    print(f"\nfirst ten losses: at most {apart[:10].max():.1e} apart (relative)")
    print("|  | npconformer | transformers, torch |\n|---|---|---|")
    print(f"| first loss | {our_losses[0]:.6f} | {their_losses[0]:.6f} |")
    print(f"| tenth loss | {our_losses[9]:.6f} | {their_losses[9]:.6f} |")
    print(f"| mean of the last 50 | {np.mean(our_losses[-50:]):.4f} | {np.mean(their_losses[-50:]):.4f} |")
    print(f"| word error rate, {len(held_out)} held out | {our_rate:.2%} | {their_rate:.2%} |")
    print(f"| ms a step (median) | {1e3 * np.median(our_seconds):.0f} | {1e3 * np.median(their_seconds):.0f} |")
    return 0 if apart[:10].max() <= 1e-5 else 1


if __name__ == "__main__":
    sys.exit(main())
