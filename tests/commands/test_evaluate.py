"""`npconformer evaluate`: figures, tables, failures, and what prevents the start."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import MODELS, SHORTEST, make_waveforms, save_checkpoint, save_recogniser

from npconformer import pipeline

NAMES = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind, tmp_path_factory):
    labels = {0: "yes", 1: "no", 2: "maybe"}
    return save_checkpoint("ForSequenceClassification", tmp_path_factory.mktemp("model"), kind, id2label=labels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Recordings in a folder for each label."""
    folder = tmp_path_factory.mktemp("labelled")
    for i, waveform in enumerate(make_waveforms([6000, 9000, 7000, 12000, 8000, 6500])):
        (folder / ["yes", "no"][i % 2]).mkdir(exist_ok=True)
        soundfile.write(folder / ["yes", "no"][i % 2] / f"{i}.wav", waveform, 16000)
    return folder


def figures(out):
    return json.loads(out)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_accuracy_of_a_folder(capsys, model, folder, tmp_path):
    argv = ["evaluate", folder, "--model", model, "--format", "json", "--output", tmp_path / "out.csv"]
    status, out, err = run(capsys, *argv)
    assert (status, err) == (0, "")
    rows = rows_of(tmp_path / "out.csv")
    paths = [str(path) for path in sorted(folder.rglob("*.wav"))]
    assert [row["file"] for row in rows] == paths
    answers = [answer[0]["label"] for answer in pipeline("audio-classification", model)(paths)]
    assert [row["answer"] for row in rows] == answers
    right = [answer == path.split("/")[-2] for answer, path in zip(answers, paths)]
    assert [row["correct"] for row in rows] == [str(int(one)) for one in right]
    assert figures(out)["accuracy"] == sum(right) / 6
    assert (figures(out)["evaluated"], figures(out)["left_out"]) == (6, 0)


def test_batches_change_nothing(capsys, model, folder, tmp_path):
    argv = ["evaluate", folder, "--model", model, "--output"]
    _, alone, _ = run(capsys, *argv, tmp_path / "a.csv")
    _, together, _ = run(capsys, *argv, tmp_path / "b.csv", "--batch-size", 4)
    assert alone == together
    a, b = rows_of(tmp_path / "a.csv"), rows_of(tmp_path / "b.csv")
    assert [{**row, "score": round(float(row["score"]), 4)} for row in a] == [
        {**row, "score": round(float(row["score"]), 4)} for row in b
    ]


def test_text_is_for_people(capsys, model, folder):
    _, out, _ = run(capsys, "evaluate", folder, "--model", model)
    first, second, last = out.splitlines()
    assert first.startswith("accuracy  ")
    assert "95 % interval" in first
    assert second.startswith("worst ")
    assert last == "recordings: 6 judged, 0 left out"


def test_what_cannot_be_judged_is_named_and_does_not_count(capsys, model, folder, tmp_path):
    good = next(folder.rglob("*.wav"))
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "nan.wav", np.full(4000, np.nan, np.float32), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", np.zeros(30), 16000)
    manifest = tmp_path / "test.csv"
    rows = [(good, "yes"), ("empty.wav", "no"), ("nan.wav", "no"), ("short.wav", "no"), ("none.wav", "no"), (good, "x")]
    manifest.write_text("path,label\n" + "".join(f"{path},{label}\n" for path, label in [*rows, (good, "")]))
    argv = ["evaluate", manifest, "--model", model, "--format", "json", "--output", tmp_path / "out.csv"]
    status, out, err = run(capsys, *argv, "--batch-size", 2)
    assert status == 1
    assert (figures(out)["evaluated"], figures(out)["left_out"]) == (1, 6)
    complaints = err.splitlines()
    assert len(complaints) == 6
    for line, (complaint, word) in enumerate(
        zip(complaints, ["0 bytes", "NaN", "too short", "no such file", "none of the model's", "no label"]), start=3
    ):
        assert complaint.startswith("npconformer: ")
        assert word in complaint
        assert complaint.endswith(f"(test.csv, line {line})")
    table = rows_of(tmp_path / "out.csv")
    assert [bool(row["error"]) for row in table] == [False] + [True] * 6
    assert table[1]["error"] == "is empty (0 bytes)"


def test_nothing_could_be_judged(capsys, model, tmp_path):
    (tmp_path / "test.jsonl").write_text('{"path": "none.wav", "label": "yes"}\n')
    status, out, err = run(capsys, "evaluate", tmp_path / "test.jsonl", "--model", model)
    assert (status, out) == (1, "")
    assert "nothing could be judged: 1 of 1 recordings failed" in err


