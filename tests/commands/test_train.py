"""`npconformer train`: every task, what is left out, resuming, and what prevents the start."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import SIZES, make_waveforms, save_checkpoint

import npconformer
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.training.log import read_log

CONFIG = {
    **SIZES,
    "feat_extract_norm": "layer",
    "ctc_loss_reduction": "mean",
    "mask_time_length": 2,
    "num_codevectors_per_group": 4,
    "codevector_dim": 8,
    "proj_codevector_dim": 8,
    "num_negatives": 4,
    "model_type": "wav2vec2-conformer",
    "id2label": {"0": "a", "1": "b"},
}
CONFIG.pop("vocab_size")
FAST = ("--steps", 4, "--batch-seconds", 3, "--log-every", 1, "--save-every", 2)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight recordings: of each there is the text, the label and speaker by the folder, and who speaks when."""
    folder = tmp_path_factory.mktemp("data")
    for i, waveform in enumerate(make_waveforms([16000] * 4 + [12000] * 4)):
        path = folder / "ab"[i % 2] / f"{i}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, waveform, 16000)
        path.with_suffix(".txt").write_text(["yes no", "no"][i % 2])
        path.with_suffix(".rttm").write_text(f"SPEAKER {i} 1 0.0 0.5 <NA> <NA> {'ab'[i % 2]} <NA> <NA>\n")
    return folder


def train(capsys, output, *argv):
    return run(capsys, "train", "--output", output, *argv)


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("task", ["ctc", "sequence", "frame", "xvector", "pretraining"])
def test_every_task(capsys, task, config, folder, tmp_path):
    argv = ("--task", task, "--from", config, "--train", folder, "--eval", folder, *FAST, "--ema", 0.9)
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


@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("task", ["ctc", "sequence", "xvector"])
def test_evaluating_afterwards_gives_the_figures_of_the_log(capsys, task, norm, config, tmp_path):
    """Recordings of many lengths, with and without an attention mask."""
    lengths = np.random.default_rng(0).integers(6000, 16000, 24).tolist()
    for i, waveform in enumerate(make_waveforms([*lengths, 9000, 9000])):
        path = tmp_path / "data" / "ab"[i % 2] / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform, 16000)
        path.with_suffix(".txt").write_text(["yes no", "no sense"][i % 2])
    argv = ("--task", task, "--from", config, "--train", tmp_path / "data", "--eval", tmp_path / "data")
    options = ("--set", f"feat_extract_norm={norm}", "--batch-seconds", 10, "--steps", 3, "--lr", 1e-3)
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
    ("names", "overlap"), [(["anna", "ben"], 0.3), (["anna", "ben", "silence"], -0.2), (["speech"], 0.3)]
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
    settings = {**CONFIG, "id2label": dict(enumerate(names)), "hidden_dropout": 0.0, "layerdrop": 0.0}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    argv = ("--task", "frame", "--from", tmp_path / "config.json", "--train", tmp_path, "--steps", 60, "--lr", 0.02)
    assert train(capsys, tmp_path / "out", *argv, "--batch-seconds", 9)[0] == 0
    status, out, _ = run(capsys, "evaluate", tmp_path, "--model", tmp_path / "out/model", "--format", "json")
    figures = json.loads(out)
    assert (status, figures["evaluated"]) == (0, 12)
    assert figures["diarization_error_rate"] < 0.05
    assert "silence" not in run(capsys, "diarize", tmp_path / "0.wav", "--model", tmp_path / "out/model")[1]


def test_the_model_is_usable(capsys, config, folder, tmp_path):
    train(capsys, tmp_path / "out", "--task", "ctc", "--from", config, "--train", folder, *FAST)
    tokenizer = npconformer.Wav2Vec2Processor.from_pretrained(tmp_path / "out/model").tokenizer
    vocabulary = tokenizer.get_vocab()
    assert sorted(vocabulary, key=vocabulary.get) == ["<pad>", "<s>", "</s>", "<unk>", "|", "E", "N", "O", "S", "Y"]
    status, _, err = run(capsys, "transcribe", folder / "a/0.wav", "--model", tmp_path / "out/model")
    assert (status, err) == (0, "")


