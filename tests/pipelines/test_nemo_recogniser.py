"""A small Conformer of NeMo's kind through the pipeline: batches, times, chunks, the shortest recording, its files."""

import itertools

import numpy as np
import pytest
from tiny_checkpoints import (
    make_extractor,
    make_local_extractor,
    make_waveforms,
    save_checkpoint,
    silence_attention,
)

from npconformer import (
    AutoModelForCTC,
    AutoProcessor,
    NemoConformerProcessor,
    PieceCTCTokenizer,
    Wav2Vec2FeatureExtractor,
    pipeline,
)

LENGTHS = [9000, 16000, 12345, 9000, 5000, 13_001]
PIECES = ["<unk>", "▁the", "▁a", "▁", "s", "n", "i", "▁ca", "li", "for", "t", "<blk>"]
TOKENIZER = PieceCTCTokenizer({piece: number for number, piece in enumerate(PIECES)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = save_checkpoint("ForCTC", tmp_path_factory.mktemp("nemo"), "nemo")
    AutoProcessor.from_parts(make_extractor("nemo"), TOKENIZER).save_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()
    return folder


@pytest.fixture(scope="module")
def recognise(folder):
    return pipeline("automatic-speech-recognition", folder)


@pytest.fixture(scope="module")
def waveforms():
    return make_waveforms(LENGTHS, seed=4)


def test_the_folder_names_its_parts(folder, recognise):
    assert type(recognise.processor) is NemoConformerProcessor and type(recognise.tokenizer) is PieceCTCTokenizer
    assert type(AutoProcessor.from_pretrained(folder).feature_extractor) is type(make_extractor("nemo"))


def test_the_batch_size_changes_nothing(recognise, waveforms):
    alone = [recognise(waveform, return_timestamps="word") for waveform in waveforms]
    assert sum(len(answer["chunks"]) for answer in alone) > 10 and len({answer["text"] for answer in alone}) > 4
    for batch_size in (2, 6):
        assert recognise(waveforms, batch_size=batch_size, return_timestamps="word") == alone


def test_the_logits_of_a_padded_batch_are_those_of_each_alone(folder, waveforms):
    recognise = pipeline("automatic-speech-recognition", folder, dtype="float64")
    together = recognise.run_model(waveforms).logits.numpy()
    for logits, waveform in zip(together, waveforms):
        alone = recognise.run_model([waveform]).logits.numpy()[0]
        assert len(alone) == recognise.clock.frames(len(waveform)) == len(waveform) // 640 + 1
        np.testing.assert_allclose(logits[: len(alone)], alone, rtol=0, atol=1e-9)


def test_times(recognise, waveforms):
    """Pieces are as long as their frames of 40 ms; a word lasts from its first letters to its last."""
    assert recognise.seconds_per_frame == pytest.approx(0.04)
    for waveform in waveforms:
        ids = np.argmax(recognise.logits_of(waveform)[1], axis=-1)
        runs = [(PIECES[key], len(list(group))) for key, group in itertools.groupby(ids.tolist())]
        ends = np.cumsum([length for _, length in runs])
        expected = [
            (piece.replace("▁", " "), (end - length) * 0.04, end * 0.04)
            for (piece, length), end in zip(runs, ends)
            if piece != "<blk>"
        ]
        pieces = recognise(waveform, return_timestamps="char")["chunks"]
        assert [piece["text"] for piece in pieces] == [text for text, *_ in expected]
        times = [piece["timestamp"] for piece in pieces]
        np.testing.assert_allclose(times, [place for _, *place in expected], rtol=0, atol=1e-9)
        answer = recognise(waveform, return_timestamps="word")
        assert " ".join(word["text"] for word in answer["chunks"]) == answer["text"]


CHUNKS = [{"chunk_length_s": 2.0, "stride_length_s": 0.64}, {"chunk_length_s": 3.0}]


@pytest.fixture(scope="module")
def local(folder):
    """Whose frames see no further than the strides: attention that adds nothing, and no normalisation."""
    model = AutoModelForCTC.from_pretrained(folder)
    silence_attention(model)
    return pipeline(
        "automatic-speech-recognition",
        model,
        feature_extractor=make_local_extractor("nemo"),
        tokenizer=TOKENIZER,
    )


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("samples", [100_000, 99_840, 100_479])
def test_chunks_give_the_text_and_the_times_of_the_whole(local, samples, chunks):
    (waveform,) = make_waveforms([samples], seed=6)
    whole = local(waveform, return_timestamps="char")
    assert len(whole["chunks"]) > 10
    assert local(waveform, return_timestamps="char", batch_size=2, **chunks) == whole


@pytest.mark.parametrize("chunks", CHUNKS)
def test_chunks_step_by_step(local, chunks):
    (waveform,) = make_waveforms([100_000], seed=6)
    whole = local(waveform, return_timestamps="char", **chunks)
    outputs = [local.forward(one) for one in local.preprocess(waveform, sampling_rate=16000, **chunks)]
    assert len(outputs) > 1
    assert local.postprocess(outputs, return_timestamps="char") == whole


def test_short_recordings(recognise):
    shortest = make_waveforms([201], seed=8)[0]
    answer = recognise(shortest)
    assert recognise([shortest, *make_waveforms([9000])], batch_size=2)[0] == answer
    with pytest.raises(ValueError, match="is too short: it has 200 samples, and the first row of features takes 201"):
        recognise(shortest[1:])


def test_another_models_extractor_is_refused(recognise):
    with pytest.raises(ValueError, match="gives input_values, and a NemoConformerForCTC takes input_features"):
        pipeline(
            "automatic-speech-recognition",
            recognise.model,
            feature_extractor=Wav2Vec2FeatureExtractor(),
            tokenizer=TOKENIZER,
        )
