"""Pictures: of a recognition, of what goes on inside a model, of a training, of the tape.

>>> from npconformer import plots
>>> recognise = npconformer.pipeline("automatic-speech-recognition")
>>> recognition = plots.Recognition.of(recognise, "digits.wav")
>>> plots.write_picture(recognition, "digits.png")  # needs matplotlib, the extra `plots`
>>> print(plots.text_picture(recognition))  # needs nothing
>>> figure = plots.attention_map(outputs.attentions, layers=[0], seconds_per_frame=0.02)  # a matplotlib Figure
>>> figure.savefig("attention.png")
>>> plots.tape(outputs.loss, model).save("tape.svg")  # needs nothing

`attention_map`, `alignment_map`, `spectrogram_map`, `filterbank_map`, `mel_filter_curves`, `span_map`,
`spec_augment_map`, `training_curves` and `embedding_map` return a matplotlib Figure, or draw on `ax=`.
`AttentionMaskVisualizer` shows which frames a model lets see each other.
"""

from npconformer.plots.attention import attention_map
from npconformer.plots.attention_mask_visualizer import AttentionMaskVisualizer
from npconformer.plots.attention_masks import AttentionMask
from npconformer.plots.canvas import require_matplotlib
from npconformer.plots.embeddings import PrincipalComponents, embedding_map, principal_components
from npconformer.plots.figure import MOST_SECONDS, write_picture
from npconformer.plots.hiding import span_map, spec_augment_map
from npconformer.plots.lattice import alignment_map
from npconformer.plots.recognition import Recognition
from npconformer.plots.sounds import filterbank_map, mel_filter_curves, spectrogram_map
from npconformer.plots.spectrogram import Spectrogram, spectrogram
from npconformer.plots.tape_graph import TapeGraph, tape
from npconformer.plots.text_picture import text_picture
from npconformer.plots.training_curves import training_curves, write_training_curves

__all__ = [
    "MOST_SECONDS",
    "AttentionMask",
    "AttentionMaskVisualizer",
    "PrincipalComponents",
    "Recognition",
    "Spectrogram",
    "TapeGraph",
    "alignment_map",
    "attention_map",
    "embedding_map",
    "filterbank_map",
    "mel_filter_curves",
    "principal_components",
    "require_matplotlib",
    "spec_augment_map",
    "span_map",
    "spectrogram",
    "spectrogram_map",
    "tape",
    "text_picture",
    "training_curves",
    "write_picture",
    "write_training_curves",
]
