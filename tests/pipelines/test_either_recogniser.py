"""Small recognisers of both models through the same pipeline: batches, adapters, times, folders in both layouts."""

import itertools
import json

import numpy as np
import pytest
from tiny_checkpoints import (
    KINDS,
    MODELS,
    SHORTEST,
    VOCABULARY,
    cut_to_whole_rows,
    lay_out_as_in_4,
    make_extractor,
    make_local_extractor,
    make_waveforms,
    save_checkpoint,
    save_recogniser,
    silence_attention,
)

from npconformer import (
    AutoModelForCTC,
    AutoProcessor,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertProcessor,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Processor,
    no_grad,
    pipeline,
)

LENGTHS = [9000, 16000, 12345, 9000, 5000, 13_001]
ADAPTERS = {
    "none": {},
    "usual": {"add_adapter": True, "num_adapter_layers": 1},
    "two": {"add_adapter": True, "num_adapter_layers": 2},
    "unusual": {"add_adapter": True, "num_adapter_layers": 1, "adapter_kernel_size": 5, "adapter_stride": 2},
}


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    return save_recogniser(tmp_path_factory.mktemp(kind), kind)


@pytest.fixture(scope="module")
def recognise(folder):
    return pipeline("automatic-speech-recognition", model=folder)


@pytest.fixture(scope="module")
def waveforms():
    return make_waveforms(LENGTHS, seed=4)


def text_of(recognise, waveform):
    """What the processor reads from the logits of the model, of one recording that is not padded."""
    processor, model = recognise.processor, recognise.model
    features = processor(waveform[None], sampling_rate=16000, padding=False, return_tensors="np")
    with no_grad():
        return processor.batch_decode(model(**features).logits.numpy())[0]


# ---- batches


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("each", KINDS)
def test_the_batch_size_changes_nothing(tmp_path, waveforms, each, adapter):
    recognise = pipeline(model=save_recogniser(tmp_path, each, **ADAPTERS[adapter]))
    alone = [recognise(waveform, return_timestamps="char") for waveform in waveforms]
    assert [answer["text"] for answer in alone] == [text_of(recognise, waveform) for waveform in waveforms]
    assert sum(len(answer["chunks"]) for answer in alone) > 20 and len({answer["text"] for answer in alone}) == 6
    for batch_size in (2, 6):
        assert recognise(waveforms, batch_size=batch_size, return_timestamps="char") == alone


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_logits_of_a_padded_batch_are_those_of_each_alone(tmp_path, kind, waveforms, adapter):
    recognise = pipeline(model=save_recogniser(tmp_path, kind, **ADAPTERS[adapter]), dtype="float64")
    together = recognise.run_model(waveforms).logits.numpy()
    for logits, waveform in zip(together, waveforms):
        alone = recognise.run_model([waveform]).logits.numpy()[0]
        assert len(alone) == recognise.clock.frames(len(waveform))
        np.testing.assert_allclose(logits[: len(alone)], alone, rtol=0, atol=1e-9)


def test_a_recording_of_one_frame(recognise, kind):
    shortest = make_waveforms([SHORTEST[kind]], seed=8)[0]
    assert recognise.shortest == len(shortest)
    answer = recognise(shortest, return_timestamps="char")
    assert [chunk["timestamp"] for chunk in answer["chunks"]] in ([], [(0.0, 0.02)])
    assert recognise([shortest, *make_waveforms([9000])], batch_size=2, return_timestamps="char")[0] == answer
    for chunk_length_s in (0.05, 1.0):
        assert recognise(shortest, return_timestamps="char", chunk_length_s=chunk_length_s) == answer
    message = f"{len(shortest) - 1} samples at 16000 Hz are too short: the model needs {len(shortest)}"
    for options in ({}, {"chunk_length_s": 1.0}):
        with pytest.raises(ValueError, match=message):
            recognise(shortest[1:], **options)


@pytest.mark.parametrize(("mask", "side"), [(True, "right"), (False, "right"), (True, "left")])
def test_recordings_share_a_batch_only_where_a_mask_tells_padding(recognise, kind, mask, side, waveforms):
    extractor = make_extractor(kind, return_attention_mask=mask, padding_side=side)
    other = pipeline(model=recognise.model, feature_extractor=extractor, tokenizer=Wav2Vec2CTCTokenizer(VOCABULARY))
    batches = other._batches(dict(enumerate(LENGTHS)), 6)
    assert batches == ([[4, 0, 3, 2, 5, 1]] if mask and side == "right" else [[4], [0, 3], [2], [5], [1]])
    assert other(waveforms, batch_size=6) == other(waveforms)


