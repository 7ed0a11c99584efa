"""A folder that holds a training already: going on with other data, more steps, or not at all."""

import json

import pytest
from tiny_training import TinyLoader, tiny_model, tiny_trainer

from npconformer.storage.checksums import write_checksums


def test_a_training_is_not_overwritten(tmp_path):
    tiny_trainer(tmp_path).train()
    with pytest.raises(FileExistsError, match=r"checkpoint-12.*resume"):
        tiny_trainer(tmp_path).train()


def test_two_trainings_in_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    from npconformer.storage.locks import only_one

    with only_one(tmp_path), pytest.raises(BlockingIOError, match="another process"):
        tiny_trainer(tmp_path).train()


def test_resuming_what_does_not_fit(tmp_path):
    tiny_trainer(tmp_path).train()
    other = tiny_trainer(tmp_path, steps=20)
    other.model = tiny_model(hidden_size=12)
    with pytest.raises(ValueError, match="state_dict"):
        other.train(resume=True)
    with pytest.raises(ValueError, match="running average"):
        tiny_trainer(tmp_path, ema=0.9).train(resume=True)


def test_more_steps_after_the_end(tmp_path):
    tiny_trainer(tmp_path).train()
    longer = tiny_trainer(tmp_path, steps=15)
    assert longer.train(resume=True).step == 15
    assert any("schedule was" in line for line in longer.lines)


@pytest.mark.parametrize("batches, position", [(7, (2, 5)), (2, (4, 1))])
def test_other_data(batches, position, tmp_path):
    """After 12 batches of five an epoch, which is batch 2 of epoch 2."""
    tiny_trainer(tmp_path).train()
    longer = tiny_trainer(tmp_path, steps=15)
    longer.loader = TinyLoader(batches=batches)
    progress = longer.train(resume=True)
    assert [line for line in longer.lines if "undisturbed" in line] == [
        "the data or the settings of their batches have changed: the result is not that of an undisturbed training"
    ]
    assert (progress.epoch, progress.batch) == position


def test_a_checkpoint_from_before_there_were_fingerprints(tmp_path):
    trainer = tiny_trainer(tmp_path)
    trainer.train()
    for folder in map(trainer.store.path, trainer.store.steps()):
        contents = json.loads((folder / "training.json").read_text())
        del contents["fingerprint"]
        (folder / "training.json").write_text(json.dumps(contents))
        write_checksums(folder)
    longer = tiny_trainer(tmp_path, steps=15)
    longer.loader = TinyLoader(batches=7)
    assert longer.train(resume=True).step == 15
    assert not any("undisturbed" in line for line in longer.lines)
