"""The arguments of a training that is resumed, as they lie on the disk: of the wrong type they are named."""

import json

import pytest
from command_line import run

from npconformer.commands.train_arguments import DEFAULTS, SETTINGS, _may_be

WHOLE = {**DEFAULTS, "task": "ctc", "source": "none", "train": "none.csv", "steps": 3}
WRONG = [("source", 7), ("train", None), ("batch_size", "4"), ("lr", [1]), ("augment", "noise"), ("set", [1]),
         ("new_head", 1), ("seed", 1.5), ("workers", None), ("device", {}), ("task", "\x1b[2J" * 1000)]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_arguments_of_the_wrong_type(name, value, tmp_path, capsys):
    (tmp_path / SETTINGS).write_text(json.dumps({**WHOLE, name: value}))
    status, _, errors = run(capsys, "train", "--resume", "--output", tmp_path)
    assert status == 2 and len(errors) < 700 and errors.replace("\n", "").isprintable()
    if name != "task":
        assert f"{SETTINGS}: {name} is " in errors


def test_what_is_written_may_be_read():
    given = {
        "eval": "a.csv",
        "epochs": 2,
        "lr": 1,
        "ema": 0.99,
        "batch_seconds": 30,
        "augment": ["noise"],
        "patience": 3,
    }
    assert all(_may_be(name, value) for name, value in {**WHOLE, **given}.items())
