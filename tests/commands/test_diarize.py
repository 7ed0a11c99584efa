"""`npconformer diarize`: its formats, its settings, and the timeline."""

import json

import pytest
import soundfile
from command_line import run
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint

from npconformer import pipeline
from npconformer.commands.timeline import draw_timeline
from npconformer.segments.diarization import Segment
from npconformer.segments.rttm import from_rttm

NAMES = {0: "ANNA", 1: "Dr BEN"}


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory):
    return save_checkpoint(
        "ForAudioFrameClassification", tmp_path_factory.mktemp("model"), request.param, id2label=NAMES
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "sub").mkdir()
    names = [folder / "a.wav", folder / "my talk.wav", folder / "sub" / "a.wav"]
    for name, waveform in zip(names, make_waveforms([16000, 12000, 9000])):
        soundfile.write(name, waveform, 16000)
    return list(map(str, names))


@pytest.fixture(scope="module")
def answers(model, recordings):
    return pipeline("speaker-diarization", model=model)(recordings)


def test_text(capsys, model, recordings, answers):
    _, out, _ = run(capsys, "diarize", recordings[0], "--model", model)
    lines = [f"{one['start']:.2f}\t{one['end']:.2f}\t{one['speaker']}" for one in answers[0]["segments"]]
    assert lines
    assert out.splitlines() == lines
    _, out, _ = run(capsys, "diarize", *recordings, "--model", model)
    assert out.splitlines()[: len(lines)] == [f"{recordings[0]}: {line}" for line in lines]


def test_json(capsys, model, recordings, answers):
    _, out, _ = run(capsys, "diarize", *recordings, "--model", model, "--format", "json")
    for entry, name, answer in zip(json.loads(out), recordings, answers):
        assert list(entry) == ["file", "duration", "segments"]
        assert (entry["file"], entry["duration"]) == (name, pytest.approx(answer["duration"], abs=1e-4))
        assert entry["segments"] == [
            {"start": round(one["start"], 4), "end": round(one["end"], 4), "speaker": one["speaker"]}
            for one in answer["segments"]
        ]


def test_rttm_of_several_recordings_in_one_file(capsys, model, recordings, answers, tmp_path):
    target = tmp_path / "all.rttm"
    argv = [*recordings[:2], "missing/a.wav", recordings[2], "--model", model, "--format", "rttm", "--output", target]
    assert run(capsys, "diarize", *argv)[0] == 1
    expected = {
        name: [
            Segment(pytest.approx(one["start"]), pytest.approx(one["end"]), one["speaker"].replace(" ", "_"))
            for one in answer["segments"]
        ]
        for name, answer in zip(["a", "my_talk", "a-3"], answers)  # a-2 is the one that is missing
    }
    assert from_rttm(target.read_text()) == expected


def test_timeline(capsys, model, recordings):
    _, out, _ = run(capsys, "diarize", recordings[0], "--model", model, "--format", "timeline")
    *speakers, times = out.splitlines()
    assert {line.partition("  |")[0].strip() for line in speakers} <= set(NAMES.values())
    assert "#" in out
    assert times.split() == ["0.00", "s", "1.00", "s"]
    _, out, _ = run(capsys, "diarize", *recordings, "--model", model, "--format", "timeline")
    assert [line[:-1] for line in out.splitlines() if line.endswith(":")] == recordings


def test_settings(capsys, model, recordings):
    settings = {"threshold": 0.4, "min_duration": 0.06, "max_gap": 0.0}
    expected = pipeline("speaker-diarization", model=model)(recordings[0], **settings, function_to_apply="softmax")
    argv = ["--threshold", 0.4, "--min-duration", 0.06, "--max-gap", 0, "--function", "softmax"]
    _, out, _ = run(capsys, "diarize", recordings[0], "--model", model, *argv)
    assert len(out.splitlines()) == len(expected["segments"])
    _, unsmoothed, _ = run(capsys, "diarize", recordings[0], "--model", model)
    assert out != unsmoothed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threshold", "1.5"], "'1.5' is not a number from 0 to 1"),
        (["--min-duration=-1"], "'-1' is not a number of at least 0"),
        (["--max-gap", "inf"], "'inf' is not a number of at least 0"),
    ],
)
def test_wrong_settings(capsys, options, message):
    status, _, err = run(capsys, "diarize", "a.wav", "--model", "m", *options)
    assert status == 2
    assert message in err


def test_a_drawn_timeline():
    segments = [
        {"start": 0.0, "end": 1.0, "speaker": "ANNA"},
        {"start": 0.5, "end": 0.6, "speaker": "BO"},
        {"start": 1.9, "end": 2.0, "speaker": "ANNA"},
    ]
    assert draw_timeline(segments, 2.0, columns=20) == (
        "ANNA  |##########         #|\nBO    |     #              |\n       0.00 s        2.00 s\n"
    )
    assert draw_timeline([], 2.0) == "nobody speaks in these 2.00 s\n"
