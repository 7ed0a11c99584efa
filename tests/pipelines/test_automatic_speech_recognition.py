"""The pipeline: every kind of input, the same text whatever the batch size, times, and errors that name the culprit."""

import json
import shutil
import warnings

import numpy as np
import pytest
import soundfile

import npconformer
from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC
from npconformer.audio.files import read_audio, resample
from npconformer.commands.demo import RECORDING
from npconformer.pipelines import EMBEDDED_DIGITS, AutomaticSpeechRecognitionPipeline, pipeline

DEMO_TEXT = "THREE ONE FOUR ONE FIVE NINE TWO SIX"


@pytest.fixture(scope="module")
def recognise():
    return pipeline("automatic-speech-recognition")


@pytest.fixture(scope="module")
def demo():
    return read_audio(RECORDING, 16000)


@pytest.fixture(scope="module")
def pieces(demo):
    """Seven stretches of the demo, of seven lengths, not sorted."""
    lengths = [30_000, 9_000, 52_345, 900, 17_001, 54_000, 12_321]
    return [demo[start : start + length] for start, length in zip(range(0, 7000, 1000), lengths)]


def test_a_path_an_array_and_dicts_give_the_same_text(recognise, demo):
    for recording in (
        RECORDING,
        str(RECORDING),
        demo,
        demo.astype(np.float64),
        demo[None],
        np.stack([demo, demo]),
        {"array": demo, "sampling_rate": 16000},
        {"raw": demo, "sampling_rate": 16000},
        {"path": "from a data set", "array": demo, "sampling_rate": 16000},
    ):
        assert recognise(recording) == {"text": DEMO_TEXT}


def with_vocabulary(tmp_path, **changes):
    """The embedded checkpoint's tokenizer with tokens added, or taken away for None."""
    vocabulary = {**json.loads((EMBEDDED_DIGITS / "vocab.json").read_text()), **changes}
    shutil.copytree(EMBEDDED_DIGITS, tmp_path / "checkpoint")
    text = json.dumps({token: index for token, index in vocabulary.items() if index is not None})
    (tmp_path / "checkpoint" / "vocab.json").write_text(text)
    return tmp_path / "checkpoint"


def test_a_vocabulary_that_is_too_small(tmp_path):
    folder = with_vocabulary(tmp_path, Z=None, X=None)
    with pytest.raises(ValueError, match=r"20 classes .*and none for 2 of them, such as \d+: use the tokenizer, with"):
        pipeline(model=folder)
    loaded = Wav2Vec2ConformerForCTC.from_pretrained(EMBEDDED_DIGITS)
    with pytest.raises(ValueError, match="and none for 2 of them"):
        pipeline(model=loaded, processor=folder)


def test_a_vocabulary_that_is_too_large(tmp_path):
    folder = with_vocabulary(tmp_path, **{"Ä": 20, "Ö": 21})
    with pytest.raises(ValueError, match=r"has 22 tokens, and 2 of them, such as 'Ä', are no class: use the tokenizer"):
        pipeline(model=folder)


def test_special_tokens_may_lie_beyond_the_classes(tmp_path, demo):
    settings = json.loads((EMBEDDED_DIGITS / "tokenizer_config.json").read_text())
    folder = with_vocabulary(tmp_path)
    settings["mask_token"] = "<mask>"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    recognise = pipeline(model=folder)
    assert len(recognise.processor.tokenizer) == 21
    assert recognise(demo)["text"] == DEMO_TEXT


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite(demo, value):
    model = Wav2Vec2ConformerForCTC.from_pretrained(EMBEDDED_DIGITS)
    bias = np.array(model.lm_head.bias.data)
    bias[7] = value
    model.lm_head.bias.data = bias
    recognise = pipeline(model=model, processor=EMBEDDED_DIGITS)
    with pytest.raises(ValueError, match=r"output is NaN or infinite in 188 of 188 frames: .*damaged.*dtype"):
        recognise(demo)
    results = list(recognise.stream([str(RECORDING), demo], return_errors=True, batch_size=2))
    assert [str(error).partition(": the model's output")[0] for error in results] == [str(RECORDING), "inputs[1]"]


def test_other_rates_are_resampled_when_they_are_said(recognise, demo):
    at_22k = resample(demo, 16000, 22050)
    assert recognise({"array": at_22k, "sampling_rate": 22050})["text"] == DEMO_TEXT
    assert recognise(at_22k, sampling_rate=22050)["text"] == DEMO_TEXT


