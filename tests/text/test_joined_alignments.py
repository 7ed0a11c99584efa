"""Alignments of utterances joined: frames, letters and words in their places, scores as they were."""

import numpy as np
from test_text_alignment import VOCAB, logits_of

from npconformer import align_text
from npconformer.text import Wav2Vec2CTCTokenizer
from npconformer.text.ctc_decoding import Span
from npconformer.text.joined_alignments import join_alignments


def test_three_utterances():
    tokenizer = Wav2Vec2CTCTokenizer(VOCAB)
    logits = [logits_of(path) for path in ("_HE|WE_", "___", "_EL_LO")]
    parts = [align_text(one, None, tokenizer) for one in logits]
    joined = join_alignments(parts)
    assert joined.text == "HE WE ELLO" and joined.spelling == ["HE", "WE", "ELLO"]
    assert joined.words == [Span("HE", 1, 3), Span("WE", 4, 6), Span("ELLO", 11, 16)]
    assert "".join(one.text for one in joined.letters) == "HE|WEELLO"
    assert [(one.start, one.end) for one in joined.letters] == joined.frames.spans
    assert joined.scores == [score for part in parts for score in part.scores] and joined.places == [0, 1, 2]
    np.testing.assert_array_equal(joined.frames.classes, np.concatenate(logits).argmax(-1))
    assert len(joined.frames.log_probs) == 16
    said = joined.frames.positions
    assert said.tolist() == [-1, 0, 1, 2, 3, 4, -1, -1, -1, -1, -1, 5, 6, -1, 7, 8]


def test_one_is_itself():
    part = align_text(logits_of("_HE"), None, Wav2Vec2CTCTokenizer(VOCAB))
    assert join_alignments([part]) is part
