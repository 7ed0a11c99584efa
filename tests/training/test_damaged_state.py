"""Checkpoints with right checksums and wrong content: a ValueError that names the file and the field."""

import copy
import json
import math

import numpy as np
import pytest
from test_state import made

from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.training.progress import Progress
from npconformer.training.state import AVERAGE, MODEL, OPTIMIZER, TRAINING, read_state, write_state

EXTREMES = [None, True, -1, 1.5, 2**63, 10**300, float("nan"), "", "text", [], [1], {}, {"a": 1}, "\x1b[2J"]


def places(value, path=()):
    """The paths to every value in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def replaced(value, path, other):
    if not path:
        return other
    value = copy.copy(value)
    value[path[0]] = replaced(value[path[0]], path[1:], other)
    return value


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_state(folder, made(1))
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    for path in whole.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_each_value_of_training_json_in_turn(folder):
    contents = json.loads((folder / TRAINING).read_text())
    state, refused = made(2), 0
    for path in places(contents):
        for other in EXTREMES:
            (folder / TRAINING).write_text(json.dumps(replaced(contents, path, other)))
            try:
                read_state(folder, state, lambda line: None)
            except ValueError as error:
                refused += 1
                assert TRAINING in str(error) and len(str(error)) < 700, (path, other)
                assert str(error).isprintable()
    assert refused > 100


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("step", "12", r"progress has step '12'; expected a count"),
        ("step", -1, r"progress has step -1; expected a count"),
        ("best", "high", r"progress has best 'high'; expected a number or null"),
        ("seconds", [1], r"progress has seconds \[1\]; expected an object of numbers"),
        ("tempo", 1, r"progress has a field 'tempo'"),
    ],
)
def test_what_is_wrong_is_named(folder, field, value, words):
    contents = json.loads((folder / TRAINING).read_text())
    contents["progress"][field] = value
    (folder / TRAINING).write_text(json.dumps(contents))
    with pytest.raises(ValueError, match=rf"training\.json: {words}"):
        read_state(folder, made(2), print)


@pytest.mark.parametrize("field", ["progress", "random", "schedule", "format"])
def test_what_is_missing_is_named(folder, field):
    contents = json.loads((folder / TRAINING).read_text())
    del contents[field]
    (folder / TRAINING).write_text(json.dumps(contents))
    if field == "schedule":
        lines = []
        read_state(folder, made(2), lines.append)
        assert "the schedule was None before" in lines[0]
        return
    with pytest.raises(ValueError, match=r"training\.json: (progress is None|.*random numbers is damaged|format None)"):
        read_state(folder, made(2), print)


def damaged_arrays(name, array):
    yield {}
    yield {name: array, "more/\x1b[2J" * 1000: array}
    yield {name: np.zeros((2, *array.shape), array.dtype)}
    yield {name: np.array("1" == "2")}
    yield {name: array.astype(np.float16)} if array.dtype.kind == "i" else {name: array[..., None]}
    yield {name: -1 - np.zeros(array.shape, np.int64)}


@pytest.mark.parametrize("file", [MODEL, OPTIMIZER, AVERAGE])
def test_arrays_of_another_kind(folder, file):
    stored = SafetensorsFile(folder / file)
    arrays = {name: stored.read(name).copy() for name in stored}
    steps = [name for name in arrays if name.startswith("step/")]
    refused = 0
    for name in [*arrays][:3] + steps[:3]:
        for changed in damaged_arrays(name, arrays[name]):
            rest = {other: array for other, array in arrays.items() if other != name}
            write_safetensors(folder / file, {**rest, **changed})
            try:
                read_state(folder, made(2), print)
            except ValueError as error:
                refused += 1
                assert str(folder / file) in str(error) and len(str(error)) < 800 and str(error).isprintable()
    assert refused > 8


def test_progress_there_and_back():
    progress = Progress(step=3, best=math.inf, best_loss=1.5, stopped="why", seconds={"data": 1})
    assert Progress.from_dict(progress.to_dict()) == progress
