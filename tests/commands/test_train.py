"""`npconformer train`: every task, resuming, figures, and what prevents the start."""

import json
import shutil
from itertools import product

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import make_waveforms
from train_command import CONFIG, CONFIGS, FAST, train, weights

import npconformer
from npconformer.storage.step_log import read_log

TASKS = ["ctc", "sequence", "frame", "xvector", "pretraining"]


@pytest.mark.parametrize(
    ("kind", "task"), [*(("conformer", task) for task in TASKS), *(("bert", task) for task in TASKS[:-1])]
)
def test_every_task(capsys, kind, task, configs, folder, tmp_path):
    argv = ("--task", task, "--from", configs[kind], "--train", folder, "--eval", folder, *FAST, "--ema", 0.9)
    status, out, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0, err
    assert "trained 4 steps" in out and "best" in out
    assert "train: 8 recordings" in err and "eval: 8 recordings" in err
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "model",
        "best",
        "checkpoint-2",
        "checkpoint-4",
        "log.csv",
        "left_out.csv",
        "arguments.json",
    }
    columns = {"ctc": "eval_wer", "sequence": "eval_accuracy", "frame": "eval_frame_error", "xvector": "eval_eer"}
    rows = read_log(tmp_path / "out/log.csv")
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]
    assert columns.get(task, "eval_loss") in rows[-1]


FIELDS = {
    "layer": ("conformer", ["feat_extract_norm=layer"]),
    "group": ("conformer", ["feat_extract_norm=group"]),
    "bert": ("bert", []),
    "adapter": ("bert", ["add_adapter=true"]),
    "unusual": (
        "bert",
        ["add_adapter=true", "adapter_kernel_size=6"],
    ),  # fewer frames than counted
}
WITH_ADAPTER = [("adapter", "ctc"), ("unusual", "ctc")]


@pytest.mark.parametrize("which, task", [*product(list(FIELDS)[:3], ("ctc", "sequence", "xvector")), *WITH_ADAPTER])
def test_evaluating_afterwards_gives_the_figures_of_the_log(capsys, task, which, configs, tmp_path):
    """Recordings of many lengths, with and without an attention mask."""
    lengths = np.random.default_rng(0).integers(6000, 16000, 24).tolist()
    for i, waveform in enumerate(make_waveforms([*lengths, 9000, 9000])):
        path = tmp_path / "data" / "ab"[i % 2] / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform, 16000)
        path.with_suffix(".txt").write_text(["yes no", "no sense"][i % 2])
    kind, fields = FIELDS[which]
    argv = ("--task", task, "--from", configs[kind], "--train", tmp_path / "data", "--eval", tmp_path / "data")
    options = (
        *(part for field in fields for part in ("--set", field)),
        "--batch-seconds",
        10,
        "--steps",
        3,
        "--lr",
        1e-3,
    )
    assert train(capsys, tmp_path / "out", *argv, *options)[0] == 0
    logged = read_log(tmp_path / "out/log.csv")[-1]
    argv = ("evaluate", tmp_path / "data", "--model", tmp_path / "out/model", "--format", "json")
    figures = json.loads(run(capsys, *argv)[1])
    names = {"ctc": ("wer", "cer"), "sequence": ("accuracy",), "xvector": ("eer",)}[task]
    long = {"wer": "word_error_rate", "cer": "character_error_rate", "accuracy": "accuracy", "eer": "equal_error_rate"}
    assert [logged[f"eval_{name}"] for name in names] == pytest.approx(
        [figures[long[name]] for name in names], rel=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "overlap"), [(["anna", "ben"], 0.3), (None, 0.3), (["anna", "ben", "silence"], -0.2), (["speech"], 0.3)]
)
def test_diarization_finds_what_was_learnt(capsys, names, overlap, tmp_path):
    """Two "speakers", each a tone, in noise; silence around them, and between them or for a while both."""
    rng = np.random.default_rng(0)
    for i in range(12):
        sound, lines = rng.normal(size=24000) * 0.01, []
        start, end = 0.2 + rng.uniform(0, 0.1), 0.8
        for who in rng.permutation(2):
            first, behind = round(start * 16000), round(end * 16000)
            sound[first:behind] += 0.3 * np.sin(np.arange(first, behind) * 2 * np.pi * [300, 1800][who] / 16000)
            lines.append(f"SPEAKER {i} 1 {start:.3f} {end - start:.3f} <NA> <NA> {['anna', 'ben'][who]} <NA> <NA>")
            start, end = end - overlap, 1.3
        soundfile.write(tmp_path / f"{i}.wav", sound, 16000)
        (tmp_path / f"{i}.rttm").write_text("\n".join(lines))
    settings = {**CONFIG, "id2label": names and dict(enumerate(names)), "hidden_dropout": 0.0, "layerdrop": 0.0}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    argv = ("--task", "frame", "--from", tmp_path / "config.json", "--train", tmp_path, "--steps", 60, "--lr", 0.02)
    assert train(capsys, tmp_path / "out", *argv, "--batch-seconds", 9)[0] == 0
    status, out, _ = run(capsys, "evaluate", tmp_path, "--model", tmp_path / "out/model", "--format", "json")
    figures = json.loads(out)
    assert (status, figures["evaluated"]) == (0, 12)
    assert figures["diarization_error_rate"] < 0.05
    assert "silence" not in run(capsys, "diarize", tmp_path / "0.wav", "--model", tmp_path / "out/model")[1]
    if names is None:  # the classes are the speakers: the same one in every recording
        for i in range(4):
            first = (tmp_path / f"{i}.rttm").read_text().split()[7]
            out = run(capsys, "diarize", tmp_path / f"{i}.wav", "--model", tmp_path / "out/model")[1]
            assert out.split()[2] == first


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_model_is_usable(capsys, kind, configs, folder, tmp_path):
    train(capsys, tmp_path / "out", "--task", "ctc", "--from", configs[kind], "--train", folder, *FAST)
    processor = npconformer.AutoProcessor.from_pretrained(tmp_path / "out/model")
    assert type(processor).__name__ == {"conformer": "Wav2Vec2Processor", "bert": "Wav2Vec2BertProcessor"}[kind]
    vocabulary = processor.tokenizer.get_vocab()
    assert sorted(vocabulary, key=vocabulary.get) == ["<pad>", "<s>", "</s>", "<unk>", "|", "E", "N", "O", "S", "Y"]
    status, _, err = run(capsys, "transcribe", folder / "a/0.wav", "--model", tmp_path / "out/model")
    assert (status, err) == (0, "")


