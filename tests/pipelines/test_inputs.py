"""What pipelines take: dicts with a stride and further entries, bytes, open files, datasets; and what they refuse."""

import io

import numpy as np
import pytest
import soundfile
from tiny_checkpoints import make_waveforms, save_checkpoint, save_recogniser

import npconformer
from npconformer.arrays.backend import BackendError
from npconformer.pipelines.inputs import load_recording, several

RATE = 16000


@pytest.fixture(scope="module")
def recognise(tmp_path_factory):
    return npconformer.pipeline("automatic-speech-recognition", save_recogniser(tmp_path_factory.mktemp("asr")))


@pytest.fixture(scope="module")
def waveform():
    return make_waveforms([8000])[0]


@pytest.fixture
def file(tmp_path, waveform):
    soundfile.write(tmp_path / "x.wav", waveform, RATE, "FLOAT")
    return tmp_path / "x.wav"


def test_bytes_and_open_files_are_one_recording(recognise, waveform, file):
    text = recognise(waveform)
    content = file.read_bytes()
    for recording in (content, bytearray(content), io.BytesIO(content), [content]):
        assert recognise(recording) in (text, [text])
    with open(file, "rb") as open_file:
        assert recognise(open_file) == text
        with pytest.raises(ValueError, match=r"x\.wav: no bytes are left"):
            recognise(open_file)


def test_a_file_that_is_open_for_text(recognise, tmp_path):
    (tmp_path / "a.txt").write_text("words")
    with open(tmp_path / "a.txt") as open_file, pytest.raises(ValueError, match=r'a\.txt is open .* mode "rb"'):
        recognise(open_file)


def test_a_stride_cuts_frames_from_both_sides(recognise, waveform):
    whole = recognise.logits_of(waveform)[1]  # (T, V): 25 frames of 320 samples
    given = {"raw": waveform, "sampling_rate": RATE, "stride": (1600, 960)}
    assert recognise(given)["text"] == recognise.decode(whole[5:22])["text"] != recognise.decode(whole)["text"]
    assert recognise([given, given], batch_size=2) == [recognise(given)] * 2
    assert recognise({**given, "stride": (8000, 0)})["text"] == ""


def test_a_stride_is_in_the_recordings_own_samples():
    loaded = load_recording({"array": np.zeros(8000, np.float32), "sampling_rate": 8000, "stride": (100, 50)}, RATE)
    assert len(loaded.waveform) == 16000
    assert loaded.stride == (200, 100)


@pytest.mark.parametrize("stride", [(8001, 0), (4000, 4001), (-1, 0), 5, (1.5, 2), (1, 2, 3)])
def test_strides_that_are_none(recognise, waveform, stride):
    with pytest.raises(ValueError, match="stride"):
        recognise({"raw": waveform, "sampling_rate": RATE, "stride": stride})


def test_a_stride_of_what_is_cut_into_chunks(recognise, waveform):
    with pytest.raises(ValueError, match="leave chunk_length_s out"):
        recognise({"raw": waveform, "sampling_rate": RATE, "stride": (10, 0)}, chunk_length_s=0.2)


@pytest.mark.parametrize("options", [{}, {"chunk_length_s": 0.2}])
def test_further_entries_come_back_and_the_dict_is_left_as_it_is(recognise, waveform, options):
    given = {"array": waveform, "sampling_rate": RATE, "path": "x.wav", "id": 7, "text": "WHAT WAS READ"}
    before = dict(given)
    result = recognise(given, **options)
    assert result == {**recognise(waveform, **options), "id": [7]}
    assert given == before


def test_datasets_give_iterators(recognise, waveform):
    class Endless:
        """Not an Iterable; and an index beyond its length would be one recording more."""

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return waveform

    results = recognise(Endless())
    assert next(results) == recognise(waveform)
    assert len(list(results)) == 1
    assert several(waveform) is several(b"") is several(io.BytesIO()) is several({}) is several("a.wav") is None


def test_steps_make_a_call(recognise, waveform):
    for options in ({}, {"chunk_length_s": 0.2}):
        outputs = [recognise.forward(one) for one in recognise.preprocess(waveform, **options)]
        assert [one["is_last"] for one in outputs] == [False] * (len(outputs) - 1) + [True]
        assert recognise.postprocess(outputs, return_timestamps="char") == recognise(
            waveform, return_timestamps="char", **options
        )
    assert len(outputs) > 1


@pytest.mark.parametrize("head", ["ForSequenceClassification", "ForAudioFrameClassification", "ForXVector"])
def test_steps_of_the_other_tasks(tmp_path, waveform, head):
    task = {"S": "audio-classification", "A": "speaker-diarization", "X": "speaker-embedding"}[head[3]]
    pipe = npconformer.pipeline(task, save_checkpoint(head, tmp_path))
    inputs = pipe.preprocess(waveform)
    outputs = pipe.forward(inputs) if not hasattr(inputs, "send") else [pipe.forward(one) for one in inputs]
    np.testing.assert_equal(pipe.postprocess(outputs), pipe(waveform))


def test_features(tmp_path, waveform):
    folder = save_recogniser(tmp_path)
    pipe = npconformer.pipeline("feature-extraction", folder)
    model, extract = npconformer.AutoModel.from_pretrained(folder), pipe.feature_extractor
    with npconformer.no_grad():
        expected = model(**extract(waveform, sampling_rate=RATE, return_tensors="np")).last_hidden_state.numpy()
    given = pipe(waveform, return_tensors=True)
    np.testing.assert_allclose(given, expected, atol=1e-6)
    assert pipe(waveform) == given.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"framework": "tf"}, "framework"),
        ({"decoder": object()}, "language model"),
        ({"generate_kwargs": {"language": "en"}}, "generates nothing"),
        ({"binary_output": True}, "Python objects"),
        ({"dtype": "float64", "torch_dtype": "float32"}, "same argument"),
        ({"device": "tpu"}, "device='tpu' is not known"),
        ({"device": 1}, "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_what_would_change_a_result_and_cannot(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        npconformer.pipeline(model=save_recogniser(tmp_path), **options)


def test_arguments_about_loading_beside_a_loaded_model(recognise):
    for options in ({"config": recognise.model.config}, {"model_kwargs": {"allow_missing": True}}):
        with pytest.raises(ValueError, match="model is a loaded one"):
            npconformer.pipeline(model=recognise.model, processor=recognise.processor, **options)


def test_a_gpu_that_is_not_there(recognise, monkeypatch):
    def no_gpu(name):
        raise BackendError("no GPU here.")

    monkeypatch.setattr("npconformer.arrays.device.get_backend", no_gpu)
    with pytest.raises(BackendError, match="device=-1"):
        npconformer.pipeline(model=recognise.model, processor=recognise.processor, device=0)


def test_a_saved_pipeline_holds_no_secret(tmp_path, waveform):
    pipe = npconformer.pipeline(model=save_recogniser(tmp_path / "a"), token="SECRET", cache_dir="SECRET-folder")
    pipe.save_pretrained(tmp_path / "b")
    assert not [path.name for path in (tmp_path / "b").iterdir() if b"SECRET" in path.read_bytes()]
    assert npconformer.pipeline(model=tmp_path / "b")(waveform) == pipe(waveform)
    with pytest.raises(ValueError, match="uploads nothing"):
        pipe.save_pretrained(tmp_path / "c", push_to_hub=True)