# ---- times


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_times(tmp_path, kind, waveforms, adapter):
    """Letters are as long as their frames, and those of a word follow one another in it."""
    recognise = pipeline(model=save_recogniser(tmp_path, kind, **ADAPTERS[adapter]))
    step = 0.02 * 2 ** ADAPTERS[adapter].get("num_adapter_layers", 0)
    assert recognise.seconds_per_frame == pytest.approx(step)
    for waveform in waveforms:
        ids = np.argmax(recognise.logits_of(waveform)[1], axis=-1)
        runs = [(key, len(list(group))) for key, group in itertools.groupby(ids.tolist())]
        ends = np.cumsum([length for _, length in runs])
        tokens = list(VOCABULARY)
        expected = [
            (" " if tokens[key] == "|" else tokens[key], ((end - length) * step, end * step))
            for (key, length), end in zip(runs, ends)
            if key != VOCABULARY["<pad>"]
        ]
        letters = recognise(waveform, return_timestamps="char")["chunks"]
        assert [letter["text"] for letter in letters] == [text for text, _ in expected]
        times = [letter["timestamp"] for letter in letters]
        np.testing.assert_allclose(times, [time for _, time in expected], rtol=0, atol=1e-9)
        assert ends[-1] * step <= len(waveform) / 16000 + step
        words = recognise(waveform, return_timestamps="word")["chunks"]
        starts, before = [], " "
        for text, (start, _) in expected:
            if text != " " == before:
                starts.append(start)
            before = text
        np.testing.assert_allclose([word["timestamp"][0] for word in words], starts, rtol=0, atol=1e-9)


def test_logits_and_an_answer_from_one_run(recognise, waveforms):
    for options in ({}, {"return_timestamps": "word"}):
        waveform, logits = recognise.logits_of(waveforms[0])
        np.testing.assert_array_equal(waveform, waveforms[0])
        assert recognise.decode(logits, **options) == recognise(waveforms[0], **options)
    logits[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"output is NaN or infinite in 1 of \d+ frames"):
        recognise.decode(logits)
    with pytest.raises(ValueError, match="return_timestamps must be"):
        recognise.decode(logits, return_timestamps="letter")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_chunks_give_the_text_and_the_times_of_the_whole(tmp_path, kind, adapter):
    """Where a frame sees no further than the strides: with attention that adds nothing, and no normalisation."""
    model = AutoModelForCTC.from_pretrained(save_recogniser(tmp_path, kind, **ADAPTERS[adapter]))
    silence_attention(model)
    tokenizer = Wav2Vec2CTCTokenizer(VOCABULARY)
    recognise = pipeline(model=model, feature_extractor=make_local_extractor(kind), tokenizer=tokenizer)
    (waveform,) = make_waveforms([100_000], seed=6)
    whole = recognise(waveform, return_timestamps="char")
    assert len(whole["chunks"]) > 10
    for chunks in ({"chunk_length_s": 2.0, "stride_length_s": 0.64}, {"chunk_length_s": 3.0}):
        assert recognise(waveform, return_timestamps="char", batch_size=2, **chunks) == whole


# ---- folders and parts


def test_both_layouts(tmp_path, kind, recognise, waveforms):
    folder = save_recogniser(tmp_path, kind)
    settings = json.loads((folder / "processor_config.json").read_text())
    assert settings["processor_class"] == {"layer": "Wav2Vec2Processor", "bert": "Wav2Vec2BertProcessor"}[kind]
    expected = recognise(waveforms)
    assert pipeline(model=folder)(waveforms, batch_size=3) == expected
    lay_out_as_in_4(folder)
    assert not (folder / "processor_config.json").exists()
    old = pipeline(model=folder)
    assert type(old.processor) is Wav2Vec2Processor
    extractor = {"layer": Wav2Vec2FeatureExtractor, "bert": SeamlessM4TFeatureExtractor}[kind]
    assert type(old.feature_extractor) is type(old.processor.feature_extractor) is extractor
    assert old.feature_extractor.padding_value == make_extractor(kind).padding_value
    assert old(waveforms, batch_size=3) == expected


