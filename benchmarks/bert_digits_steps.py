"""How long a training step on spoken digits takes with Wav2Vec2-BERT and with Wav2Vec2-Conformer of the same size.

    OMP_NUM_THREADS=1 python benchmarks/bert_digits_steps.py FSDD --steps 40

The networks, data and augmentation of `npconformer/pretrained/digits/train.py`, in one thread: batches of up to 16 s.
Every model makes a step before the first one makes its next, so that what else the machine does falls on all alike; the
first round is thrown away. Medians of what a step takes (forward, backward, update) and of what preparing its batch
takes, in milliseconds: by the clock, and of processor time, which counts less of what others do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import npconformer
from npconformer.training.step import run_step
from npconformer.training.tasks import task_for

sys.path.insert(0, str(Path(npconformer.__file__).parent / "pretrained" / "digits"))

from data import AUGMENTATION, TRAINED, make_loader, read_digits
from train import build, settings_for

MODELS = {
    "Wav2Vec2-Conformer": ("wav2vec2-conformer", False),
    "Wav2Vec2-BERT": ("wav2vec2-bert", False),
    "Wav2Vec2-BERT with adapter": ("wav2vec2-bert", True),
}


class Learner:
    """A model with its optimiser and its batches, and the times they took."""

    def __init__(self, folder: Path, model_type: str, adapter: bool) -> None:
        self.model, processor = build(model_type, adapter)
        self.model.train()
        examples = read_digits(folder, TRAINED)
        self.loader = make_loader(examples, self.model, processor, AUGMENTATION, seed=0, shuffle=True)
        self.optimizer = settings_for(steps=1000, rate=1e-3, seed=0).make_optimizer(self.model)
        self.optimizer.scale_learning_rate(0.1)
        self.task = task_for(self.model)
        self.batches = ((epoch, index) for epoch in count() for index in range(self.loader.num_batches(epoch)))
        self.times: list[list[float]] = []

    def step(self) -> None:
        """Prepare the next batch and make a step on it."""
        which = next(self.batches)
        batch, preparing = _timed(lambda: self.loader.load(*which))
        _, learning = _timed(lambda: run_step(self.model, [batch], self.task, self.optimizer, 1.0))
        self.times.append([*learning, *preparing])


def _timed(work: Callable[[], Any]) -> tuple[Any, list[float]]:
    """Its result, and its milliseconds by the clock and of processor time."""
    clock, processor = perf_counter(), process_time()
    result = work()
    return result, [1000 * (perf_counter() - clock), 1000 * (process_time() - processor)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="recordings named digit_speaker_index.wav")
    parser.add_argument("--steps", type=int, default=40, help="of each model; default: %(default)s")
    args = parser.parse_args()
    npconformer.set_num_threads(1)
    learners = {name: Learner(args.folder, *which) for name, which in MODELS.items()}
    for _ in range(args.steps + 1):
        for learner in learners.values():
            learner.step()
    print("| | parameters | step | of processor time | batch | of processor time |\n|---|---:|---:|---:|---:|---:|")
    for name, learner in learners.items():
        figures = " | ".join(f"{figure:.0f}" for figure in np.median(learner.times[1:], axis=0))
        print(f"| {name} | {sum(p.size for p in learner.model.parameters()):,} | {figures} |")


if __name__ == "__main__":
    main()
