"""What `npconformer train` says before its first step: how large the model is, how long it may take, if that is enough.

The time is an estimate, good to a factor of two or three: the number of multiplications at a share of the speed that
this machine shows in a short product of matrices of the model's size, and on the host a time for everything else,
which in narrow models is the most of it. Whatever else the machine is doing comes on top.
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

import numpy as np

from npconformer.commands.arguments import say
from npconformer.models.frame_clock import count_steps

SHARE = 0.4  # of the speed of that product, which the products of a step come to
CHANNEL, PAIR = 1.2e-6, 0.06e-6  # seconds for a channel of a frame in a block, and for a frame that a head looks at
FEW_STEPS = {True: 200, False: 50}  # fewer have hardly taught a model anything: from nothing, and from weights
FRAMES = 512  # rows of the product


def tell_outlook(trainer: Any, selection: Any, from_nothing: bool) -> None:
    """Say it at the terminal. selection: what is learnt from. from_nothing: all weights start at random."""
    parameters = list(trainer.model.parameters())
    total = sum(p.data.size for p in parameters)
    trained = sum(p.data.size for p in parameters if p.requires_grad)
    rest = "" if trained == total else f", of which {trained:,} are trained"
    steps, accumulate = trainer.total_steps, trainer.settings.accumulate
    epoch = math.ceil(trainer.loader.num_batches(0) / accumulate)
    rate = trainer.loader.reader.sampling_rate
    rows = rate / trainer.loader.feature_extractor.hop
    seconds = sum(selection.samples) / rate / epoch  # of sound in a step
    longest = sum(selection.samples) / rate / len(selection)
    cost = seconds_of_step(trainer.model, rows, seconds, longest, trainer.settings.gradient_checkpointing)
    say(
        f"model: {total:,} weights{rest}; {steps} steps of {seconds:.3g} s of sound, roughly {_time(cost)} each, "
        f"{_time(cost * steps)} in all"
    )
    for line in too_few(steps, epoch, from_nothing):
        say(line)


def too_few(steps: int, epoch: int, from_nothing: bool) -> list[str]:
    """What to say of a number of steps. epoch: how many of them see all the data once."""
    if steps < epoch:
        return [
            f"too few steps for the data: {steps} of the {epoch} that see all of it once; the rest is never learnt from"
        ]
    few = FEW_STEPS[from_nothing]
    if steps >= few:
        return []
    start = "from random weights" if from_nothing else "from a checkpoint"
    more = "more --epochs or --steps, or a smaller --batch-seconds, which makes more steps of the same data"
    return [f"few steps: {steps}, where a training {start} takes {few} or more to learn anything; {more}"]


def multiplications(model: Any, rows: float, seconds: float, utterance: float) -> float:
    """How often a model multiplies and adds, forwards, for so many seconds of sound in utterances of that length.

    rows: of the model's input in a second, samples or mel frames.

    Weights of the encoder and what is behind it are used once for each frame; those of a convolution of the front end
    once for each step of its output, and one over time and bands for each band of that; attention is two products of a
    frame with all others, three with relative positions.
    """
    config = model.config
    hops = [stage.hop for stage in model.encoder_stages]
    frames, here, layer, total = _frames_in_second(model, rows), rows, 0, 0.0
    for name, parameter in model.named_parameters():
        if "pos_conv_embed" in name or "quantizer" in name or parameter.data.ndim < 2:
            continue
        if "feature_extractor.conv_layers" in name:
            here, layer = here / hops[layer], layer + 1
            total += parameter.data.size * here
        elif "subsampling.layers" in name:
            here, layer = here / hops[layer], layer + 1
            total += parameter.data.size * here * count_steps(config.num_mel_bins, model.encoder_stages[:layer])
        else:
            total += parameter.data.size * frames
    products = 3 if config.position_embeddings_type in ("relative", "relative_key") else 2
    total += products * config.num_hidden_layers * config.hidden_size * frames * utterance * frames
    return total * seconds


def seconds_of_step(model: Any, rows: float, seconds: float, utterance: float, recomputed: bool) -> float:
    """About how long a step takes: forwards once, backwards twice as long, and once more where it is recomputed."""
    speed, on_host = _speed(model)
    config, passes = model.config, 4 if recomputed else 3
    frames = _frames_in_second(model, rows)
    each = CHANNEL * config.hidden_size + PAIR * config.num_attention_heads * frames * utterance
    rest = each * config.num_hidden_layers * frames * seconds * passes / 3 if on_host else 0.0
    return passes * multiplications(model, rows, seconds, utterance) / (SHARE * speed) + rest


def _frames_in_second(model: Any, rows: float) -> float:
    """Frames of the encoder."""
    return rows / math.prod(stage.hop for stage in model.encoder_stages)


def _speed(model: Any) -> tuple[float, bool]:
    """Multiplications and additions in a second, as shown in one layer of the model; whether on the host."""
    from npconformer.arrays.backend import get_array_module

    width, inner = model.config.hidden_size, model.config.intermediate_size
    xp = get_array_module(next(iter(model.parameters())).data)
    a, b = xp.ones((FRAMES, width), np.float32), xp.ones((width, inner), np.float32)
    best = math.inf
    for _ in range(3):
        started = perf_counter()
        float((a @ b)[0, 0])  # a device is waited for
        best = min(best, perf_counter() - started)
    return FRAMES * width * inner / max(best, 1e-9), xp is np


def _time(seconds: float) -> str:
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}" if seconds < 100 * length else f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1g} s"