def test_a_processor_of_its_parts(tmp_path, kind, folder, recognise, waveforms):
    """Loaded, as folders, or mixed; the missing one comes from the model's folder, which need not have the other."""
    expected = recognise(waveforms[0])
    tokenizer, extractor = Wav2Vec2CTCTokenizer(VOCABULARY), make_extractor(kind)
    without_tokenizer = save_checkpoint("ForCTC", tmp_path, kind)
    for options in (
        {"model": recognise.model, "tokenizer": tokenizer, "feature_extractor": extractor},
        {"model": recognise.model, "tokenizer": folder, "feature_extractor": str(folder)},
        {"model": recognise.model, "processor": folder},
        {"model": folder, "tokenizer": tokenizer},
        {"model": folder, "feature_extractor": extractor},
        {"model": folder, "processor": AutoProcessor.from_pretrained(folder)},
        {"model": without_tokenizer, "tokenizer": tokenizer},
        {"model": without_tokenizer, "processor": folder},
    ):
        again = pipeline(**options)
        assert again(waveforms[0]) == expected
        assert type(again.processor) is {"layer": Wav2Vec2Processor, "bert": Wav2Vec2BertProcessor}[kind]
    with pytest.raises(FileNotFoundError, match=r"vocab\.json"):
        pipeline(model=without_tokenizer)
    for options in ({}, {"tokenizer": tokenizer}, {"feature_extractor": extractor}):
        with pytest.raises(ValueError, match="a loaded model needs processor=, or tokenizer= and feature_extractor="):
            pipeline(model=recognise.model, **options)


def test_a_processor_of_the_other_model(tmp_path, kind, recognise):
    (other,) = set(MODELS) - {kind}
    with pytest.raises(ValueError, match=r"feature_extractor: a \w+ gives input_\w+, and a \w+ForCTC takes input_"):
        pipeline(model=recognise.model, processor=save_recogniser(tmp_path, other))


def test_a_checkpoint_whose_extractor_has_no_type(tmp_path):
    """Is read as the Conformer's, as in the reference, and the message says so."""
    folder = lay_out_as_in_4(save_recogniser(tmp_path, "bert"))
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    del settings["feature_extractor_type"]
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"names no feature_extractor_type, so it is read as a Wav2Vec2FeatureExtrac"):
        pipeline(model=folder)


# ---- beside transformers


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("old_layout", [False, True])
def test_as_in_transformers(tmp_path, kind, waveforms, adapter, old_layout):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = save_recogniser(tmp_path, kind, **ADAPTERS[adapter])
    if old_layout:
        lay_out_as_in_4(folder)
    theirs = transformers.pipeline("automatic-speech-recognition", model=str(folder), dtype="float64")
    ours = pipeline(model=folder, dtype="float64")
    waveforms = cut_to_whole_rows(waveforms)
    for unit in ("char", "word"):
        for answer, waveform in zip(ours(waveforms, batch_size=4, return_timestamps=unit), waveforms, strict=True):
            expected = theirs(waveform, return_timestamps=unit)
            assert answer["text"] == expected["text"]
            assert [chunk["text"] for chunk in answer["chunks"]] == [chunk["text"] for chunk in expected["chunks"]]
            times = np.array([chunk["timestamp"] for chunk in expected["chunks"]])
            if kind == "layer" and adapter != "none":  # whose adapter the reference's times forget
                times = times * 2 ** ADAPTERS[adapter]["num_adapter_layers"]
            np.testing.assert_allclose([chunk["timestamp"] for chunk in answer["chunks"]], times, rtol=0, atol=1e-9)


def test_a_saved_processor_goes_on_in_transformers(tmp_path, kind, folder):
    transformers = pytest.importorskip("transformers")
    AutoProcessor.from_pretrained(folder).save_pretrained(tmp_path)
    theirs = transformers.AutoProcessor.from_pretrained(tmp_path)
    assert type(theirs).__name__ == {"layer": "Wav2Vec2Processor", "bert": "Wav2Vec2BertProcessor"}[kind]
    assert AutoModelForCTC.from_pretrained(folder).main_input_name == theirs.feature_extractor.model_input_names[0]
