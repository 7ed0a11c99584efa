"""Where answers go, and in which formats: folders, files by their extensions, standard output."""

import json
import os

import pytest
from command_line import run
from fake_recogniser import FakePipeline

from npconformer.commands import diarize, embed, transcribe

TRANSCRIBED = ["txt", "srt", "vtt", "tsv", "json", "jsonl", "csv"]


@pytest.fixture(autouse=True)
def fake(monkeypatch, tmp_path):
    for name, module in {"transcribe": transcribe, "diarize": diarize, "embed": embed}.items():
        monkeypatch.setattr(module, "load_pipeline", lambda *a, name=name, **options: FakePipeline(name))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folders():
    """A folder with one recording, and one with two."""
    for name in ("one/a.wav", "two/b.wav", "two/c.wav"):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        open(name, "w").close()


@pytest.mark.parametrize("place", [["-o", "out"], ["--output-dir", "deep/er"], ["--output", "out/"], ["--output", "."]])
@pytest.mark.parametrize(("source", "stems"), [("one", "a"), ("two", "bc"), ("one/a.wav", "a")])
def test_a_file_for_every_recording(capsys, folders, place, source, stems):
    status, out, _ = run(capsys, "transcribe", source, "-f", "all", *place)
    assert (status, out) == (0, "")
    written = [name for name in os.listdir(place[1]) if os.path.isfile(os.path.join(place[1], name))]
    assert sorted(written) == sorted(f"{stem}.{extension}" for stem in stems for extension in TRANSCRIBED)


@pytest.mark.parametrize("options", [["-f", "srt,json"], ["-f", "srt", "-f", "json"], ["--output_format", "srt,json"]])
@pytest.mark.parametrize("source", ["one", "two"])
def test_a_new_name_without_extension_is_a_folder_where_a_file_cannot_be(capsys, folders, options, source):
    assert run(capsys, "transcribe", source, *options, "--output", "new")[0] == 0
    assert {os.path.splitext(name)[1] for name in os.listdir("new")} == {".srt", ".json"}
    assert run(capsys, "transcribe", source, "-f", "srt", "--output", "subtitles")[0] == 0
    assert os.path.isdir("subtitles")  # for a folder with one recording, too


@pytest.mark.parametrize("extension", [*TRANSCRIBED, "ndjson", "TXT"])
def test_the_extension_says_the_format(capsys, extension):
    names = ["a.wav"] if extension in ("srt", "vtt") else ["a.wav", "b.wav"]
    assert run(capsys, "transcribe", *names, "--output", f"t.{extension}")[:2] == (0, "")
    formats = {"txt": "text", "TXT": "text", "ndjson": "jsonl"}
    run(capsys, "transcribe", *names, "--format", formats.get(extension, extension), "--output", "other")
    with open(f"t.{extension}") as one, open("other") as other:
        assert one.read() == other.read() != ""


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("t.rttm", [], "transcribe writes no .rttm, but .txt, .srt"),
        ("t.json", ["-f", "csv"], "is of the format json, and --format says csv: leave one away"),
        ("t.npz", ["-f", "csv"], "is of another format, and --format says csv"),
        ("t.srt", [], "several recordings as srt need a folder to go to: --output-dir FOLDER"),
        ("t.json", ["-f", "srt,json"], "srt and json do not fit into t.json: give a folder"),
        ("-", ["-f", "srt,json"], "srt and json do not fit into standard output"),
        ("none/t.txt", [], "there is no folder none"),
        ("t.txt", ["-o", "out"], "are two places"),
        ("-", ["-f", "srt,docx"], "invalid choice: 'docx' (choose from text, srt, vtt"),
    ],
)
def test_contradictions(capsys, output, options, message):
    status, out, err = run(capsys, "transcribe", "a.wav", "b.wav", "--output", output, *options)
    assert (status, out, message in err) == (2, "", True), err
    assert os.listdir() == []


def test_standard_output_by_a_dash(capsys):
    assert run(capsys, "transcribe", "a.wav", "--output", "-", "--quiet") == (0, "WORDa\n", "")
    assert os.listdir() == []
    status, _, err = run(capsys, "embed", "a.wav", "--model", "m", "-f", "npz", "--output", "-")
    assert (status, "npz is not for standard output: name a file with --output FILE.npz" in err) == (2, True)


def test_a_dash_is_no_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "transcribe", "a.wav", "-o", "-")
    assert (status, out) == (2, "") and "--output-dir is a folder; for standard output write --output -" in err
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_a_file(capsys):
    open("taken", "w").close()
    status, _, err = run(capsys, "transcribe", "a.wav", "-o", "taken")
    assert (status, "--output-dir taken is a file" in err) == (2, True)


def test_formats_behind_a_space_are_explained(capsys):
    status, _, err = run(capsys, "transcribe", "-f", "srt", "json", "a.wav")
    assert (status, "several formats have commas between them: --format srt,json" in err) == (2, True)


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_a_link_in_an_output_folder_is_replaced_and_not_followed(capsys):
    os.makedirs("out")
    with open("victim", "w") as file:
        file.write("mine")
    os.symlink("../victim", "out/a.txt")
    run(capsys, "transcribe", "a.wav", "-o", "out")
    assert (open("victim").read(), open("out/a.txt").read()) == ("mine", "WORDa\n")
    assert not os.path.islink("out/a.txt")


def test_tables_of_segments(capsys):
    _, out, _ = run(capsys, "transcribe", "ab.wav", "-f", "tsv")
    assert out == "start\tend\ttext\tconfidence\n250\t1750\tWORDa WORDb\t0.505\n"
    _, out, _ = run(capsys, "transcribe", "a.wav", "ab.wav", "-f", "tsv", "--timestamps", "word")
    assert out.splitlines() == [
        "file\tstart\tend\ttext\tconfidence",
        "a.wav\t250\t750\tWORDa\t0.5",
        "ab.wav\t250\t750\tWORDa\t0.5",
        "ab.wav\t1250\t1750\tWORDb\t0.51",
    ]


def test_json_with_segments(capsys):
    _, out, _ = run(capsys, "transcribe", "ab.wav", "-f", "jsonl", "--timestamps", "segment")
    chunk = {"text": "WORDa WORDb", "timestamp": [0.25, 1.75], "confidence": 0.505}
    assert json.loads(out) == {"file": "ab.wav", "text": "WORDa WORDb", "confidence": 0.5, "chunks": [chunk]}
