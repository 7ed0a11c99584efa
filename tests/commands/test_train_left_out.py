"""`npconformer train`: recordings that cannot be used, each named with its reason, and those that are there twice."""

import csv
import os
import shutil

import numpy as np
import soundfile
from train_command import FAST, train


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
    reasons = {os.fsencode(path).rpartition(b"/")[2]: reason.partition(": ")[0] for _, path, reason, _ in rows[1:]}
    assert "ffmpeg" in reasons.pop(b"phone.m4a")
    assert reasons == {
        b"nan.wav": "holds samples that are NaN or infinite",
        b"inf.wav": "holds samples that are NaN or infinite",
        b"header.wav": "holds no samples",
        b"long.wav": "31.0 s are too long",
        b"latin.wav": "latin.txt, line 1",
        b"zero.wav": "is empty (0 bytes)",
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
