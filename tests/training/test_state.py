"""What a checkpoint holds, written and read without a trainer."""

import dataclasses
import json

import numpy as np
import pytest
from tiny_training import TinyLoader, tiny_model, tiny_processor

from npconformer.arrays import generator
from npconformer.optim import AdamW
from npconformer.training import ExponentialAverage
from npconformer.training.loading import fingerprint_of, keep_within
from npconformer.training.progress import Progress
from npconformer.training.state import TRAINING, TrainingState, read_state, write_state


def made(seed, average=True):
    """A state of random weights, averages and optimiser moments."""
    model = tiny_model(seed=seed)
    optimizer = AdamW(model)
    for parameter in model.parameters():
        parameter.grad = np.full_like(parameter.data, seed)
    optimizer.step()
    return TrainingState(
        model,
        optimizer,
        tiny_processor(),
        ExponentialAverage(model, 0.9) if average else None,
        Progress(step=seed, epoch=1, batch=2, best=0.5, seconds={"data": 1.0}),
        schedule={"name": "linear", "warmup_steps": 3},
        settings={"steps": 12},
        fingerprint="five",
    )


def contents(state):
    """Every array of a state."""
    parts = {"model": state.model, "optimizer": state.optimizer, "average": state.average}
    return {f"{part}/{n}": a for part, of in parts.items() for n, a in of.state_dict().items()}


def test_what_is_written_is_read(tmp_path):
    first, second, lines = made(1), made(2), []
    assert any((array != contents(second)[name]).any() for name, array in contents(first).items())
    generator.manual_seed(7)
    random = generator.get_state()
    write_state(tmp_path, first)
    generator.manual_seed(8)
    assert read_state(tmp_path, second, lines.append) == first.progress
    assert generator.get_state() == random and lines == []
    for name, array in contents(first).items():
        np.testing.assert_array_equal(array, contents(second)[name], err_msg=name)
    assert json.loads((tmp_path / TRAINING).read_text()).keys() == {
        "format", "progress", "random", "schedule", "settings", "fingerprint",
    }  # fmt: skip
    assert {"vocab.json", "config.json", "model.safetensors"} <= {path.name for path in tmp_path.iterdir()}


def test_what_has_changed_is_told(tmp_path):
    write_state(tmp_path, made(1))
    lines = []
    read_state(tmp_path, dataclasses.replace(made(2), schedule={"name": "cosine"}, fingerprint="six"), lines.append)
    assert len(lines) == 2 and "'linear'" in lines[0] and "'cosine'" in lines[0] and "the data" in lines[1]


def test_an_average_that_is_not_there(tmp_path):
    write_state(tmp_path, made(1, average=False))
    with pytest.raises(ValueError, match="holds no running average"):
        read_state(tmp_path, made(2), print)


def test_a_format_of_another_version(tmp_path):
    write_state(tmp_path, made(1))
    text = (tmp_path / TRAINING).read_text()
    (tmp_path / TRAINING).write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(ValueError, match="format 2; this version reads 1"):
        read_state(tmp_path, made(2), print)


def test_a_position_behind_the_last_batch():
    """Data that have become fewer leave one: it is the next epoch's beginning."""
    for batch, expected in [(4, (1, 4)), (5, (2, 0)), (9, (2, 0))]:
        progress = Progress(epoch=1, batch=batch)
        keep_within(TinyLoader(batches=5), progress)
        assert (progress.epoch, progress.batch) == expected


def test_fingerprints():
    loader = TinyLoader(batches=5)
    assert fingerprint_of(loader) == "5 batches"
    loader.fingerprint = lambda: "my own"
    assert fingerprint_of(loader) == "my own"
