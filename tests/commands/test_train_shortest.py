"""`npconformer train`: whatever selection lets through the loop can take, however short, alone or with others."""

import json
import re

import numpy as np
import pytest
import soundfile
from tiny_checkpoints import make_waveforms
from train_command import CONFIGS, FAST, train

TASKS = ["ctc", "sequence", "frame", "xvector", "pretraining"]
FIELDS = {
    "layer": ("conformer", []),
    "group": ("conformer", ["feat_extract_norm=group"]),
    "conformer adapter": ("conformer", ["add_adapter=true"]),
    "bert": ("bert", []),
    "adapter": ("bert", ["add_adapter=true"]),
    "unusual": ("bert", ["add_adapter=true", "adapter_kernel_size=6"]),
}
MASKS = ("mask_time_prob=1.0", "mask_time_length=10", "mask_feature_prob=0.5", "mask_feature_length=16")
LENGTHS = [*range(300, 700, 40), 319, 320, 321, 559, 560, 561, 879, 880, 1200, 1519, 1520, 2000, 2800, 3119, 3200]
LENGTHS += [3759, 3760, 4719, 4720, 5300, 13119, 13120, 14500, 15000, 16000]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Recordings of all lengths around those with one frame, two, ..., ten: of each all that can be known."""
    folder = tmp_path_factory.mktemp("clips")
    for i, waveform in enumerate(make_waveforms(LENGTHS)):
        path = folder / "ab"[i % 2] / f"{i}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, waveform if i % 5 else np.zeros_like(waveform), 16000)
        path.with_suffix(".txt").write_text("ab"[i % 2])
        path.with_suffix(".rttm").write_text(f"SPEAKER {i} 1 0.0 0.01 <NA> <NA> {'ab'[i % 2]} <NA> <NA>\n")
    return folder


CASES = [(which, task) for which in FIELDS for task in TASKS if (FIELDS[which][0], task) != ("bert", "pretraining")]
CASES = [case for case in CASES if "adapter=true" not in str(FIELDS[case[0]]) or case[1] in ("ctc", "xvector")]


ALONE = [(*case, 1) for case in CASES if case[0] in ("layer", "bert")]
MORE = [(*case, size) for case in CASES for size in (1, 8) if (*case, size) not in ALONE]


@pytest.mark.parametrize(
    ("which", "task", "size"), [*ALONE, *(pytest.param(*case, marks=pytest.mark.slow) for case in MORE)]
)
def test_every_length(which, task, size, capsys, configs, clips, tmp_path):
    kind, fields = FIELDS[which]
    fields = [*fields, *MASKS] if task != "pretraining" else [*fields, *MASKS[2:]]
    options = [part for field in fields for part in ("--set", field)]
    argv = ("--task", task, "--from", configs[kind], "--train", clips, "--eval", clips, "--epochs", 1, *options)
    status, out, err = train(capsys, tmp_path / "out", *argv, "--batch-size", size, "--augment", "speed", "gain")
    assert status == 0, err
    used = int(re.search(r"train: (\d+) recordings", err)[1])
    assert 2 < used < len(LENGTHS) and "trained " in out
    if size == 1:
        assert f"trained {used} steps" in out
    assert err.count("too short") + err.count("too long") > 0


@pytest.mark.parametrize("kind", CONFIGS)
def test_spans_that_no_width_has_room_for(kind, capsys, configs, clips, tmp_path):
    argv = ("--task", "sequence", "--from", configs[kind], "--train", clips, "--epochs", 1)
    fields = ("--set", "mask_feature_prob=0.5", "--set", "mask_feature_length=17")
    status, _, err = train(capsys, tmp_path / "out", *argv, *fields)
    assert status == 2 and "mask_feature_length is 17, and hidden_size 16" in err


def test_whatever_a_recording_raises(capsys, config, folder, tmp_path, monkeypatch):
    """It is left out by itself."""
    import npconformer.data.reading as reading

    read = reading.read_example

    def broken(example, rate):
        if example.path.endswith(("0.wav", "1.wav")):
            raise {"0": MemoryError(), "1": OverflowError("too much")}[example.path[-5]]
        return read(example, rate)

    monkeypatch.setattr(reading, "read_example", broken)
    status, _, err = train(capsys, tmp_path, "--task", "ctc", "--from", config, "--train", folder, "--steps", 1)
    assert status == 0, err
    assert "train: 6 recordings, 2 left out" in err and "0.wav: MemoryError\n" in err
    assert "1.wav: OverflowError: too much\n" in err


@pytest.mark.parametrize("damage", [b"", b"no sound", None])
def test_noise_that_cannot_be_read(damage, capsys, config, folder, tmp_path):
    """It is found before the first step, not when it is first drawn."""
    if damage is not None:
        (tmp_path / "noise.wav").write_bytes(damage)
    (tmp_path / "augmentation.json").write_text(
        json.dumps({"noise": {"probability": 0.0, "files": [str(tmp_path / "noise.wav")]}})
    )
    argv = ("--task", "ctc", "--from", config, "--train", folder, "--augmentation", tmp_path / "augmentation.json")
    status, _, err = train(capsys, tmp_path / "out", *argv, *FAST)
    assert status == 2 and "noise.wav" in err and not (tmp_path / "out/arguments.json").exists()
