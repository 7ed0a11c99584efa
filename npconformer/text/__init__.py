"""Text out and in: the tokenizer, the decoding of CTC's frames into characters and words, and their alignment."""

from npconformer.text.ctc_alignment import CTCAlignment, ctc_align
from npconformer.text.text_alignment import TextAlignment, align_text
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer, Wav2Vec2CTCTokenizerOutput

__all__ = [
    "CTCAlignment",
    "TextAlignment",
    "Wav2Vec2CTCTokenizerOutput",
    "Wav2Vec2CTCTokenizer",
    "align_text",
    "ctc_align",
]