def test_several_manifests_and_folders(capsys, model, folder, tmp_path):
    (tmp_path / "more.csv").write_text(f"path,label\n{next(folder.rglob('*.wav'))},yes\n")
    _, out, _ = run(capsys, "evaluate", folder, tmp_path / "more.csv", "--model", model, "--format", "json")
    assert figures(out)["evaluated"] == 7


@pytest.fixture(scope="module")
def digits(shared, tmp_path_factory):
    """A manifest of real recordings that the embedded recogniser was not trained on."""
    manifest = tmp_path_factory.mktemp("digits") / "test.csv"
    recordings = sorted((shared / "data" / "fsdd").glob("*_[jt]*_[56].wav"))
    assert len(recordings) == 40
    lines = (f"{path},{NAMES[int(path.name[0])].lower()}\n" for path in recordings)
    manifest.write_text("path,text\n" + "".join(lines))
    return manifest


def test_the_embedded_recogniser_on_real_digits(capsys, digits, tmp_path):
    argv = ["evaluate", digits, "--batch-size", 8, "--output", tmp_path / "out.csv", "--format", "json"]
    status, out, err = run(capsys, *argv)
    assert status == 0
    assert err.startswith("npconformer: no --model given: using the embedded recogniser")
    assert err.count("\n") == 1
    result = figures(out)
    assert result["words"] == 40
    rows = rows_of(tmp_path / "out.csv")
    assert sum(int(row["word_errors"]) for row in rows) / 40 == result["word_error_rate"]
    low, high = result["word_error_rate_interval"]
    assert low <= result["word_error_rate"] <= high
    assert result["word_error_rate"] < 0.4  # it is said to err on 16 % of bare recordings
    transcribed = run(capsys, "transcribe", *[row["file"] for row in rows[:3]])[1].splitlines()
    assert transcribed == [f"{row['file']}: {row['hypothesis']}" for row in rows[:3]]


def test_word_error_rate(capsys, folder, tmp_path, kind):
    """Of what a small recogniser says of six recordings, one letter is taken away."""
    model = save_recogniser(tmp_path / "model", kind, add_adapter=True, num_adapter_layers=1)
    paths = sorted(folder.rglob("*.wav"))
    texts = [answer["text"] for answer in pipeline(model=model)(list(map(str, paths)))]
    assert min(len(text.split()) for text in texts) > 0
    known = [texts[0][:-1], *texts[1:]]
    lines = (json.dumps({"path": str(path), "text": text}) + "\n" for path, text in zip(paths, known))
    (tmp_path / "test.jsonl").write_text("".join(lines))
    argv = ["evaluate", tmp_path / "test.jsonl", "--model", model, "--format", "json", "--batch-size", 4]
    status, out, err = run(capsys, *argv, "--output", tmp_path / "out.csv")
    assert (status, err) == (0, "")
    assert [row["hypothesis"] for row in rows_of(tmp_path / "out.csv")] == texts
    assert (figures(out)["recordings_without_error"], figures(out)["evaluated"]) == (5, 6)


def test_ignore_is_for_texts(capsys, model, folder):
    status, _, err = run(capsys, "evaluate", folder, "--model", model, "--ignore", "case")
    assert status == 2 and "--ignore is for texts, and the model's task is audio-classification" in err


def test_diarization_has_a_threshold(capsys, folder, tmp_path, kind, model):
    settings = {"num_labels": 2, "problem_type": "multi_label_classification"}
    frames = save_checkpoint("ForAudioFrameClassification", tmp_path / "model", kind, **settings)
    recording = next(folder.rglob("*.wav"))
    (tmp_path / "a.rttm").write_text("SPEAKER x 1 0.0 0.2 <NA> <NA> anna <NA> <NA>\n")
    (tmp_path / "test.csv").write_text(f"path,rttm\n{recording},a.rttm\n")
    argv = ["evaluate", tmp_path / "test.csv", "--model", frames, "--format", "json", "--threshold"]
    status, out, _ = run(capsys, *argv, 1)
    assert status == 0
    assert (figures(out)["diarization_error_rate"], figures(out)["missed"]) == (1.0, figures(out)["speech"])
    _, out, _ = run(capsys, *argv, 0)
    assert (figures(out)["missed"], figures(out)["false_alarm"] > 0) == (0, True)
    samples = len(soundfile.read(recording)[0])
    assert figures(out)["frames"] == (samples - SHORTEST[kind]) // 320 + 1
    status, _, err = run(capsys, "evaluate", folder, "--model", model, "--threshold", 0.5)
    assert status == 2
    assert "--threshold is for diarization" in err


