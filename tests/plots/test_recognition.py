"""What a picture shows: of logits, of a pipeline with a model of another vocabulary and frame rate, of a known text."""

import numpy as np
import pytest
from spelled import HELLO_YOU, SAMPLES_PER_FRAME, make_processor, make_recognition
from tiny_checkpoints import SIZES, make_waveforms

import npconformer
from npconformer import Tensor, Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC
from npconformer.plots import Recognition


def test_of_logits():
    recognition = make_recognition(HELLO_YOU)
    assert recognition.alignment.text == "HELLO YOT"
    assert [word.text for word in recognition.alignment.words] == ["HELLO", "YOT"]
    assert recognition.seconds == pytest.approx(len(HELLO_YOU) * 0.02)
    assert recognition.seconds_per_frame == 0.02
    assert recognition.probabilities.shape == (len(HELLO_YOU), 10)
    assert recognition.probabilities.dtype == np.float32
    np.testing.assert_allclose(recognition.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_known_text():
    recognition = make_recognition(HELLO_YOU, text="HELL TO")
    assert [word.text for word in recognition.alignment.words] == ["HELL", "TO"]


def test_the_classes_that_matter():
    recognition = make_recognition(HELLO_YOU)
    names = [recognition.name_of(index) for index in recognition.classes_to_show()]
    assert names == ["blank", "space", *"HELOYT"]  # W is never likely
    assert recognition.classes_to_show(3) == recognition.classes_to_show()[:3]
    assert make_recognition("____").classes_to_show() == [0]


def test_a_letter_that_comes_near_is_shown():
    processor = make_processor()
    logits = np.zeros((4, 10))
    logits[:, 0] = 9
    logits[2, 8] = 7.5  # a probability of a sixth or so
    recognition = Recognition.from_logits(np.zeros(1280, np.float32), logits, processor, SAMPLES_PER_FRAME)
    assert recognition.classes_to_show() == [0, 8]


@pytest.mark.parametrize("adapter", [False, True])
def test_of_a_pipeline(adapter):
    npconformer.manual_seed(3)
    settings = {**SIZES, "vocab_size": 10, "add_adapter": adapter, "num_adapter_layers": 1, "output_hidden_size": 16}
    model = Wav2Vec2ConformerForCTC(Wav2Vec2ConformerConfig(**settings))
    recognise = npconformer.pipeline(model=model, processor=make_processor())
    (waveform,) = make_waveforms([20000])
    recognition = Recognition.of(recognise, {"array": waveform, "sampling_rate": 16000})
    assert recognition.alignment.text == recognise(waveform)["text"]
    assert recognition.seconds_per_frame == (0.04 if adapter else 0.02)
    words = recognise(waveform, return_timestamps="word")["chunks"]
    step = recognition.seconds_per_frame
    ours = [(word.text, (word.start * step, word.end * step)) for word in recognition.alignment.words]
    assert ours == [(word["text"], word["timestamp"]) for word in words]
    _, logits = recognise.logits_of(waveform)
    again = Recognition.from_logits(waveform, Tensor(logits), recognise.processor, recognise.samples_per_frame)
    np.testing.assert_array_equal(again.probabilities, recognition.probabilities)


def test_utterances_are_read_one_by_one():
    path = "_TELL" + "LLO|" + "_" + "OW_"
    recognition = make_recognition(path, seams=(5, 9))
    assert recognition.alignment.text == "TEL LO OW"  # an L on either side of a seam: two words, two letters
    assert [(one.text, one.start, one.end) for one in recognition.words] == [
        ("TEL", 1, 5),
        ("LO", 5, 8),
        ("OW", 10, 12),
    ]
    assert "".join(one.text for one in recognition.letters) == "TELLOOW"
    assert make_recognition(path).alignment.text == "TELO OW"
    assert make_recognition(path, text="TELL TO", seams=(5, 9)).alignment.text == "TELL TO"  # a known text goes on


def test_letters_and_words_as_they_can_be_shown():
    recognition = make_recognition("_H|\n\t|", letters="H\n\t")
    assert [letter.text for letter in recognition.letters] == ["H", "?", "?"]
    assert [word.text for word in recognition.words] == ["H", "??"]
    assert [letter.text for letter in recognition.alignment.letters] == ["H", "|", "\n", "\t", "|"]


def test_names_that_would_disturb():
    recognition = make_recognition("__X__", letters="X")
    recognition.tokens[3] = "a\x1b[2Jb"
    assert recognition.name_of(3) == "a?[2Jb"
    recognition.tokens[3] = "straight"
    assert recognition.name_of(3) == "strai…"


def test_bad_input():
    recognise = npconformer.pipeline("automatic-speech-recognition")
    with pytest.raises(ValueError, match="too short"):
        recognise.logits_of(np.zeros(10, np.float32))
    with pytest.raises(FileNotFoundError, match="no such file"):
        Recognition.of(recognise, "nowhere.wav")
    with pytest.raises(ValueError, match="logits: frame 1"):
        logits = np.zeros((3, 10))
        logits[1, 2] = np.nan
        Recognition.from_logits(np.zeros(960), logits, make_processor(), SAMPLES_PER_FRAME)
