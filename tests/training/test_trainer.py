"""The trainer: every task learns, resuming changes no bit, and accumulation is one large batch."""

import math

import numpy as np
import pytest
from tiny_nemo import batch_of, make_model
from tiny_training import CASES, KINDS, TinyLoader, digest, tiny_model, tiny_processor, tiny_trainer

import npconformer
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.optim import SGD
from npconformer.storage.step_log import read_log
from npconformer.training import NonFiniteError, Trainer, TrainingSettings, task_for
from npconformer.training import trainer as trainer_module
from npconformer.training.progress import Progress
from npconformer.training.step import run_step

HEADS = ["ForCTC", "ForSequenceClassification", "ForAudioFrameClassification", "ForXVector", "ForPreTraining"]


@pytest.mark.parametrize(("kind", "head"), CASES)
def test_every_task_trains_and_resumes_to_the_same_bits(kind, head, tmp_path):
    options = {"head": head, "kind": kind, "evaluation": True, "ema": 0.9}
    whole = tiny_trainer(tmp_path / "whole", **options)
    assert whole.train().step == 12

    for _ in range(2):  # stopped after 5 and 10 steps, in the middle of an epoch and between checkpoints
        interrupted = tiny_trainer(tmp_path / "parts", **options)
        stop_after(interrupted, 5)
        with pytest.raises(KeyboardInterrupt):
            interrupted.train(resume=True)
    resumed = tiny_trainer(tmp_path / "parts", **options)
    npconformer.manual_seed(12345)
    assert resumed.train(resume=True).step == 12

    for folder in ("checkpoint-12", "model", "best"):
        assert digest(tmp_path / "parts" / folder) == digest(tmp_path / "whole" / folder)
        assert digest(tmp_path / "parts" / folder)
    first, second = read_log(tmp_path / "whole/log.csv"), read_log(tmp_path / "parts/log.csv")
    for row in (*first, *second):
        row.pop("seconds", None)
    assert first == second


def stop_after(trainer, steps):
    """Makes the trainer stop, as Ctrl-C would, when it is about to make another step."""
    make, done = trainer._step, []

    def step(batches):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(1)
        return make(batches)

    trainer._step = step


@pytest.mark.parametrize(("kind", "head"), [case for case in CASES if case[1] in HEADS[:3]])
def test_it_learns(kind, head, tmp_path):
    """A few batches again and again, without randomness: the loss falls."""
    model = tiny_model(head, kind=kind, layerdrop=0.0, hidden_dropout=0.0, mask_time_prob=0.0, mask_feature_prob=0.0)
    trainer = Trainer(
        model,
        Same(TinyLoader(head, batches=2, kind=kind)),
        tmp_path,
        TrainingSettings(steps=60, learning_rate=0.02, log_every=5),
        report=[].append,
        progress_bar=False,
    )
    trainer.train()
    rows = read_log(tmp_path / "log.csv")
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]


class Same:
    """A loader all of whose epochs are the first one."""

    def __init__(self, loader):
        self.loader, self.num_batches = loader, loader.num_batches

    def epoch(self, epoch, start=0):
        return self.loader.epoch(0, start)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_accumulation_is_one_large_batch(reduction):
    """Batches of different size, in float64, with batch norm switched to running statistics."""
    loader = TinyLoader(size=5)
    large = loader.batch(0, 0)
    small = [{name: array[part] for name, array in large.items()} for part in (slice(0, 3), slice(3, 4), slice(4, 5))]
    losses, weights = [], []
    for batches in ([large], small):
        model = tiny_model(ctc_loss_reduction=reduction).to("float64").eval()
        result = run_step(model, batches, task_for(model), SGD(model, lr=0.1), None)
        losses.append((result.loss, result.gradient_norm))
        weights.append(model.lm_head.weight.data)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)  # the CTC loss is rounded to float32
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "mean_batch", "mean_volume"])
def test_so_it_is_with_the_means_that_nemo_takes(reduction):
    """The mean over all labels weighs a batch by its labels, the others by its utterances."""
    features, mask = batch_of([60, 50, 44, 60])
    labels = np.array([[1, 2, 3], [4, -100, -100], [5, 1, -100], [2, 6, -100]])  # 6 is the blank
    large = {"input_features": features, "attention_mask": mask, "labels": labels}
    small = [{name: array[part] for name, array in large.items()} for part in (slice(0, 1), slice(1, 4))]
    outcomes, counts = [], []
    for batches in ([large], small):
        model = make_model(ctc_loss_reduction=reduction)
        task = task_for(model)
        _, losses, things = zip(*(task.judge(model, batch) for batch in batches))  # of validation
        result = run_step(model, batches, task, SGD(model, lr=0.1), None)
        judged = sum(losses) / sum(things)
        outcomes.append([judged, result.loss, result.gradient_norm, *model.lm_head.weight.data.ravel()])
        counts.append([task.count(batch) for batch in batches])
    np.testing.assert_allclose(outcomes[0], outcomes[1], rtol=1e-9)
    assert counts == ([[7], [3, 4]] if reduction == "mean_volume" else [[4], [1, 3]])