@pytest.mark.parametrize("kind", CONFIGS)
def test_resuming(capsys, kind, configs, folder, tmp_path):
    argv = (
        "--task",
        "ctc",
        "--from",
        configs[kind],
        "--train",
        folder,
        *FAST,
        "--augment",
        "speed",
        "noise",
        "joining",
    )
    assert train(capsys, tmp_path / "whole", *argv)[0] == 0
    shutil.copytree(tmp_path / "whole", tmp_path / "part")
    for name in ("checkpoint-4", "model"):
        shutil.rmtree(tmp_path / "part" / name)
    status, _, err = train(capsys, tmp_path / "part", "--resume")
    assert status == 0, err
    assert "going on from step 2" in err and "vocabulary" not in err
    assert weights(tmp_path / "part/model") == weights(tmp_path / "whole/model")
    status, _, err = train(capsys, tmp_path / "part", "--resume", "--steps", 6, "--lr", 0.001)
    assert status == 0 and "lr was 0.0003 and is 0.001 now" in err and "going on from step 4" in err


def test_what_differs_when_resuming(capsys, config, folder, tmp_path):
    data = shutil.copytree(folder, tmp_path / "data")
    argv = ("--task", "ctc", "--from", config, "--train", data, *FAST, "--threads", 1)
    assert train(capsys, tmp_path / "out", *argv)[0] == 0
    moved = data.rename(tmp_path / "moved")
    status, _, err = train(capsys, tmp_path / "out", "--resume", "--train", moved, "--workers", 2, "--threads", 2)
    assert status == 0 and "workers was 1 and is 2 now" in err and "undisturbed" not in err
    (moved / "a/0.txt").write_text("no")
    status, _, err = train(capsys, tmp_path / "out", "--resume")
    assert status == 0 and err.count("undisturbed") == 1 and "the data or the settings of their batches" in err


def test_resuming_in_another_folder(capsys, config, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    assert train(capsys, tmp_path / "out", "--task", "ctc", "--from", config, "--train", ".", *FAST)[0] == 0
    monkeypatch.chdir(tmp_path)
    status, _, err = train(capsys, "out", "--resume", "--steps", 5)
    assert status == 0 and "train: 8 recordings" in err and "steps was 4 and is 5 now" in err
    (tmp_path / "out/arguments.json").write_text('{"command": "rm"}')
    status, _, err = train(capsys, "out", "--resume")
    assert status == 2 and "arguments.json does not hold the arguments of a training" in err


def test_resuming_what_has_not_begun(capsys, config, folder, tmp_path):
    argv = ("--task", "ctc", "--from", config, "--train", folder, *FAST)
    status, _, err = train(capsys, tmp_path / "out", "--resume", *argv)
    assert status == 0 and "starting from the beginning" in err


def test_what_prevents_the_start(capsys, config, folder, tmp_path):
    out = tmp_path / "out"
    needed = ("--task", "ctc", "--from", config, "--train", folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    for argv, message in [
        (("--task", "ctc"), "--from, --train are needed"),
        ((*needed[:4], "--train", tmp_path / "no.csv"), "no such manifest"),
        ((*needed[:4], "--train", empty), "no recordings"),
        ((*needed[:2], "--from", tmp_path / "nothing", *needed[4:]), "nothing"),
        ((*needed, "--steps", "0"), "--steps"),
        ((*needed, "--lr", "fast"), "--lr"),
        ((*needed, "--set", "x"), "FIELD=VALUE"),
        ((*needed, "--longest", "0.2"), "nothing in it can be used"),
        (("--task", "xvector", "--from", config, "--train", folder / "a"), "nothing in it can be used"),
        ((*needed, "--set", "hidden_size=-1"), "hidden_size"),
    ]:
        status, _, err = train(capsys, out, *argv)
        assert status == 2 and message in err, (argv, err)
        assert not list(out.glob("checkpoint-*")) and not (out / "arguments.json").exists()
    assert train(capsys, out, *needed, *FAST)[0] == 0
    status, _, err = train(capsys, out, *needed, *FAST)
    assert status == 2 and "--resume" in err


def test_a_damaged_checkpoint_is_passed_over(capsys, config, folder, tmp_path):
    train(capsys, tmp_path, "--task", "ctc", "--from", config, "--train", folder, *FAST)
    expected = weights(tmp_path / "model")
    path = tmp_path / "checkpoint-4/optimizer.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    status, _, err = train(capsys, tmp_path, "--resume")
    assert status == 0 and "checkpoint-4 is damaged (optimizer.safetensors" in err and "checkpoint-2" in err
    assert weights(tmp_path / "model") == expected


def test_a_loss_that_is_not_finite(capsys, config, folder, tmp_path):
    argv = ("--task", "ctc", "--from", config, "--train", folder, *FAST, "--lr", 1e30, "--warmup", 0)
    with np.errstate(all="ignore"):
        status, _, err = train(capsys, tmp_path, *argv)
    assert status == 1 and "Stopped without saving" in err and "step " in err
