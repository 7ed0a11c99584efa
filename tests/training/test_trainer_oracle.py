"""The trainer beside a loop that shares nothing with it but the model: weights, running average and log.

In float64, so that what differs is the order of sums and products alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plain_loop
import pytest
from plain_loop import Recipe
from tiny_training import SIZES, TinyLoader, tiny_model

import npconformer
from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.losses import ctc_loss
from npconformer.storage.step_log import read_log
from npconformer.training import Trainer, TrainingSettings
from npconformer.training.tasks import PreTrainingTask

STEPS, PEAK, BATCHES = 14, 0.02, 5
SHARED = dict(weight_decay=0.05, betas=(0.8, 0.95), eps=1e-3, log_every=4, seed=5)  # the same names on both sides
AVERAGE = 0.5  # reached after 8 steps; the first ones look back less far
TOLERANCE = 1e-12  # of a tensor's largest number: rounding, 1e-16, which the steps let grow to 1e-13
DIGITS = 6e-7  # the log has seven of them


class ExactCTC(Wav2Vec2ConformerForCTC):
    """Its loss is not rounded to float32."""

    def forward(self, input_values: Any, attention_mask: Any, labels: Any, **options: Any) -> Any:
        outputs = super().forward(input_values, attention_mask, **options)
        lengths = self.frame_lengths(input_values, attention_mask)
        outputs.loss = ctc_loss(
            outputs.logits, labels, lengths, reduction=self.config.ctc_loss_reduction, compute_dtype=None
        )
        return outputs


class UnevenLoader(TinyLoader):
    """Batches of one to three utterances."""

    def batch(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        self.size = 1 + (2 * epoch + index) % 3
        return super().batch(epoch, index)


def steps_of(loader: TinyLoader, accumulate: int) -> list[list[dict[str, np.ndarray]]]:
    """The batches of each of STEPS steps; a step ends where its epoch does."""
    steps: list[list[dict[str, np.ndarray]]] = []
    epoch = 0
    while len(steps) < STEPS:
        batches = [loader.batch(epoch, index) for index in range(loader.batches)]
        steps += [batches[first : first + accumulate] for first in range(0, len(batches), accumulate)]
        epoch += 1
    return steps[:STEPS]


def exact_ctc(reduction: str) -> ExactCTC:
    npconformer.manual_seed(3)
    return ExactCTC(Wav2Vec2ConformerConfig(**{**SIZES, "layerdrop": 0.4, "ctc_loss_reduction": reduction}))


def assert_same(found: Any, expected: Any, scale: float, name: str) -> None:
    """Equal up to TOLERANCE times the expected tensor's largest number, or `scale` where all of them are smaller."""
    size = max(float(np.abs(expected).max(initial=0.0)), scale)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * size, err_msg=name)


def compare(make: Any, loader: TinyLoader, output: Path, recipe: Recipe, task: Any = None, **settings: Any) -> None:
    """Trains two models that begin alike, one in each way, and compares everything that comes of it."""
    options = {**SHARED, "steps": STEPS, "learning_rate": PEAK, "ema": AVERAGE, "accumulate": 2, **settings}
    model, twin = make().to("float64"), make().to("float64")
    trainer = Trainer(
        model, loader, output, TrainingSettings(**options), task=task, report=[].append, progress_bar=False
    )
    trainer._draw = lambda: None
    trainer.train()
    plain = plain_loop.train(twin, steps_of(loader, 2), recipe)
    # The comparison is worth something where gradients were clipped and not, and where layers were left out and not.
    assert min(plain.norms) < recipe.max_norm < max(plain.norms)
    assert 1 < min(plain.ages.values()) < max(plain.ages.values()) == STEPS

    expected = twin.state_dict()
    averaged = {**expected, **plain.averages}
    given_out = SafetensorsFile(output / "model" / "model.safetensors")
    final = trainer.model.state_dict()
    assert set(final) == set(expected) == set(given_out)
    for name in expected:
        assert_same(final[name], expected[name], PEAK, name)
        assert_same(given_out.read(name), averaged[name], PEAK, f"average of {name}")
    rows = read_log(output / "log.csv")
    assert [{name: row[name] for name in plain.log[0]} for row in rows] == [
        {name: pytest.approx(value, rel=DIGITS) for name, value in row.items()} for row in plain.log
    ]


SCHEDULES = {
    "linear": plain_loop.linear(PEAK, 4, STEPS),
    "cosine": plain_loop.cosine(PEAK, 4, STEPS),
    "tri-stage": plain_loop.tri_stage(PEAK, 4, 6, STEPS),
    "constant": plain_loop.constant(PEAK, 4),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_recognition(reduction: str, schedule: str, tmp_path: Path) -> None:
    """CTC: means over utterances are weighted by their number, sums are added up; reported is one utterance's loss."""
    max_norm = {"mean": 8.0, "sum": 60.0}[reduction]
    recipe = Recipe(
        rate=SCHEDULES[schedule],
        count=lambda batch: len(batch["labels"]),
        batch_weight=(lambda count, total: count / total) if reduction == "mean" else (lambda count, total: 1.0),
        report_weight=(lambda count, total: count / total) if reduction == "mean" else (lambda count, total: 1 / total),
        max_norm=max_norm,
        average_decay=AVERAGE,
        **SHARED,
    )
    settings = dict(schedule=schedule, warmup=4, max_grad_norm=max_norm)
    compare(lambda: exact_ctc(reduction), UnevenLoader(batches=BATCHES), tmp_path, recipe, **settings)


@pytest.mark.parametrize("temperatures", [(2.0, 0.5, 0.8), None], ids=["falling fast", "by default"])
def test_pretraining(temperatures: tuple[float, float, float] | None, tmp_path: Path) -> None:
    """Sums over masked frames, divided by the masked frames of the step; the Gumbel softmax grows colder."""
    first, least, factor = temperatures or (2.0, 0.5, 0.999995)
    recipe = Recipe(
        rate=SCHEDULES["linear"],
        count=lambda batch: int(batch["mask_time_indices"].sum()),
        batch_weight=lambda count, total: 1 / total,
        report_weight=lambda count, total: 1 / total,
        temperature=lambda s: max(first * factor**s, least),
        max_norm=1.5,
        average_decay=AVERAGE,
        **SHARED,
    )

    def make() -> Any:
        return tiny_model("ForPreTraining", layerdrop=0.4)

    task = None if temperatures is None else PreTrainingTask(make().config, temperatures)
    settings = dict(schedule="linear", warmup=4, max_grad_norm=1.5)
    compare(make, UnevenLoader("ForPreTraining", batches=BATCHES), tmp_path, recipe, task, **settings)