def test_resuming(capsys, config, folder, tmp_path):
    argv = ("--task", "ctc", "--from", config, "--train", folder, *FAST, "--augment", "speed", "noise", "joining")
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


def test_what_cannot_be_used_is_left_out_with_the_reason(capsys, config, folder, tmp_path):
    good = [f"{folder}/{'ab'[i % 2]}/{i}.wav" for i in range(8)]
    rows = [(path, "yes no") for path in good]
    (tmp_path / "noise.wav").write_bytes(b"RIFF, but not really")
    (tmp_path / "nothing.wav").write_bytes(b"")
    soundfile.write(tmp_path / "short.wav", np.zeros(50), 16000)
    soundfile.write(tmp_path / "long.wav", np.zeros(16000 * 3), 16000)
    rows += [("noise.wav", "no"), ("nothing.wav", "no"), ("short.wav", "no"), ("long.wav", "no"), ("gone.wav", "no")]
    rows += [(good[0], ""), (good[1], "yes " * 40)]
    manifest = tmp_path / "train.csv"
    with open(manifest, "w", newline="") as file:
        csv.writer(file).writerows([("path", "text"), *rows])
    argv = ("--task", "ctc", "--from", config, "--train", manifest, *FAST, "--longest", 2)
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0
    assert "train: 8 recordings, 7 left out:" in err
    for name, reason in [
        ("noise.wav", "cannot be read as audio"),
        ("nothing.wav", "is empty"),
        ("short.wav", "too short"),
        ("long.wav", "too long"),
        ("gone.wav", "no such file"),
        ("0.wav", "no text"),
        ("1.wav", "its text is too long"),
    ]:
        assert any(name in line and reason in line for line in err.splitlines()), (name, reason)
    with open(tmp_path / "out/left_out.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 7 and all(row["part"] == "train" and row["reason"] for row in table)


def test_a_folder_of_all_sorts(capsys, config, folder, tmp_path):
    """What is in a folder and is of no use is in the table, whatever its name; the rest is trained on."""
    data = shutil.copytree(folder, tmp_path / "data")
    good = soundfile.read(data / "a/0.wav")[0].astype(np.float32)
    for name, bad in (("nan", np.nan), ("inf", np.inf)):
        soundfile.write(data / f"{name}.wav", np.where(np.arange(len(good)) == 99, bad, good), 16000, subtype="FLOAT")
    soundfile.write(data / "header.wav", np.zeros(0), 16000)
    soundfile.write(data / "long.wav", np.tile(good, 31), 16000)
    soundfile.write(data / "latin.wav", good, 16000)
    (data / "zero.wav").write_bytes(b"")
    (data / "phone.m4a").write_bytes(b"some other format")
    (data / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"no sound")
    (data / "gone.wav").symlink_to(data / "nowhere.wav")
    for path in list(data.glob("*.*")):
        path.with_suffix(".txt").write_bytes(b"no" if path.stem != "latin" else "größe".encode("latin-1"))
    (data / "folder.wav").mkdir()
    (data / "README.md").write_text("about these recordings")
    status, _, err = train(capsys, tmp_path / "out", "--task", "ctc", "--from", config, "--train", data, *FAST)
    assert status == 0 and "train: 8 recordings, 10 left out:" in err, err
    rows = list(
        csv.reader((tmp_path / "out/left_out.csv").read_bytes().decode("utf-8", "surrogateescape").splitlines())
    )
    assert {os.fsencode(path).rpartition(b"/")[2]: reason.partition(": ")[0] for _, path, reason, _ in rows[1:]} == {
        b"nan.wav": "holds samples that are NaN or infinite",
        b"inf.wav": "holds samples that are NaN or infinite",
        b"header.wav": "holds no samples",
        b"long.wav": "31.0 s are too long",
        b"latin.wav": "latin.txt is not UTF-8",
        b"zero.wav": "is empty (0 bytes)",
        b"phone.m4a": "cannot be read as audio",
        b"caf\xe9.wav": "cannot be read as audio",
        b"gone.wav": "no such file",
        b"folder.wav": "is a folder, not an audio file",
    }


def test_recordings_named_twice(capsys, config, folder, tmp_path):
    names = [f"{folder}/{'ab'[i % 2]}/{i}.wav" for i in range(3)]
    rows = [(names[0], "one"), (names[1], "two"), (names[2], "one"), (names[1], "two"), (names[2], "two")]
    (tmp_path / "train.csv").write_text("path,text\n" + "".join(f"{path},{text}\n" for path, text in rows))
    (tmp_path / "eval.csv").write_text(f"path,text\n{names[0]},no\n{folder}/b/5.wav,no\n")
    argv = ("--train", tmp_path / "train.csv", "--eval", tmp_path / "eval.csv")
    status, _, err = train(capsys, tmp_path / "out", "--task", "ctc", "--from", config, *argv, *FAST)
    assert status == 0 and "train: 5 recordings" in err
    assert (
        "train: 2 recordings named more than once (1 of them with different texts or labels): each time counts" in err
    )
    assert "eval: 1 of the recordings is in --train, too" in err


def test_mislabelled_recordings_of_a_classifier(capsys, folder, tmp_path):
    source = save_checkpoint("ForSequenceClassification", tmp_path / "model", id2label={0: "b", 1: "other"})
    status, _, err = train(capsys, tmp_path / "out", "--task", "sequence", "--from", source, "--train", folder, *FAST)
    assert status == 0
    assert "4 left out" in err and "its label 'a' is none of the model's: 'b', 'other'" in err
    assert "4 of those left out have labels or letters that the model does not know; --new-head makes" in err
    argv = ("--task", "sequence", "--from", source, "--train", folder, *FAST, "--new-head")
    status, _, err = train(capsys, tmp_path / "new", *argv)
    assert status == 0 and "2 classes of the training data: a, b" in err and "left out" not in err
    assert "these start at random: classifier.weight, classifier.bias\n" in err
    status, _, err = train(capsys, tmp_path / "new", "--resume", "--steps", 6)  # the head is that of the checkpoint
    assert status == 0 and "random" not in err and "going on from step 4" in err


def test_labels_of_the_data(capsys, config, folder, tmp_path):
    source = save_checkpoint("ForPreTraining", tmp_path / "model", **{"proj_codevector_dim": 8, "codevector_dim": 8})
    argv = ("--task", "sequence", "--from", source, "--train", folder, *FAST, "--freeze-feature-encoder")
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0, err
    assert "2 classes of the training data: a, b" in err
    assert "these start at random: projector.weight" in err
    trained = npconformer.Wav2Vec2ConformerForSequenceClassification.from_pretrained(tmp_path / "out/model")
    assert trained.config.id2label == {0: "a", 1: "b"}
    before, after = (SafetensorsFile(p / "model.safetensors") for p in (source, tmp_path / "out/model"))
    frozen = [name for name in after if "feature_extractor" in name]
    assert frozen and all((before.read(name) == after.read(name)).all() for name in frozen)
    assert not all((before.read(n) == after.read(n)).all() for n in after if "encoder.layers.0" in n)


def test_fields_of_the_configuration(capsys, config, folder, tmp_path):
    argv = ("--task", "ctc", "--from", config, "--train", folder, *FAST)
    fields = ("--set", "hidden_dropout=0.0", "--set", "position_embeddings_type=rotary")
    assert train(capsys, tmp_path / "out", *argv, *fields)[0] == 0
    made = npconformer.Wav2Vec2ConformerConfig.from_pretrained(tmp_path / "out/model")
    assert (made.hidden_dropout, made.position_embeddings_type) == (0.0, "rotary")
    status, _, err = train(capsys, tmp_path / "other", *argv, "--set", "hidden_dropot=0")
    assert status == 2 and "hidden_dropot" in err


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
