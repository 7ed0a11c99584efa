"""Pictures of a recognition: waveform, spectrogram, the letters' probabilities and the alignment, over one time axis.

>>> recognise = npconformer.pipeline("automatic-speech-recognition")
>>> recognition = Recognition.of(recognise, "digits.wav")
>>> write_picture(recognition, "digits.png")  # needs matplotlib, the extra `plots`
>>> print(text_picture(recognition))  # needs nothing
"""

from npconformer.plots.figure import MOST_SECONDS, require_matplotlib, write_picture
from npconformer.plots.recognition import Recognition
from npconformer.plots.spectrogram import Spectrogram, spectrogram
from npconformer.plots.text_picture import text_picture

__all__ = [
    "MOST_SECONDS",
    "Recognition",
    "Spectrogram",
    "require_matplotlib",
    "spectrogram",
    "text_picture",
    "write_picture",
]
