"""Text out and in: the tokenizer, and the decoding of CTC's frames into characters and words."""

from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer, Wav2Vec2CTCTokenizerOutput

__all__ = ["Wav2Vec2CTCTokenizerOutput", "Wav2Vec2CTCTokenizer"]
