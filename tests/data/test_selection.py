"""What a model can learn from, and what is said of the rest."""

import numpy as np
import pytest
import soundfile

from npconformer import Wav2Vec2CTCTokenizer
from npconformer.data import AudioReader, Example, select_examples
from npconformer.data.targets import TextTargets
from npconformer.models.frame_clock import FrameClock, Stage


@pytest.fixture
def targets():
    letters = Wav2Vec2CTCTokenizer({token: i for i, token in enumerate(["<pad>", "<unk>", "|", *"EFINOTVW"])})
    return TextTargets(
        letters, FrameClock(16000, Stage(1, 1), (Stage(320, 320),)), vocab_size=11, blank=0, shortest=640
    )


@pytest.fixture
def write(tmp_path):
    def write(name, samples=8000, text="TWO", **fields):
        path = tmp_path / name
        if isinstance(samples, bytes):
            path.write_bytes(samples)
        elif samples is not None:
            soundfile.write(path, np.full(samples, 0.1, np.float32), 16000)
        return Example(str(path), text=text, **fields)

    return write


def test_the_rest_is_kept_in_order(write, targets):
    examples = [
        write("good.wav"),
        write("missing.wav", None),
        write("empty.wav", b""),
        write("noise.wav", b"I am no recording"),
        write("none.wav", 0),
        write("short.wav", 639),
        write("long.wav", 16000 * 4),
        write("unlabelled.wav", text=None),
        write("letters.wav", text="two 2"),
        write("fast.wav", 3 * 320, text="FIVE"),
        write("repeats.wav", 5 * 320, text="TEENE"),
        write("enough.wav", 6 * 320, text="TEENE", source="train.csv, line 13"),
        write("behind.wav", start=2.0),
    ]
    selection = select_examples(examples, targets, AudioReader(16000), longest_seconds=3.0)
    assert [example.path.rpartition("/")[2] for example in selection.examples] == ["good.wav", "enough.wav"]
    assert selection.samples == [8000, 1920]
    assert selection.encoded[0].tolist() == [8, 10, 7]
    assert [left.path.rpartition("/")[2] for left in selection.left_out if left.unknown] == ["letters.wav"]
    reasons = {left.path.rpartition("/")[2].partition(" ")[0]: left.reason for left in selection.left_out}
    assert reasons == {
        "missing.wav": "no such file",
        "empty.wav": "is empty (0 bytes)",
        "noise.wav": reasons["noise.wav"],
        "none.wav": reasons["none.wav"],
        "short.wav": "0.040 s (639 samples at 16000 Hz) are too short: the model needs 640 samples",
        "long.wav": "4.0 s are too long: the longest is 3 s",
        "unlabelled.wav": "no text says what is said",
        "letters.wav": "its text 'TWO 2' has '2', which the vocabulary has not",
        "fast.wav": "its text is too long for its 0.06 s, which are 3 frames",
        "repeats.wav": "its text is too long for its 0.10 s, which are 5 frames",
        "behind.wav": "the recording ends before this stretch starts",
    }
    assert reasons["noise.wav"].startswith("cannot be read as audio")
    assert "samples" in reasons["none.wav"] or "cannot be read" in reasons["none.wav"]


def test_where_it_was_listed_is_said(write, targets):
    example = write("a.wav", None, source="train.csv, line 3")
    (left,) = select_examples([example], targets, AudioReader(16000)).left_out
    assert str(left) == f"{example.path}: no such file (train.csv, line 3)"


def test_what_fits_must_fit_when_it_is_made_faster(write, targets):
    examples = [write("a.wav", 6 * 320, text="TEENE"), write("b.wav", 660, text="T")]
    assert len(select_examples(examples, targets, AudioReader(16000))) == 2
    selection = select_examples(examples, targets, AudioReader(16000), fastest=1.1)
    assert [left.reason for left in selection.left_out] == [
        "its text is too long for its 0.12 s, which are 5 frames when made 1.1 times faster",
        "0.041 s (660 samples at 16000 Hz) are too short when made 1.1 times faster: the model needs 640 samples",
    ]


def test_an_unreadable_file(write, targets, monkeypatch):
    def refuse(example):
        raise PermissionError(13, "Permission denied", example.path)

    reader = AudioReader(16000)
    monkeypatch.setattr(AudioReader, "__call__", lambda self, example: refuse(example))
    (left,) = select_examples([write("a.wav")], targets, reader).left_out
    assert left.reason == "Permission denied"


@pytest.mark.parametrize("workers", [1, 4])
def test_what_was_read_is_kept_for_training(write, targets, workers):
    reader = AudioReader(16000)
    examples = [write(f"{i}.wav", 8000 + i) for i in range(20)]
    selection = select_examples(examples, targets, reader, workers=workers)
    assert selection.samples == [8000 + i for i in range(20)]
    assert reader.bytes_held == 4 * sum(selection.samples)


def test_nothing_to_select_from(targets):
    assert len(select_examples([], targets, AudioReader(16000))) == 0


@pytest.mark.parametrize("options", [{"longest_seconds": 0}, {"fastest": 0.9}, {"fastest": float("inf")}])
def test_wrong_options(targets, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        select_examples([], targets, AudioReader(16000), **options)