@pytest.mark.parametrize(("kind", "head"), CASES)
def test_scales_of_accumulated_batches(kind, head):
    """The reported loss of two batches is the mean over what is counted in both."""
    model = tiny_model(head, kind=kind).eval()
    task = task_for(model)
    batches = [TinyLoader(head, size=3, kind=kind).batch(0, 0), TinyLoader(head, size=2, kind=kind).batch(0, 1)]
    with npconformer.no_grad():
        losses = [model(**batch).loss.item() for batch in batches]
    counts = [task.count(batch) for batch in batches]
    sums = [loss * n if task.reduction == "mean" else loss for loss, n in zip(losses, counts)]
    result = run_step(model, batches, task, SGD(model, lr=0.0), None)
    assert result.loss == pytest.approx(sum(sums) / sum(counts), rel=1e-5)
    assert counts == {"ForAudioFrameClassification": [57, 38], "ForPreTraining": [18, 12]}.get(head, [3, 2])


@pytest.mark.parametrize(("labels", "expected"), [(3, "single_label_classification"), (1, "regression")])
def test_a_frame_classifier_tells_what_its_loss_was(labels, expected, tmp_path):
    """What None means to the loss is written down, and the loss is the same with it."""
    batch = TinyLoader("ForAudioFrameClassification").batch(0, 0)
    batch["labels"] = batch["labels"][:, :, :labels]
    loader = TinyLoader("ForAudioFrameClassification")
    loader.batch = lambda epoch, index: batch
    model = tiny_model("ForAudioFrameClassification", num_labels=labels)
    before = model.eval()(**batch).loss.item()
    model.config.problem_type = expected
    assert model(**batch).loss.item() == before
    model.config.problem_type = None
    Trainer(model, loader, tmp_path, TrainingSettings(steps=1), report=[].append, progress_bar=False).train()
    config = npconformer.Wav2Vec2ConformerConfig.from_pretrained(tmp_path / "checkpoint-1")
    assert config.problem_type == expected


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_checkpointing_changes_nothing(kind, tmp_path):
    for name, on in (("with", True), ("without", False)):
        tiny_trainer(tmp_path / name, steps=5, gradient_checkpointing=on, kind=kind).train()
    first, second = (SafetensorsFile(tmp_path / name / "model/model.safetensors") for name in ("with", "without"))
    for name in first:
        np.testing.assert_allclose(first.read(name), second.read(name), rtol=1e-5, atol=1e-6, err_msg=name)


def test_epochs_position_and_accumulation(tmp_path):
    """Five batches in threes: two steps for each epoch, the last of two batches."""
    trainer = tiny_trainer(tmp_path, steps=None, epochs=3, accumulate=3, save_every=None)
    progress = trainer.train()
    assert (progress.step, progress.epoch, progress.batch) == (6, 3, 0)
    assert trainer.loader.asked == [(e, i) for e in range(3) for i in range(5)]
    assert trainer.store.steps() == [2, 4, 6]  # at the end of each epoch


def test_a_frozen_part_stays(tmp_path):
    model = tiny_model()
    model.freeze_feature_encoder()
    before = {n: p.data.copy() for n, p in model.named_parameters()}
    Trainer(model, TinyLoader(), tmp_path, TrainingSettings(steps=3), report=[].append, progress_bar=False).train()
    after = {name: parameter.data for name, parameter in model.named_parameters()}
    same = {name for name in after if (after[name] == before[name]).all()}
    assert {name for name in after if ".feature_extractor." in name} <= same
    assert not {name for name in after if name.startswith("lm_head") or ".feature_projection." in name} & same


def test_early_stop_and_the_best_model(tmp_path, monkeypatch):
    figures = iter([0.5, float("nan"), 0.4, 0.4, 0.45, 0.3])
    monkeypatch.setattr(trainer_module, "validate", lambda *_: {"loss": 1.0, "wer": next(figures)})
    settings = dict(evaluation=True, steps=40, evaluate_every=2, patience=2)
    trainer = tiny_trainer(tmp_path, **settings)
    progress = trainer.train()
    assert (progress.step, progress.best_step, progress.best, progress.worse) == (10, 6, 0.4, 2)
    assert progress.stopped == "no better wer in 2 evaluations"
    assert trainer.store.steps()[-1] == 10
    rows = [row for row in read_log(tmp_path / "log.csv") if "eval_loss" in row]
    assert [row.get("eval_wer") for row in rows[2:]] == [0.4, 0.4, 0.45]
    again = tiny_trainer(tmp_path, **settings)
    assert again.train(resume=True).step == 10  # it stays stopped
    assert digest(tmp_path / "best") != digest(tmp_path / "model")


