"""Prints the text of a recording of 16 kHz: `python transcribe_with_transformers.py MODEL RECORDING`.

Without transformers' pipeline, whose own imports would add to the time.
"""

import sys

import soundfile
import torch
from transformers import Wav2Vec2ConformerForCTC, Wav2Vec2Processor
from transformers.utils import logging

logging.disable_progress_bar()
folder, recording = sys.argv[1:]
processor = Wav2Vec2Processor.from_pretrained(folder)
model = Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype=torch.float32)
audio, rate = soundfile.read(recording, dtype="float32")
inputs = processor(audio, sampling_rate=rate, return_tensors="pt")
with torch.inference_mode():
    best = model(**inputs).logits.argmax(dim=-1)
print(processor.batch_decode(best)[0])
