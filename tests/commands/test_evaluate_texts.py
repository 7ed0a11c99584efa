"""`npconformer evaluate` of recognisers: empty texts, what does not count, other people's columns; and of bad files."""

import csv
import json

import pytest
import soundfile
from command_line import run
from tiny_checkpoints import make_waveforms, save_checkpoint, save_recogniser

from npconformer import pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for i, waveform in enumerate(make_waveforms([6000, 9000, 7000])):
        soundfile.write(folder / f"{i}.wav", waveform, 16000)
    return folder


def figures(out):
    return json.loads(out)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory):
    return save_recogniser(tmp_path_factory.mktemp("recogniser"))


def judged(capsys, recogniser, folder, tmp_path, texts, *options):
    """The figures of the first recordings with these texts, None for none, and the rows."""
    paths = sorted(folder.rglob("*.wav"))
    lines = (json.dumps({"file_name": str(path), "transcription": text}) + "\n" for path, text in zip(paths, texts))
    (tmp_path / "metadata.jsonl").write_text("".join(lines))
    argv = ["evaluate", tmp_path / "metadata.jsonl", "--model", recogniser, "--output", tmp_path / "out.csv"]
    status, out, err = run(capsys, *argv, "--format", "json", *options)
    _, text, _ = run(capsys, *argv, *options)
    return status, figures(out), text, err, rows_of(tmp_path / "out.csv")


def test_an_empty_text_is_one_and_what_is_said_there_is_inserted(capsys, recogniser, folder, tmp_path):
    status, result, text, err, rows = judged(capsys, recogniser, folder, tmp_path, ["", "A B", None])
    assert (status, result["evaluated"], result["words"]) == (1, 2, 2)
    assert "no text says what is said (metadata.jsonl, line 3)" in err
    invented = len(rows[0]["hypothesis"].split())
    assert invented > 0 and (rows[0]["reference"], int(rows[0]["insertions"])) == ("", invented)
    assert result["word_error_rate"] == (invented + int(rows[1]["word_errors"])) / 2
    status, result, text, _, _ = judged(capsys, recogniser, folder, tmp_path, ["", " "])
    assert (status, result["word_error_rate"], result["word_error_rate_interval"]) == (0, None, None)
    assert text.startswith(f"word error rate       none: no words are known; {result['insertions']} inserted\n")


def test_what_does_not_count(capsys, recogniser, folder, tmp_path):
    paths = sorted(folder.rglob("*.wav"))
    (said,) = (answer["text"] for answer in pipeline(model=recogniser)([str(paths[0])]))
    known = "\u201c" + said.lower().replace(" ", ", ", 1) + "\u201d \u00e9"  # in small letters, with punctuation and É
    words = len(said.split())
    known = known.replace("\u00e9", "z\u00e9", 1)
    _, result, text, _, rows = judged(capsys, recogniser, folder, tmp_path, [known])
    assert rows[0]["reference"] == known.upper()
    assert result["normalization"] == {"case": "upper", "ignored": []}
    assert set(result["unknown_letters"]) >= {"\u201c", "\u201d", "Z", "\u00c9"}
    assert "in capitals, as the vocabulary has them, punctuation counts\n" in text
    assert "count; --ignore letters leaves them out\n" in text
    _, result, _, _, _ = judged(capsys, recogniser, folder, tmp_path, [known], "--ignore", "punctuation")
    assert (result["deletions"], result["substitutions"], result["words"]) == (1, 0, words + 1)  # ZÉ
    options = ("--ignore", "letters, punctuation")
    _, result, text, _, rows = judged(capsys, recogniser, folder, tmp_path, [known], *options)
    assert rows[0]["reference"] == f"{said} E" and result["normalization"]["ignored"] == ["punctuation", "letters"]
    assert "'Z' (1 text), '\u00c9' (1 text): left out of the texts\n" in text


def test_the_table_runs_nothing(capsys, recogniser, folder, tmp_path):
    _, _, _, _, rows = judged(capsys, recogniser, folder, tmp_path, ["=cmd|' /C calc'!A0"])
    assert rows[0]["reference"] == "'=CMD|' /C CALC'!A0"


def test_numbers_beyond_reason_and_what_never_ends(capsys, folder, tmp_path):
    frames = save_checkpoint("ForAudioFrameClassification", tmp_path / "model", num_labels=2)
    recording = next(folder.rglob("*.wav"))
    (tmp_path / "far.rttm").write_text("SPEAKER x 1 1e305 0.2 <NA> <NA> anna <NA> <NA>\n")
    (tmp_path / "good.rttm").write_text("SPEAKER x 1 0 0.2 <NA> <NA> anna <NA> <NA>\n")
    rows = ["far.rttm,", "/dev/zero,", "good.rttm,", "good.rttm,999999999"]
    (tmp_path / "test.csv").write_text("path,rttm,end\n" + "".join(f"{recording},{row}\n" for row in rows))
    argv = ["evaluate", tmp_path / "test.csv", "--model", frames, "--format", "json"]
    status, out, err = run(capsys, *argv)
    assert (status, figures(out)["evaluated"]) == (1, 2)
    assert "start and duration must be at most 1e+09 seconds" in err and "/dev/zero is a pipe or a device" in err
    (tmp_path / "test.csv").write_text(f"path,rttm,end\n{recording},good.rttm,1e305\n")
    status, _, err = run(capsys, *argv)
    assert status == 2 and "test.csv, line 2: end must be a number of seconds, 0 or more and at most 1e+09" in err


def test_a_folder_of_hugging_face(capsys, recogniser, folder, tmp_path):
    """The file metadata.csv says what is known; what it does not name is named."""
    for path in folder.glob("*.wav"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "data" / "metadata.csv").write_text("file_name;transcription\n0.wav;A B\n./2.wav;C\n")
    status, out, err = run(capsys, "evaluate", tmp_path / "data", "--model", recogniser, "--format", "json")
    assert (status, figures(out)["evaluated"], figures(out)["words"]) == (1, 2, 3)
    assert err == f"npconformer: {tmp_path / 'data' / '1.wav'}: metadata.csv does not name it\n"
