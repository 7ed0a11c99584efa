"""When letters and words are said: greedy text beside the decoder's own times, and texts that are known."""

import numpy as np
import pytest

from npconformer import align_text
from npconformer.text import Wav2Vec2CTCTokenizer
from npconformer.text.ctc_decoding import Span

TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"EHLOTWY"]
VOCAB = {token: index for index, token in enumerate(TOKENS)}


@pytest.fixture
def tokenizer():
    return Wav2Vec2CTCTokenizer(VOCAB)


def logits_of(path, sure=4.0):
    """Logits whose best path a readable text spells, `_` being the blank, with noise below it."""
    best = [VOCAB["<pad>" if letter == "_" else letter] for letter in path]
    return np.random.default_rng(0).uniform(0, 1, (len(path), len(TOKENS))) + sure * np.eye(len(TOKENS))[best]


def test_the_recognised_text_has_the_decoders_times(tokenizer):
    logits = logits_of("_HHEL_LLO_||_Y_OO|_")
    alignment = align_text(logits, None, tokenizer)
    decoded = tokenizer.decode(logits.argmax(-1), output_char_offsets=True, output_word_offsets=True)
    assert alignment.text == decoded.text == "HELLO YO"
    assert alignment.words == [Span(*word.values()) for word in decoded.word_offsets]
    assert alignment.words == [Span("HELLO", 1, 9), Span("YO", 13, 17)]
    times = [(one["start_offset"], one["end_offset"]) for one in decoded.char_offsets]
    assert [(letter.start, letter.end) for letter in alignment.letters] == times
    assert "".join(letter.text for letter in alignment.letters) == "HELLO|YO|"
    np.testing.assert_array_equal(alignment.frames.classes, logits.argmax(-1))


def test_a_known_text_that_was_not_recognised(tokenizer):
    logits = logits_of("_T_W_O_||_T_H_E_")
    alignment = align_text(logits, " TWO \n WHEEL", tokenizer)
    assert alignment.text == " TWO \n WHEEL"
    assert [word.text for word in alignment.words] == ["TWO", "WHEEL"]
    assert alignment.words[0] == Span("TWO", 1, 6)
    assert alignment.frames.score < align_text(logits, None, tokenizer).frames.score


def test_tokens_of_several_letters_and_no_word_delimiter():
    tokenizer = Wav2Vec2CTCTokenizer({"<pad>": 0, "<unk>": 1, "TH": 2, "E": 3}, word_delimiter_token=None)
    logits = np.eye(tokenizer.vocab_size)[[0, 2, 2, 0, 3]] * 9.0
    assert align_text(logits, None, tokenizer).letters == [Span("TH", 1, 3), Span("E", 4, 5)]
    assert align_text(logits, "THE", tokenizer).words == [Span("THE", 1, 5)]


def test_nothing_recognised(tokenizer):
    alignment = align_text(logits_of("___"), None, tokenizer)
    assert (alignment.text, alignment.letters, alignment.words) == ("", [], [])
    assert align_text(logits_of("TWO"), "", tokenizer).frames.classes.tolist() == [0, 0, 0]


def test_lower_case_texts(tokenizer):
    lower = Wav2Vec2CTCTokenizer(VOCAB, do_lower_case=True)
    assert align_text(logits_of("_TW_O_"), "two", lower).words == [Span("TWO", 1, 5)]
    assert align_text(logits_of("_TW_O_"), None, lower).text == "two"
    with pytest.raises(ValueError, match=r"text: not in the vocabulary: 't' 'w' 'o'"):
        align_text(logits_of("_TW_O_"), "two", tokenizer)


def test_bad_input(tokenizer):
    with pytest.raises(ValueError, match="5 labels and 1 blank between equal neighbours need at least 6 frames, got 4"):
        align_text(logits_of("TWO_"), "HELLY", tokenizer)
    with pytest.raises(ValueError, match=r"logits: expected a floating array \(frames, classes\)"):
        align_text(logits_of("TWO_")[None], None, tokenizer)
    with pytest.raises(ValueError, match="is the blank"):
        align_text(logits_of("TWO_"), "T<pad>", tokenizer)
    with pytest.raises(ValueError, match="is no class"):
        align_text(logits_of("TWO_")[:, :-1], "Y", tokenizer)
    with pytest.raises(ValueError, match="tokenizer: its pad token is the blank of CTC, and it has none"):
        align_text(logits_of("TWO_"), None, Wav2Vec2CTCTokenizer(VOCAB, pad_token=None))


class Clock:
    sampling_rate = 1000

    @staticmethod
    def start(frame):
        return frame * 0.02


