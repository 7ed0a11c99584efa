"""The loop: steps, reports, evaluations, checkpoints, and going on where an earlier run stopped.

What the weights become depends on the model, the data, the settings and the seed, and on nothing else: a training
that was stopped at any moment and resumed ends with the same bits as one that was not.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from npconformer.arrays import generator
from npconformer.optim import Optimizer, Schedule
from npconformer.plots.training_curves import write_training_curves
from npconformer.storage.folders import whole_folder
from npconformer.storage.locks import only_one
from npconformer.storage.messages import one_line
from npconformer.storage.step_log import CsvLog
from npconformer.training.averaging import ExponentialAverage
from npconformer.training.checkpoint import CheckpointStore
from npconformer.training.loading import Loader, batches_of_steps, fingerprint_of, keep_within, steps_in
from npconformer.training.progress import Progress
from npconformer.training.settings import TrainingSettings
from npconformer.training.state import TrainingState, read_state, write_state
from npconformer.training.step import NonFiniteError, check_weights, run_step
from npconformer.training.tasks import Task, task_for
from npconformer.training.validation import validate

LOG, CURVES, FINAL, BEST = "log.csv", "curves.png", "model", "best"
SECONDS_BETWEEN_PICTURES = 60


class Trainer:
    """Trains a model and keeps what comes of it in a folder.

        output/checkpoint-N/   the last few checkpoints, each usable as a model
        output/best/           the model that was best in the evaluations, if there were any
        output/model/          the model at the end (its running average with `ema`)
        output/log.csv, output/curves.png

    >>> trainer = Trainer(model, loader, "output", TrainingSettings(steps=1000), evaluation=other_loader)
    >>> trainer.train(resume=True)

    Args:
        model: one of the models with a head. It is trained where it is, on the host or a device.
        loader: the training data.
        output: folder; made where absent.
        settings: see `TrainingSettings`.
        evaluation: loader of evaluation data, whose epoch 0 is gone through, or None.
        processor: saved beside the model; its tokenizer is needed for word error rates.
        task, optimizer, schedule: in place of the model's own, AdamW, and what the settings say. They must be the
            same when a training is resumed.
        report: called with lines of text for a person; by default they go to standard error.
        progress_bar: None shows one where somebody watches.
    """

    def __init__(
        self,
        model: Any,
        loader: Loader,
        output: str | os.PathLike,
        settings: TrainingSettings,
        *,
        evaluation: Loader | None = None,
        processor: Any = None,
        task: Task | None = None,
        optimizer: Optimizer | None = None,
        schedule: Schedule | None = None,
        report: Callable[[str], Any] | None = None,
        progress_bar: bool | None = None,
    ) -> None:
        self.model, self.loader, self.output, self.settings = model, loader, Path(output), settings
        self.evaluation, self.processor = evaluation, processor
        self.task = task_for(model) if task is None else task
        self.show_bar = sys.stderr.isatty() if progress_bar is None else progress_bar
        self._report = report or (lambda line: print(one_line(line), file=sys.stderr, flush=True))
        self.total_steps = settings.steps or steps_in(loader, settings.epochs, settings.accumulate)
        self.schedule = settings.make_schedule(self.total_steps) if schedule is None else schedule
        self.optimizer = settings.make_optimizer(model) if optimizer is None else optimizer
        self.average = None if settings.ema is None else ExponentialAverage(model, settings.ema)
        self.progress = Progress()
        self._stop_asked = False
        if settings.gradient_checkpointing:
            model.gradient_checkpointing_enable()

    def train(self, resume: bool = False, on_start: Callable[[], Any] | None = None) -> Progress:
        """Trains to the end, or until `stop_after_step` is called; returns how far it came.

        Args:
            resume: go on from the newest whole checkpoint in the output folder; from the start if there is none.
            on_start: called when nothing is in the way any more, before the first step.

        Raises:
            FileExistsError: the folder holds a training, and resume is False.
            DamagedCheckpointError: there are checkpoints, and none is whole.
            ValueError: the checkpoint is of another model or optimiser, or there is no data.
            NonFiniteError: the loss or a gradient became NaN or infinite. Nothing of that is saved.
            OutOfSpaceError: a checkpoint could not be written. The earlier ones are intact.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        with only_one(self.output):
            self.store = CheckpointStore(self.output, self.settings.keep, self.report)
            self._drawn = perf_counter()
            self._start(resume)
            if on_start is not None:
                on_start()
            self.task.before_training(self.model)
            if self._is_to_go_on():
                self.model.train()
                self._run()
            if self._is_to_go_on():  # it was asked to stop
                self._save_if_new()
                return self.progress
            self.model.eval()
            with self._averaged():
                self._save_model(FINAL)
            self._draw()
        return self.progress

    def stop_after_step(self) -> None:
        """Asks `train` to save after the step it is in, and to return; for signal handlers and other threads.

        A training that is resumed then ends with the same bits as one that was never stopped.
        """
        self._stop_asked = True

    def _is_to_go_on(self) -> bool:
        return self.progress.step < self.total_steps and not self.progress.stopped

    def report(self, line: str) -> None:
        """Tells a person something, above the progress bar if there is one."""
        if self.show_bar:
            from tqdm import tqdm

            with tqdm.external_write_mode(file=sys.stderr):
                self._report(line)
        else:
            self._report(line)

    # ---- the loop

    def _run(self) -> None:
        from tqdm import tqdm

        progress = self.progress
        bar = tqdm(
            total=self.total_steps, initial=progress.step, unit="step", file=sys.stderr, disable=not self.show_bar
        )
        steps = batches_of_steps(self.loader, progress, self.settings.accumulate)
        try:
            with bar:
                while self._is_to_go_on() and not self._stop_asked:
                    started = perf_counter()
                    batches, at_end = next(steps)
                    waited = perf_counter() - started
                    result = self._step(batches)
                    self._count(result, waited)
                    bar.set_postfix(loss=f"{result.loss:.4g}", lr=f"{self.optimizer.learning_rate:.3g}", refresh=False)
                    bar.update()
                    self._reports(result, at_end)
        finally:
            steps.close()

    def _step(self, batches: list[dict[str, np.ndarray]]) -> Any:
        step = self.progress.step
        self.optimizer.scale_learning_rate(self.schedule.factor(step))
        self.task.before_step(self.model, step)
        with self._stopping_at(step + 1):
            result = run_step(self.model, batches, self.task, self.optimizer, self.settings.max_grad_norm)
        self.progress.step = step + 1
        if self.average is not None:
            self.average.update(step + 1)
        return result

    @contextmanager
    def _stopping_at(self, step: int) -> Iterator[None]:
        """Says of a NonFiniteError within when it was, and what is left."""
        try:
            yield
        except NonFiniteError as error:
            kept = self.store.steps()
            last = f"{self.store.path(kept[-1])} is from before it" if kept else "no checkpoint had been written"
            raise NonFiniteError(f"step {step}: {error}. Stopped without saving; {last}") from None

    def _count(self, result: Any, waited: float) -> None:
        progress = self.progress
        progress.recent_loss += result.loss
        progress.recent_steps += 1
        for name, seconds in {"data": waited, **result.seconds}.items():
            progress.seconds[name] = progress.seconds.get(name, 0.0) + seconds

    def _reports(self, result: Any, at_end: bool) -> None:
        """The log, the evaluation and the checkpoint, where they are due after a step."""
        progress, settings = self.progress, self.settings
        last = progress.step == self.total_steps
        if progress.step % settings.log_every == 0 or last:
            self._log(result)
        evaluates = self.evaluation is not None and (last or _is_due(progress.step, settings.evaluate_every, at_end))
        saves = last or _is_due(progress.step, settings.save_every, at_end)
        if evaluates or saves:
            with self._stopping_at(progress.step):  # a step may have been too large for the weights themselves
                check_weights(self.model)
        if evaluates:
            self._validate()
        if saves or progress.stopped:
            self._save()

    def _log(self, result: Any) -> None:
        progress = self.progress
        row = {
            "step": progress.step,
            "epoch": progress.epoch,
            "loss": progress.recent_loss / progress.recent_steps,
            "learning_rate": self.optimizer.learning_rate,
            "gradient_norm": result.gradient_norm,
            "seconds": sum(progress.seconds.values()),
        }
        progress.recent_loss, progress.recent_steps = 0.0, 0
        self.log.add(row)
        if not self.show_bar:
            rate = row["learning_rate"]
            self.report(f"step {progress.step} of {self.total_steps}: loss {row['loss']:.4g}, rate {rate:.3g}")

    def _validate(self) -> None:
        progress, task = self.progress, self.task
        with self._averaged():
            figures = validate(self.model, self.evaluation.epoch(0), self.processor, task)
            measured = task.metric in figures  # word error rates need a processor
            value = figures[task.metric if measured else "loss"]
            if progress.is_better(value, figures["loss"], task.less_is_better or not measured):
                progress.best, progress.best_loss = value, figures["loss"]
                progress.best_step, progress.worse = progress.step, 0
                self._save_model(BEST)
            else:
                progress.worse += 1
        self.log.add({"step": progress.step, **{f"eval_{name}": figure for name, figure in figures.items()}})
        best = "the best so far" if progress.worse == 0 else f"best at step {progress.best_step}"
        self.report(f"step {progress.step}: " + ", ".join(f"{n} {f:.4g}" for n, f in figures.items()) + f" ({best})")
        if perf_counter() - self._drawn > SECONDS_BETWEEN_PICTURES:
            self._draw()
        if self.settings.patience is not None and progress.worse >= self.settings.patience:
            progress.stopped = f"no better {task.metric} in {progress.worse} evaluations"
            self.report(f"stopped at step {progress.step}: {progress.stopped}")

    def _averaged(self) -> Any:
        return nullcontext() if self.average is None else self.average.applied()

    # ---- what is on the disk

    def _start(self, resume: bool) -> None:
        """The state to begin with: of the newest checkpoint, or of the beginning."""
        if not resume and self.store.steps():
            last = self.store.path(self.store.steps()[-1])
            raise FileExistsError(f"{last}: there is a training in this folder already; resume it, or choose another")
        self.store.clean()
        checkpoint = self.store.latest() if resume else None
        generator.manual_seed(self.settings.seed)
        if checkpoint is not None:
            self.progress = read_state(checkpoint, self._state(), self.report)
            keep_within(self.loader, self.progress)
            self.report(f"going on from step {self.progress.step} ({checkpoint})")
            if self.progress.stopped:
                self.report(f"it had stopped there, {self.progress.stopped}: no step is left to do")
            elif self.progress.step >= self.total_steps:
                self.report(f"of {self.total_steps} steps none is left to do")
        elif resume:
            self.report(f"{self.output} holds no checkpoint yet: starting from the beginning")
        columns = ("epoch", "loss", "learning_rate", "gradient_norm", "seconds")
        measures = ("loss", *self.task.measures(self.processor).names) if self.evaluation is not None else ()
        columns += tuple(f"eval_{name}" for name in measures)
        self.log = CsvLog(self.output / LOG, columns, self.progress.step)

    def _state(self) -> TrainingState:
        return TrainingState(
            self.model,
            self.optimizer,
            self.processor,
            self.average,
            self.progress,
            schedule={"name": self.schedule.name, **self.schedule.settings},
            settings=self.settings.to_dict(),
            fingerprint=fingerprint_of(self.loader),
        )

    def _save(self) -> None:
        self.store.save(self.progress.step, lambda folder: write_state(folder, self._state()))

    def _save_if_new(self) -> None:
        step = self.progress.step
        if step > 0 and step not in self.store.steps():
            with self._stopping_at(step):
                check_weights(self.model)
            self._save()

    def _save_model(self, name: str) -> None:
        with whole_folder(self.output / name) as folder:
            self.model.save_pretrained(folder)
            if self.processor is not None:
                self.processor.save_pretrained(folder)

    def _draw(self) -> None:
        self._drawn = perf_counter()
        try:
            write_training_curves(self.output / LOG, self.output / CURVES)
        except ImportError as error:
            self.report(str(error))
            self._drawn = math.inf  # once is enough


def _is_due(step: int, every: int | None, at_end: bool) -> bool:
    return at_end if every is None else step % every == 0