def test_what_is_better():
    progress = Progress()
    assert progress.is_better(math.nan, 1.0, True)
    progress.best, progress.best_loss = math.nan, 1.0
    assert progress.is_better(0.5, 9.0, True)
    progress.best, progress.best_loss = 0.5, 2.0
    assert progress.is_better(0.4, 9.0, True) and not progress.is_better(0.6, 1.0, True)
    assert progress.is_better(0.6, 9.0, False) and not progress.is_better(0.4, 1.0, False)
    assert progress.is_better(0.5, 1.9, True) and not progress.is_better(0.5, 2.0, False)
    assert not progress.is_better(math.nan, 0.0, True) and not progress.is_better(math.nan, 0.0, False)


class Poisoned(TinyLoader):
    """From batch 3 of epoch 1 on, labels that are longer than the frames: an infinite loss."""

    def batch(self, epoch, index):
        batch = super().batch(epoch, index)
        if (epoch, index) >= (1, 3):
            batch["labels"] = np.full((self.size, 30), 3)
        return batch


def test_a_loss_that_is_not_finite_stops(tmp_path):
    trainer = tiny_trainer(tmp_path)
    trainer.loader = Poisoned()
    with pytest.raises(NonFiniteError, match=r"step 9: the loss is inf.*ctc_zero_infinity.*checkpoint-8"):
        trainer.train()
    assert trainer.store.steps() == [4, 8]
    saved = SafetensorsFile(tmp_path / "checkpoint-8/model.safetensors")
    for name, parameter in trainer.model.named_parameters():
        np.testing.assert_array_equal(parameter.data, saved.read(name))  # nothing was changed either


def test_the_first_bad_gradient_is_named(tmp_path):
    trainer = tiny_trainer(tmp_path)
    model, forward = trainer.model, trainer.model.forward

    def poisoned(**batch):
        outputs = forward(**batch)
        if trainer.progress.step == 6:
            outputs.loss = outputs.loss + model.lm_head.bias.sum() * np.float32(3e38) * np.float32(100)
        return outputs

    trainer.model.lm_head.bias.data = np.zeros(8, np.float32)
    trainer.optimizer = trainer.settings.make_optimizer(model)
    object.__setattr__(model, "forward", lambda **batch: poisoned(**batch))
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(NonFiniteError) as caught:
        trainer.train()
    assert "step 7" in str(caught.value)
    assert trainer.store.steps() == [4]


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    """A step that is too large for the weights themselves, just before a checkpoint."""
    trainer = tiny_trainer(tmp_path)
    step = trainer.optimizer.step

    def too_large():
        step()
        if trainer.progress.step == 7:
            trainer.model.lm_head.bias.data[2] = np.inf

    trainer.optimizer.step = too_large
    with pytest.raises(NonFiniteError, match=r"step 8: lm_head.bias is no longer finite.*checkpoint-4"):
        trainer.train()
    assert trainer.store.steps() == [4]


def test_curves_and_log(tmp_path):
    pytest.importorskip("matplotlib")
    tiny_trainer(tmp_path, evaluation=True, curves=True).train()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    rows = read_log(tmp_path / "log.csv")
    assert [row["step"] for row in rows if "loss" in row] == list(range(1, 13))
    assert [row["step"] for row in rows if "eval_wer" in row] == [5, 10, 12]


def test_wrong_settings():
    for settings, message in [
        ({}, "steps, epochs"),
        ({"steps": 1, "epochs": 1}, "steps, epochs"),
        ({"steps": 0}, "steps"),
        ({"steps": 5, "accumulate": 0}, "accumulate"),
        ({"steps": 5, "schedule": "square"}, "schedule"),
        ({"steps": 5, "warmup": -1}, "warmup"),
        ({"steps": 5, "warmup": 2.5}, "warmup"),
        ({"steps": 5, "ema": 1.0}, "ema"),
        ({"steps": 5, "max_grad_norm": 0}, "max_grad_norm"),
        ({"steps": 5, "seed": -1}, "seed"),
    ]:
        with pytest.raises(ValueError, match=message):
            TrainingSettings(**settings)
    with pytest.raises(ValueError, match="cannot be trained"):
        task_for(tiny_model("Model"))
    with pytest.raises(ValueError, match="ctc_loss_reduction"):
        task_for(tiny_model(ctc_loss_reduction="none"))


def test_no_data(tmp_path):
    trainer = tiny_trainer(tmp_path)
    trainer.loader = TinyLoader(batches=0)
    with pytest.raises(ValueError, match="no batches"):
        trainer.train()
    trainer.loader = TinyLoader(batches=2)
    trainer.loader.num_batches = lambda epoch: 3
    with pytest.raises(ValueError, match="fewer batches than its 3"):
        trainer.train()


def test_the_saved_model_is_usable(tmp_path):
    tiny_trainer(tmp_path, evaluation=True).train()
    for name in ("checkpoint-12", "model", "best"):
        loaded = npconformer.Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / name)
        processor = npconformer.Wav2Vec2Processor.from_pretrained(tmp_path / name)
        inputs = processor(np.zeros(800, np.float32), sampling_rate=16000, return_tensors="np")
        assert loaded(**inputs).logits.shape[-1] == len(tiny_processor().tokenizer)
