"""Prints the text of a recording: `python transcribe_with_npconformer.py MODEL RECORDING`."""

import sys

import npconformer

model, recording = sys.argv[1:]
print(npconformer.pipeline("automatic-speech-recognition", model=model)(recording)["text"])