def test_a_bare_array_is_taken_at_the_models_rate_without_a_warning(recognise, demo):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recognise(demo)


def test_lists_tuples_and_iterators_keep_their_order(recognise, pieces):
    alone = [recognise(piece) for piece in pieces]
    assert recognise(pieces) == alone
    assert recognise(tuple(pieces)) == alone
    streamed = recognise(iter(pieces))
    assert next(streamed) == alone[0]
    assert list(streamed) == alone[1:]
    assert recognise([]) == []


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 50])
def test_the_batch_size_changes_nothing(recognise, pieces, batch_size):
    expected = [recognise(piece, return_timestamps="char") for piece in pieces]
    assert recognise(pieces, batch_size=batch_size, return_timestamps="char") == expected


def test_padded_batches_give_the_logits_of_each_utterance_alone(recognise, pieces):
    waveforms = sorted(pieces, key=len)
    features = recognise.processor(waveforms, sampling_rate=16000, padding=True, return_tensors="np")
    with npconformer.no_grad():
        together = recognise.model(**features, padding_mode="exact").logits.numpy()
        for row, waveform in zip(together, waveforms):
            single = recognise.processor(waveform, sampling_rate=16000, return_tensors="np")
            alone = recognise.model(single["input_values"], padding_mode="exact").logits.numpy()[0]
            np.testing.assert_allclose(row[: len(alone)], alone, rtol=0, atol=2e-4)


def test_without_a_mask_only_recordings_of_one_length_share_a_batch(recognise):
    extractor = recognise.processor.feature_extractor
    lengths = {0: 900, 1: 500, 2: 900, 3: 700}
    assert recognise._batches(lengths, 4) == [[1, 3, 0, 2]]
    extractor.return_attention_mask = False
    try:
        assert recognise._batches(lengths, 4) == [[1], [3], [0, 2]]
        assert recognise._batches(lengths, 1) == [[1], [3], [0], [2]]
    finally:
        extractor.return_attention_mask = True


def test_only_a_few_batches_are_read_ahead(recognise, demo):
    read = []

    def recordings():
        for i in range(100):
            read.append(i)
            yield demo[:2000]

    next(recognise.stream(recordings(), batch_size=1))
    assert len(read) == 1
    read.clear()
    next(recognise.stream(recordings(), batch_size=2))
    assert len(read) == 8


def test_word_times_lie_in_the_recording_and_in_order(recognise, demo):
    result = recognise(demo, return_timestamps="word")
    assert [chunk["text"] for chunk in result["chunks"]] == DEMO_TEXT.split()
    times = [time for chunk in result["chunks"] for time in chunk["timestamp"]]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= len(demo) / 16000


def test_character_times_are_multiples_of_a_frame(recognise, demo):
    result = recognise(demo, return_timestamps="char")
    assert "".join(chunk["text"] for chunk in result["chunks"]).strip() == DEMO_TEXT
    starts = np.array([chunk["timestamp"][0] for chunk in result["chunks"]])
    np.testing.assert_allclose(starts / 0.02, np.round(starts / 0.02), atol=1e-9)


def test_times_count_the_adapters_strides(recognise):
    config = Wav2Vec2ConformerConfig.from_dict(recognise.model.config.to_dict(), add_adapter=True)
    adapted = AutomaticSpeechRecognitionPipeline(Wav2Vec2ConformerForCTC(config), processor=recognise.processor)
    assert recognise.seconds_per_frame == 0.02
    assert adapted.seconds_per_frame == 0.02 * config.adapter_stride**config.num_adapter_layers


def test_a_loaded_model_with_its_processor_or_its_two_parts(recognise, demo):
    model, processor = recognise.model, recognise.processor
    parts = {"tokenizer": processor.tokenizer, "feature_extractor": processor.feature_extractor}
    for given in ({"processor": processor}, {"processor": EMBEDDED_DIGITS}, parts):
        assert pipeline("automatic-speech-recognition", model=model, **given)(demo)["text"] == DEMO_TEXT


def test_dtype_and_device_are_passed_on(demo):
    double = pipeline("automatic-speech-recognition", model=EMBEDDED_DIGITS, dtype="float64", device="cpu")
    assert {parameter.dtype for parameter in double.model.parameters()} == {np.dtype("float64")}
    assert double(demo)["text"] == DEMO_TEXT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"task": "text-to-speech"},
            "task='text-to-speech' is not known; known tasks: audio-classification, automatic",
        ),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, got 2.5"),
        ({"model": object()}, "a loaded model needs processor="),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        pipeline(**arguments)


