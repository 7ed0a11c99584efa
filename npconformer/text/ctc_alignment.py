"""CTC forced alignment: the most probable path through the frames that says given labels.

Graves, Fernández, Gomez, Schmidhuber: Connectionist Temporal Classification, ICML 2006, section 4.1. Labels l_1 … l_S
become L = 2S+1 states, a blank before, between and after them. From one frame to the next a state is kept, or followed
by the next one, or by the next but one where that is a label other than the one before it. The loss sums over all
paths through the states (losses/ctc.py); here the best one is kept, which is Viterbi's algorithm:

    δ_t(s) = log y_t(l_s) + max(δ_{t-1}(s), δ_{t-1}(s-1), [may skip to s] δ_{t-1}(s-2))
    the path ends in the better of the last label and the blank after it, and is read backwards

Letters: T frames, V classes, S labels, L = 2S+1 states.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npconformer.arrays.backend import is_array, to_host
from npconformer.losses.ctc_targets import prepare_targets
from npconformer.ops.softmax import log_softmax_of
from npconformer.tape.autograd import Tensor
from npconformer.text.ctc_decoding import runs

BLANK = -1  # in CTCAlignment.positions


@dataclass(frozen=True, eq=False)
class CTCAlignment:
    """Which label each frame says.

    Attributes:
        classes: (T,) the class of each frame on the path, the blank included.
        positions: (T,) which of the labels that is, 0..S-1, never decreasing; -1 in frames of the blank.
        log_probs: (T,) float64, the logarithm of the class's probability in that frame. exp of its mean over the
            frames of a word says how sure the model is of the word there.
        spans: the frames [start, end) of each label, S pairs.
    """

    classes: np.ndarray
    positions: np.ndarray
    log_probs: np.ndarray
    spans: list[tuple[int, int]]

    @property
    def score(self) -> float:
        """The logarithm of the path's probability: the sum of `log_probs`."""
        return float(self.log_probs.sum())


def ctc_align(logits: Any, labels: Any, blank: int = 0) -> CTCAlignment:
    """The most probable of all paths that say `labels`.

        labels = processor(text="THREE ONE").input_ids
        alignment = ctc_align(outputs.logits[0], labels, blank=processor.tokenizer.pad_token_id)
        extractor = processor.feature_extractor
        clock = npconformer.FrameClock.of(model, extractor.sampling_rate, extractor.reach, extractor.hop)
        [(clock.start(start), clock.start(end)) for start, end in alignment.spans]  # seconds

    Of equally probable paths, the one that reaches later states later is taken. Memory: T · L bytes beside the logits.

    Args:
        logits: (T, V) floating tensor or array of one utterance, without frames of padding. Logarithms of
            probabilities serve as well, because the log-softmax taken here leaves them as they are. -inf is a
            probability of 0.
        labels: (S,) integers, classes other than the blank; none at all is a path of blanks.
        blank: the class of the blank.

    Raises:
        ValueError: a wrong shape or dtype; NaN, +inf, or a frame of nothing but -inf; a label that is no class or is
            the blank; fewer frames than labels and the blanks that equal neighbours need between them; no path with
            a probability above 0.
    """
    log_probs = log_probs_of(logits)  # (T, V)
    frames, classes = log_probs.shape
    labels = np.asarray(to_host(labels) if is_array(labels) else labels)
    if labels.ndim != 1:
        raise ValueError(f"labels: expected the classes of one utterance, shape (labels,), got shape {labels.shape}")
    targets = prepare_targets((1, frames, classes), labels[None], None, [len(labels)], blank)
    repeats = int((labels[1:] == labels[:-1]).sum())
    if len(labels) + repeats > frames:
        between = f" and {repeats} blank{'s' * (repeats > 1)} between equal neighbours" if repeats else ""
        raise ValueError(
            f"labels: {len(labels)} labels{between} need at least {len(labels) + repeats} frames, got {frames}"
        )
    states, skips = targets.states[0], targets.skips[0]  # (L,)
    path = _best_states(log_probs[:, states], np.where(skips, 0.0, -np.inf))  # (T,)
    positions = np.where(path % 2 == 1, path // 2, BLANK)
    said, starts, ends = runs(positions)
    spans = [(int(start), int(end)) for index, start, end in zip(said, starts, ends) if index != BLANK]
    return CTCAlignment(states[path], positions, log_probs[np.arange(frames), states[path]], spans)


def _best_states(emissions: np.ndarray, skip_penalty: np.ndarray) -> np.ndarray:
    """The state of each frame (T,) on the best path, from log y_t(l_s) (T, L) and 0 or -inf for skips (L,)."""
    frames, size = emissions.shape
    came = np.zeros((frames, size), np.int8)  # how many states further than in the frame before
    delta = np.full(size + 2, -np.inf)  # two states before the first that are never reached
    delta[2:4] = emissions[0, :2]  # a path starts with the first blank or the first label
    for t in range(1, frames):
        ways = np.stack([delta[2:], delta[1:-1], delta[:-2] + skip_penalty])  # (3, L): stay, next, next but one
        came[t] = ways.argmax(axis=0)
        delta[2:] = ways.max(axis=0) + emissions[t]
    state = size - 1 if size == 1 or delta[-1] > delta[-2] else size - 2
    if delta[state + 2] == -np.inf:
        raise ValueError("labels: no path has a probability above 0, because logits of -inf exclude them all")
    path = np.empty(frames, np.int64)
    for t in range(frames - 1, -1, -1):
        path[t] = state
        state -= int(came[t, state])
    return path


def log_probs_of(logits: Any) -> np.ndarray:
    """The logarithms of the classes' probabilities, (T, V) float64 on the host; errors as of `ctc_align`."""
    data = logits.data if isinstance(logits, Tensor) else logits
    data = to_host(data) if is_array(data) else np.asarray(data)
    if data.ndim != 2 or data.dtype.kind != "f" or 0 in data.shape:
        raise ValueError(
            f"logits: expected a floating array (frames, classes) of one utterance, got {data.dtype} {data.shape}"
        )
    data = data.astype(np.float64)
    largest = data.max(axis=-1, keepdims=True)  # NaN where there is one
    if not np.isfinite(largest).all():
        frame = int(np.flatnonzero(~np.isfinite(largest[:, 0]))[0])
        raise ValueError(f"logits: frame {frame} has NaN, inf or nothing but -inf: expected numbers")
    return log_softmax_of(np, data, out=data)