def test_equal_error_rate(capsys, tmp_path, folder, kind):
    model = save_checkpoint("ForXVector", tmp_path / "model", kind, num_labels=2)
    status, out, _ = run(capsys, "evaluate", folder, "--model", model)
    assert status == 0
    assert out.startswith("equal error rate  ")
    assert "15 pairs, 6 of one speaker, 2 speakers" in out
    one = tmp_path / "one.csv"
    one.write_text(f"path,speaker\n{next(folder.rglob('*.wav'))},anna\n")
    status, out, err = run(capsys, "evaluate", one, "--model", model)
    assert (status, out) == (1, "")
    assert "needs pairs of recordings" in err


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("none.csv", [], "none.csv: no such manifest or folder"),
        ("empty.csv", [], "empty.csv: no recordings in it"),
        ("header.csv", [], "header.csv: no recordings in it"),
        ("nothing", [], "nothing: no recordings in it"),
        ("wrong.csv", [], "wrong.csv, line 1: the header has no column 'path'"),
        ("notes.txt", [], "a manifest's name ends in"),
        ("good.csv", ["--model", "no-such-folder"], "no-such-folder"),
        ("good.csv", ["--output", "no-such-folder/out.csv"], "there is no folder no-such-folder"),
        ("good.csv", ["--batch-size", "0"], "is not a whole number"),
        ("good.csv", ["--threshold", "2"], "is not a number from 0 to 1"),
        ("good.csv", ["--ignore", "case,commas"], "'case,commas' is not some of case, punctuation, letters"),
        ("good.csv", ["--ignore", ""], "is not some of case, punctuation, letters"),
    ],
)
def test_what_prevents_the_start(capsys, tmp_path, data, options, message):
    (tmp_path / "nothing").mkdir()
    files = {
        "empty.csv": "",
        "header.csv": "path,text\n",
        "wrong.csv": "file\na\n",
        "notes.txt": "",
        "good.csv": "path\na",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    status, out, err = run(capsys, "evaluate", tmp_path / data, *options)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_models_that_cannot_be_judged(capsys, tmp_path, folder):
    pretraining = {"num_codevectors_per_group": 4, "codevector_dim": 8, "proj_codevector_dim": 6}
    model = save_checkpoint("ForPreTraining", tmp_path / "a", **pretraining)
    status, _, err = run(capsys, "evaluate", folder, "--model", model)
    assert status == 2
    assert "names Wav2Vec2ConformerForPreTraining; needed is one of Wav2Vec2ConformerFor" in err
    model = save_checkpoint("ForSequenceClassification", tmp_path / "b", num_labels=1)
    status, _, err = run(capsys, "evaluate", folder, "--model", model)
    assert status == 2
    assert "this one does regression" in err


def test_help_teaches(capsys):
    status, out, _ = run(capsys, "evaluate", "--help")
    assert status == 0
    assert out.count("\n  npconformer evaluate ") == 5
    for word in (
        "--model",
        "--output",
        "columns path",
        "rttm",
        "exit status: 0",
        "bootstrap",
        "file_name",
        "audio_filepath",
        "--ignore WHAT",
    ):
        assert word in out


def test_importing_the_command_line_stays_light():
    """Neither the data nor the audio libraries are loaded before a command needs them."""
    code = "import sys, npconformer.cli; print([m for m in ('soundfile', 'soxr', 'tqdm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_names_that_are_not_utf8(model, tmp_path):
    path = tmp_path / "data" / "yes" / os.fsdecode(b"caf\xe9.wav")
    path.parent.mkdir(parents=True)
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    argv = [tmp_path / "data", "--model", model, "--output", tmp_path / "out.csv"]
    done = subprocess.run([sys.executable, "-m", "npconformer", "evaluate", *argv], capture_output=True)
    assert done.returncode == 1
    assert b"caf\\udce9.wav: " in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"caf\xe9.wav" in (tmp_path / "out.csv").read_bytes()


def test_the_table_is_not_mixed_with_the_figures(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "evaluate", "data.csv", "--output", "-")
    assert (status, out) == (2, "") and "--output -: the figures go to standard output" in err
    assert os.listdir(tmp_path) == []


def test_the_table_replaces_no_data(capsys, folder, tmp_path):
    (tmp_path / "test.csv").write_text(f"path,text\n{next(folder.rglob('*.wav'))},one\n")
    for output in (tmp_path / "test.csv", next(folder.rglob("*.wav"))):
        status, _, err = run(capsys, "evaluate", tmp_path / "test.csv", "--output", output)
        assert status == 2
        assert "is one of the files to be read" in err


def test_a_table_that_cannot_be_written_leaves_the_figures(capsys, model, folder, tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("npconformer.storage.files.atomic_path", full)
    status, out, err = run(capsys, "evaluate", folder, "--model", model, "--output", tmp_path / "out.csv")
    assert status == 1
    assert out.startswith("accuracy ")
    assert "out.csv cannot be written: No space left on device" in err
