"""Text out and in: the tokenizer, and the decoding of CTC's frames into characters and words."""

from npconformer.text.tokenizer import CTCDecoderOutput, Wav2Vec2CTCTokenizer

__all__ = ["CTCDecoderOutput", "Wav2Vec2CTCTokenizer"]
