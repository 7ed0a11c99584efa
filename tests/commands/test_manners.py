"""What classify, embed and diarize have in common with transcribe: order, folders, failures, exit statuses."""

import shutil

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint

from npconformer.pipelines import EMBEDDED_DIGITS

HEADS = {"classify": "ForSequenceClassification", "embed": "ForXVector", "diarize": "ForAudioFrameClassification"}


@pytest.fixture(scope="module", params=list(HEADS))
def command(request):
    return request.param


@pytest.fixture(scope="module", params=MODELS)
def model(request, command, tmp_path_factory):
    return save_checkpoint(HEADS[command], tmp_path_factory.mktemp(command), request.param, num_labels=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three recordings and a text; sorted by path they are a.wav, b.flac, sub/c.ogg."""
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "sub").mkdir()
    for name, waveform in zip(["b.flac", "a.wav", "sub/c.ogg"], make_waveforms([16000, 7000, 12000])):
        soundfile.write(folder / name, waveform, 16000)
    (folder / "notes.txt").write_text("not a recording")
    return folder


@pytest.fixture(scope="module")
def recordings(folder):
    return [str(folder / name) for name in ("b.flac", "a.wav", "sub/c.ogg")]


def names_in(out):
    """The files of a JSON array, one object on each line."""
    return [line.split('"')[3] for line in out.splitlines() if line.startswith("{")]


def test_results_come_in_the_order_given(capsys, command, model, recordings):
    status, out, err = run(capsys, command, *recordings, "--model", model, "--format", "json")
    assert (status, err) == (0, "")
    assert names_in(out) == recordings


def test_a_folder_stands_for_its_recordings(capsys, command, model, folder, recordings):
    status, out, _ = run(capsys, command, folder, "--model", model, "--format", "json", "--batch-size", 3)
    assert status == 0
    assert names_in(out) == [recordings[1], recordings[0], recordings[2]]


def test_a_folder_without_recordings_is_named(capsys, command, model, recordings, tmp_path):
    status, out, err = run(capsys, command, tmp_path, recordings[0], "--model", model, "--format", "json")
    assert (status, names_in(out)) == (1, recordings[:1])
    assert f"{tmp_path}: no recordings in this folder" in err


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty (0 bytes)"),
        (b"I am not a recording.", "cannot be read as audio"),
        (None, "no such file"),
        (np.zeros(319), "319 samples at 16000 Hz are too short"),
        (np.full(8000, np.nan, np.float32), "NaN or infinite"),
    ],
)
def test_a_bad_recording_does_not_stop_the_others(
    capsys, command, model, recordings, tmp_path, content, message, batch_size
):
    bad = tmp_path / "bad.wav"
    if isinstance(content, bytes):
        bad.write_bytes(content)
    elif content is not None:
        soundfile.write(bad, content, 16000, subtype="FLOAT")
    argv = [recordings[0], bad, recordings[1], "--model", model, "--format", "json", "--batch-size", batch_size]
    status, out, err = run(capsys, command, *argv)
    assert status == 1
    assert names_in(out) == [recordings[0], str(bad), recordings[1]]
    assert [line for line in out.splitlines() if '"error": ' in line] == [out.splitlines()[2]]
    (complaint,) = err.splitlines()
    assert complaint.startswith("npconformer: ")
    assert complaint.count("bad.wav") == 1
    assert message in complaint


def test_output_goes_to_a_file_whole(capsys, command, model, recordings, tmp_path):
    argv = [*recordings, "--model", model, "--format", "json"]
    _, expected, _ = run(capsys, command, *argv)
    target = tmp_path / "out.json"
    assert run(capsys, command, *argv, "--output", target) == (0, "", "")
    assert target.read_text() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_help_teaches(capsys, command):
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    for option in ("--model", "--format", "--device", "--batch-size", "--output"):
        assert option in out
    assert out.count(f"\n  npconformer {command} ") >= 3
    assert "None comes with the package" in out
    assert "exit status: 0" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--model PATH is needed: the package comes with a recogniser of spoken digits"),
        (["--model", "no-such-folder"], "no-such-folder"),
        (["--model", EMBEDDED_DIGITS], "holds a Wav2Vec2ConformerForCTC; a Wav2Vec2ConformerFor"),
        (["--model", "m", "--batch-size", "0"], "'0' is not a whole number of at least 1"),
        (["--model", "m", "--format", "docx"], "invalid choice: 'docx'"),
        (["--model", "m", "--device", "tpu"], "invalid choice: 'tpu'"),
        (["--model", "m", "--output", "no-such-folder/out.json"], "there is no folder no-such-folder"),
        (["--model", "m", "--output", "a.json", "--output-dir", "b"], "are two places: leave one away"),
        (["--model", "m", "--output", "a.srt"], "writes no .srt, but "),
        (["--model", "m", "--output", "a.json", "--format", "jsonl"], "is of the format json, and --format says jsonl"),
        (["--model", "m", "--output", "a.json", "--format", "all"], "do not fit into a.json: give a folder"),
        (["--model", "m", "--format", "json,jsonl"], "json and jsonl do not fit into standard output"),
        (["--model", "m", "--skip-existing"], "--skip-existing goes on with files"),
        (["--model", "m", "--skip-existing", "--output", "-"], "--skip-existing goes on with files"),
        (["--model", "m", "--quiet", "--verbose"], "not allowed with argument"),
    ],
)
def test_what_prevents_the_start(capsys, command, options, message):
    status, out, err = run(capsys, command, "any.wav", *options)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_checkpoint_without_its_feature_extractor(capsys, command, model, tmp_path):
    shutil.copytree(model, tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "preprocessor_config.json").unlink()
    status, _, err = run(capsys, command, "any.wav", "--model", tmp_path / "checkpoint")
    assert status == 2
    assert "has no feature extractor" in err


def test_no_audio_named(capsys, command):
    assert run(capsys, command, "--model", "m")[0] == 2