def test_wildcards_and_letters_that_the_vocabulary_lacks(tokenizer):
    logits = logits_of("_TWO|_HELLLO||_Y_OO|_".replace("LLL", "L_L"), sure=9.0)
    alignment = align_text(logits, "two, * 7 Yo! –", tokenizer, fit=True)
    assert [word.text for word in alignment.words] == ["TWO", "7", "YO"]
    assert alignment.spelling == ["two,", "7", "Yo! –"] and alignment.places == [0, 2, 3]
    assert (alignment.words[0].start, alignment.words[0].end) == (1, 4)
    assert (alignment.words[1].start, alignment.words[1].end) == (4, 14)  # all that is said between, without silence
    assert alignment.words[2] == Span("YO", 15, 19)
    assert alignment.scores[1] is None and min(alignment.scores[0], alignment.scores[2]) > 0.95
    (_, late, _) = align_text(logits_of("_TWO_HEL____|Y_O_", sure=9.0), "two 7 yo", tokenizer, fit=True).words
    assert (late.start, late.end) == (5, 13)
    (_, late) = align_text(logits_of("_TWO_HEL____", sure=9.0), "two 7", tokenizer, fit=True).words
    assert (late.start, late.end) == (5, 8)  # the silence after it is none of it
    hidden = align_text(logits, "TWO * YO", tokenizer)
    assert [word.text for word in hidden.words] == ["TWO", "YO"] and hidden.words[1] == alignment.words[2]
    assert [letter.text for letter in hidden.letters] == [*"TWO*YO"]


def test_scores_are_products_over_letters(tokenizer):
    logits = logits_of("_TT_W_O_", sure=3.0)
    probability = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = probability[1:3, VOCAB["T"]].max() * probability[4, VOCAB["W"]] * probability[6, VOCAB["O"]]
    assert align_text(logits, "TWO", tokenizer).scores == [pytest.approx(expected)]
    assert align_text(logits, None, tokenizer).scores == [pytest.approx(expected)]


def test_a_batch(tokenizer):
    logits = np.stack([logits_of("_TW_O____"), logits_of("_Y_OO_TTT")])
    one, two = align_text(logits, ["TWO", "YO"], tokenizer, lengths=[9, 6])
    assert one.words == [Span("TWO", 1, 5)] and two.words == [Span("YO", 1, 5)]
    assert len(two.frames.classes) == 6
    assert [a.text for a in align_text(logits, [None, None], tokenizer)] == ["TWO", "YOT"]
    with pytest.raises(ValueError, match="text: expected one for each of 2 recordings, got 1"):
        align_text(logits, ["TWO"], tokenizer)
    with pytest.raises(ValueError, match="recording 1 of the batch: text: not in the vocabulary: 'X'"):
        align_text(logits, ["TWO", "X"], tokenizer)
    with pytest.raises(ValueError, match="lengths: for a batch only"):
        align_text(logits[0], "TWO", tokenizer, lengths=[9])


def test_seconds(tokenizer):
    alignment = align_text(logits_of("TW_O____Y_O_____"), "two yo", tokenizer, fit=True)
    frames = alignment.times(Clock)
    assert [(w.text, w.start, w.end) for w in frames] == [("two", 0.0, 0.08), ("yo", 0.16, pytest.approx(0.22))]
    assert [w.score for w in frames] == alignment.scores

    waveform = np.zeros(700)  # sound in it: the model says the first word too early, and both end too early
    for start, end in ((0.05, 0.13), (0.16, 0.25)):
        waveform[int(1000 * start) : int(1000 * end)] = 0.1
    waveform = np.concatenate([np.zeros(50), waveform])
    first, second = align_text(logits_of("TW___O____Y_O_____"), "two yo", tokenizer, fit=True).times(Clock, waveform)
    assert (first.start, first.end) == (pytest.approx(0.10), pytest.approx(0.18))
    assert (second.start, second.end) == (pytest.approx(0.20), pytest.approx(0.30))
    waveform = np.zeros(700)  # a word that is said before any sound of it
    waveform[120:160] = 0.1
    waveform[260:300] = 0.1
    first, _ = align_text(logits_of("TWO_________Y_O____"), "two yo", tokenizer, fit=True).times(Clock, waveform)
    assert (first.start, first.end) == (pytest.approx(0.12), pytest.approx(0.16))
    # what a wildcard takes is not the sound of the word before it
    loud = np.ones(360)
    loud[:40] = 0
    best = logits_of("__TWO_HELO_________", sure=9.0)
    assert align_text(best, "TWO *", tokenizer).times(Clock, loud)[0].end < 0.15
    assert align_text(best, "TWO", tokenizer).times(Clock, loud)[0].end > 0.15
