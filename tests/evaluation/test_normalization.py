"""What counts when texts are compared, and what is said of it."""

import pytest

from npconformer import Wav2Vec2CTCTokenizer
from npconformer.commands.evaluate import IGNORABLE
from npconformer.evaluation.normalization import CHOICES, TextNormalization

TEXT = "\u201cCafé,\u201d said Ben: twenty-five."


def normalization(letters="ABCDEFGHIJKLMNOPQRSTUVWXYZ'", ignore=()):
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *letters]
    return TextNormalization(Wav2Vec2CTCTokenizer({token: i for i, token in enumerate(tokens)}), ignore)


@pytest.mark.parametrize(
    ("ignore", "expected", "unknown"),
    [
        ([], TEXT.upper(), ["\u201c", "É", ",", "\u201d", ":", "-", "."]),
        (["punctuation"], "CAFÉ SAID BEN TWENTY FIVE", ["É"]),
        (["letters"], "CAFE SAID BEN TWENTY FIVE", ["\u201c", "É", ",", "\u201d", ":", "-", "."]),
        (["letters", "punctuation", "case"], "cafe said ben twenty five", ["É"]),
    ],
)
def test_the_known_text(ignore, expected, unknown):
    made = normalization(ignore=ignore)
    assert made.reference(TEXT) == expected
    assert list(made.unknown) == unknown
    assert made.summary()["normalization"] == {"case": "upper", "ignored": [c for c in CHOICES if c in ignore]}


def test_the_answer():
    assert normalization().hypothesis("Don\u2019t, Ben!") == "Don\u2019t, Ben!"
    assert normalization(ignore=["punctuation"]).hypothesis("Don\u2019t, Ben!") == "Don't Ben"
    assert normalization(ignore=["case"]).hypothesis("STRASSE") == normalization(ignore=["case"]).reference("straße")


def test_letters_are_counted_by_texts_and_named():
    made = normalization()
    for text in ("é é", "é-", "a", "\x1b"):
        made.reference(text)
    assert made.summary()["unknown_letters"] == {"É": 2, "-": 1, "\x1b": 1}
    assert made.lines() == [
        "texts are compared    in capitals, as the vocabulary has them, punctuation counts",
        "letters it cannot say 'É' (2 texts), '-' (1 text), '\\x1b' (1 text): count; --ignore letters leaves them out",
    ]
    assert normalization("aB", ["punctuation"]).lines() == [
        "texts are compared    case counts, punctuation does not count"
    ]
    assert normalization(ignore=["case"]).lines() == ["texts are compared    case does not count, punctuation counts"]


def test_many_letters():
    made = normalization("a")
    made.reference("".join(map(chr, range(0x4E00, 0x4E00 + 50))))
    assert made.lines()[1].endswith(" and 30 more: count; --ignore letters leaves them out")


def test_wrong_choices():
    with pytest.raises(ValueError, match="ignore: expected some of case, punctuation, letters, got 'commas'"):
        normalization(ignore=["case", "commas"])
    assert IGNORABLE == CHOICES
