"""`AttentionMaskVisualizer`, as transformers calls it: which frames a model lets see each other, without its weights.

>>> from npconformer.plots import AttentionMaskVisualizer
>>> visualizer = AttentionMaskVisualizer("my-checkpoint")  # the configuration and the feature extractor are read
>>> visualizer("lecture.wav", chunk_length_s=20)  # printed
>>> visualizer(["long.wav", "short.wav"], output="mask.png")  # as one batch, with padding; and as a picture

In transformers it shows the mask of a text's tokens; here rows and columns are frames of sound.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO

from npconformer.models.auto import AutoConfig, model_class
from npconformer.models.forward_options import PADDING_MODES
from npconformer.nn import init
from npconformer.pipelines.chunking import make_chunking
from npconformer.pipelines.inputs import is_path, load_waveform
from npconformer.pipelines.loading import load_feature_extractor
from npconformer.pipelines.parts import check_fits
from npconformer.plots.attention_mask_drawing import KINDS, mask_figure, mask_text
from npconformer.plots.attention_masks import AttentionMask, clock_of, mask_of_chunks, masks_of_batch, reach_of
from npconformer.storage.files import atomic_path
from npconformer.storage.hub_options import HubOptions

NARROWEST, WIDEST = 60, 120  # columns of what is printed


class AttentionMaskVisualizer:
    """Shows which frames of recordings attend to which: padding, chunks, and how far a block's convolution reaches.

    Args:
        model: a checkpoint folder or a repository at the hub, of which only the settings are read; or a model.
        feature_extractor: the model's, or where it is; needed only for a model that is loaded.
        **hub: revision and its kin, as for `from_pretrained`.

    Raises FileNotFoundError for what is missing, ValueError for what is damaged or does not fit.
    """

    def __init__(self, model: Any, feature_extractor: Any = None, **hub: Any) -> None:
        options = HubOptions.take(hub)
        if hub:
            raise TypeError(f"{', '.join(hub)}: expected revision, token, subfolder or another option of the hub")
        self.name = os.fspath(model) if is_path(model) else type(model).__name__
        self.feature_extractor = load_feature_extractor(feature_extractor, None, model, options)
        if is_path(model):
            config = AutoConfig.from_pretrained(model, **options.arguments())
            with init.size_limit(math.inf, "", counting=True):  # shapes, without memory
                model = model_class(config.model_type)(config)
        self.model, self.config = model, model.config
        check_fits(self.model, self.feature_extractor)

    def __call__(self, recordings: Any, output: Any = None, file: TextIO | None = None, **options: Any) -> None:
        """Print what the frames see, coloured where the output is a terminal; with `output`, write the picture too.

        Args:
            recordings: a path, samples at the model's rate, or a dict as pipelines take it; or a list, which is padded
                to one batch.
            output: a PNG, SVG or PDF to write, by its ending.
            file: where to print; None is standard output.
            **options: those of `masks`.

        Raises what `masks` raises, and OSError and ImportError for a picture that cannot be written or drawn.
        """
        file = sys.stdout if file is None else file
        found = self.masks(recordings, **options)
        columns = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
        colour = bool(getattr(file, "isatty", lambda: False)()) and "NO_COLOR" not in os.environ
        title = f"attention mask of {self.config.model_type}: {self.name}"
        text = "\n".join([title, "", *(mask_text(mask, columns, colour, not _can_show(file)) for mask in found)])
        print(text, end="", file=file)
        if output is not None:
            figure = mask_figure(found)
            with atomic_path(Path(output)) as temporary:
                figure.savefig(temporary, format=Path(output).suffix[1:].lower() or "png", dpi=120)

    visualize_attention_mask = __call__

    def figure(self, recordings: Any, ax: Any = None, **options: Any) -> Any:
        """The picture as a matplotlib Figure, on `ax` where that is given; arguments and errors as of a call."""
        return mask_figure(self.masks(recordings, **options), ax)

    def masks(
        self,
        recordings: Any,
        chunk_length_s: Any = None,
        stride_length_s: Any = None,
        padding_mode: str | None = None,
        sampling_rate: int | None = None,
    ) -> list[AttentionMask]:
        """What each frame of each recording sees.

        Args:
            recordings: as for a call.
            chunk_length_s, stride_length_s: as for pipelines; recordings are then not padded to one batch, because
                each is cut by itself.
            padding_mode: "reference" or "exact", as for the models; None is the config's.
            sampling_rate: of bare samples, where it is not the model's.

        Raises:
            ValueError: settings or recordings that have no meaning. FileNotFoundError: a recording is not there.
        """
        mode = self.config.padding_mode if padding_mode is None else padding_mode
        if mode not in PADDING_MODES:
            raise ValueError(f"padding_mode: expected one of {PADDING_MODES}, got {padding_mode!r}")
        several = isinstance(recordings, list | tuple) and not _is_samples(recordings)
        listed = list(recordings) if several else [recordings]
        if not listed:
            raise ValueError("recordings: expected at least one, got none")
        extractor = self.feature_extractor
        waveforms = [load_waveform(one, extractor.sampling_rate, sampling_rate) for one in listed]
        names = [Path(one).name if is_path(one) else f"recording {i}" for i, one in enumerate(listed)]
        clock = clock_of(self.model, extractor)
        for name, waveform in zip(names, waveforms):
            if len(waveform) < clock.receptive_field:
                short = f"{len(waveform)} samples are too short"
                raise ValueError(f"{name}: {short}; one frame needs {clock.receptive_field}")
        exact = mode == "exact"
        reach, chunking = reach_of(self.model, exact), make_chunking(chunk_length_s, stride_length_s, clock)
        if chunking is None:
            return list(masks_of_batch(self.model, extractor, waveforms, names, reach, exact))
        return [
            mask_of_chunks(self.model, extractor, waveform, name, reach, chunking)
            if len(waveform) > chunking.longest_whole
            else next(masks_of_batch(self.model, extractor, [waveform], [name], reach, exact))
            for name, waveform in zip(names, waveforms)
        ]


def _is_samples(value: Any) -> bool:
    return len(value) > 0 and all(isinstance(one, int | float) for one in value)


def _can_show(file: TextIO) -> bool:
    """Whether the squares can be written in the file's encoding."""
    try:
        "".join(mark for _, mark, *_ in KINDS).encode(getattr(file, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
