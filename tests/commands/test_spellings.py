"""What whisper's users type."""

import pytest
from command_line import run
from fake_recogniser import FakePipeline

from npconformer.commands import transcribe
from npconformer.commands.spellings import MEANINGLESS, dashed, without_values


@pytest.fixture
def asked(monkeypatch):
    """The options that the pipeline is called with."""
    options = {}

    class Recorder(FakePipeline):
        def stream(self, names, **given):
            options.update(given)
            return super().stream(names, **given)

    monkeypatch.setattr(transcribe, "load_pipeline", lambda *arguments, **given: Recorder("transcribe"))
    return options


def test_underscores():
    argv = ["--output_dir", "a_b", "--max_line_width=3", "--set", "a_b=1", "-o", "--", "--x_y"]
    assert dashed(argv) == ["--output-dir", "a_b", "--max-line-width=3", "--set", "a_b=1", "-o", "--", "--x_y"]


def test_true_and_false():
    argv = ["--verbose", "False", "a", "--word-timestamps", "True", "True", "--highlight-words=True", "--verbose=False"]
    assert without_values(argv) == ["a", "--word-timestamps", "True", "--highlight-words"]


def test_a_line_of_whisper(capsys, tmp_path, asked):
    line = (
        f"transcribe a.wav b.wav --output_dir {tmp_path} --output_format srt --word_timestamps True "
        "--max_line_width 12 --max_line_count 2 --highlight_words True --task transcribe --verbose False"
    )
    assert run(capsys, *line.split())[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.srt", "b.srt"]
    assert (tmp_path / "a.srt").read_text().splitlines()[2] == "<u>WORDa</u>"
    assert asked["return_timestamps"] == "word"


@pytest.mark.parametrize("option", [*MEANINGLESS, "--beam_size", "--fp16"])
def test_what_has_no_meaning_says_why(capsys, option):
    status, _, err = run(capsys, "transcribe", "a.wav", option, "1")
    name = option.replace("_", "-")
    assert (status, f"{name} has no meaning here: {MEANINGLESS[name]}" in err) == (2, True)


def test_translating_says_why(capsys):
    status, _, err = run(capsys, "transcribe", "a.wav", "--task", "translate")
    assert status == 2
    assert "--task translate has no meaning here: these models write down what is said" in err


def test_quiet_and_verbose(capsys, asked):
    assert run(capsys, "transcribe", "a.wav", "--quiet") == (0, "WORDa\n", "")
    _, _, err = run(capsys, "transcribe", "a.wav", "b.wav", "--verbose")
    note, *lines = err.splitlines()
    assert "no --model given" in note
    assert lines == ["npconformer: a.wav: done, 1 of 2", "npconformer: b.wav: done, 2 of 2"]
    assert run(capsys, "transcribe", "bad.wav", "--quiet")[2] == "npconformer: bad.wav: bad\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-line-width", "30"], "--max-line-width is of subtitles: add --format srt or vtt"),
        (["--highlight-words", "-f", "tsv"], "--highlight-words is of subtitles: add --format srt or vtt"),
        (
            ["--max-words-per-line", "3", "-f", "srt", "--timestamps", "char"],
            "is of words: leave --timestamps char away",
        ),
        (["--max-line-count", "0", "-f", "srt"], "'0' is not a whole number of at least 1"),
        (["--clip-timestamps", "3,2"], "clips must have a length, and follow one another"),
        (["--clip-timestamps", "1,2,x"], "is not START,END,START,END,... in seconds"),
        (["--timestamps", "word", "--word-timestamps"], "not allowed with argument"),
    ],
)
def test_what_cannot_have_an_effect_is_refused(capsys, options, message):
    status, _, err = run(capsys, "transcribe", "a.wav", *options)
    assert (status, message in err) == (2, True), err