def test_a_folder_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="no-such-checkpoint"):
        pipeline("automatic-speech-recognition", model="no-such-checkpoint")


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (np.zeros(0, np.float32), "holds no samples"),
        (np.full(1000, np.nan, np.float32), "1000 NaN or infinite samples"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (np.zeros((1000, 2)), r"read as \(channels, samples\)"),
        (np.zeros(859), "859 samples at 16000 Hz are too short: the model needs 860"),
        (np.zeros(1000, complex), "real numbers"),
        ({"array": np.zeros(1000)}, 'needs "array" .* and "sampling_rate"'),
        ({"array": np.zeros(1000), "sampling_rate": -8000}, "sampling_rate must be a positive number"),
        ({"array": np.zeros(1000), "sampling_rate": "16k"}, "sampling_rate must be a positive number"),
        (None, "got NoneType"),
        (b"RIFF", "the recording's bytes cannot be read as audio"),
        (b"", "no bytes"),
    ],
)
def test_bad_recordings(recognise, recording, message):
    with pytest.raises(ValueError, match=message):
        recognise(recording)
    with pytest.raises(ValueError, match=r"inputs\[1\]: .*" + message):
        recognise([np.zeros(900, np.float32), recording])


def test_a_short_file_is_named(recognise, tmp_path):
    soundfile.write(tmp_path / "click.wav", np.zeros(100), 16000)
    with pytest.raises(ValueError, match=r"click\.wav: 100 samples .* too short"):
        recognise(tmp_path / "click.wav")


def test_a_wrong_return_timestamps_is_refused_before_anything_is_read(recognise):
    with pytest.raises(ValueError, match='return_timestamps must be None, "char" or "word", got True'):
        recognise("no such file", return_timestamps=True)


def test_errors_can_be_returned_in_place(recognise, demo):
    results = list(recognise.stream([demo, np.zeros(5), demo], batch_size=2, return_errors=True))
    assert [results[0], results[2]] == [{"text": DEMO_TEXT}] * 2
    assert isinstance(results[1], ValueError)


# ---- confidence


@pytest.mark.parametrize("chunks", [{}, {"chunk_length_s": 2.0}])
def test_confidence_of_words_letters_and_the_whole(chunks):

    recognise = pipeline("automatic-speech-recognition", model=EMBEDDED_DIGITS, **chunks)
    plain = recognise(str(RECORDING), return_timestamps="word")
    rated = recognise(str(RECORDING), return_timestamps="word", return_confidence=True)
    sure = [chunk.pop("confidence") for chunk in rated["chunks"]]
    assert rated.pop("confidence") == pytest.approx(np.mean(sure))
    assert rated == plain
    assert recognise(str(RECORDING), return_confidence=True).keys() == {"text", "confidence"}
    letters = recognise(str(RECORDING), return_timestamps="char", return_confidence=True)["chunks"]
    spelled, of_letters = "", []
    for letter in letters:  # the product over a word's letters is that of the word
        spelled += letter["text"]
        of_letters.append(1.0 if letter["confidence"] is None else letter["confidence"])
    words, at = [], 0
    for word in spelled.split(" "):
        words.append(np.prod(of_letters[at : at + len(word)]))
        at += len(word) + 1
    np.testing.assert_allclose(words, sure, rtol=1e-5)
    if not chunks:  # from the logits, one by one
        logits = recognise.logits_of(str(RECORDING))[1].astype(np.float64)
        best = np.exp(logits.max(-1)) / np.exp(logits).sum(-1)
        assert min(of_letters) >= best.min() and max(sure) <= best.max()


def test_confidence_of_silence_and_of_the_steps():

    recognise = pipeline("automatic-speech-recognition", model=EMBEDDED_DIGITS)
    silence = recognise(np.zeros(16000, np.float32), return_confidence=True, return_timestamps="word")
    assert silence == {"text": "", "confidence": None, "chunks": []}
    steps = [recognise.forward(one) for one in recognise.preprocess(str(RECORDING))]
    assert steps[0]["tokens"].dtype == np.int64
    assert recognise.postprocess(steps, return_confidence=True) == recognise(str(RECORDING), return_confidence=True)
    with pytest.raises(ValueError, match="return_confidence must be True or False, got 'yes'"):
        recognise(str(RECORDING), return_confidence="yes")
