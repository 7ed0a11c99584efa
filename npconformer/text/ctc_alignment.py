"""CTC forced alignment: the most probable path through the frames that says given labels.

Graves, Fernández, Gomez, Schmidhuber: Connectionist Temporal Classification, ICML 2006, section 4.1. Labels l_1 … l_S
become L = 2S+1 states, a blank before, between and after them. From one frame to the next a state is kept, or followed
by the next one, or by the next but one where that is a label other than the one before it. The loss sums over all
paths through the states (losses/ctc.py); here the best one is kept, which is Viterbi's algorithm (viterbi.py):

    δ_t(s) = log y_t(l_s) + max(δ_{t-1}(s), δ_{t-1}(s-1), [may skip to s] δ_{t-1}(s-2))
    the path ends in the better of the last label and the blank after it, and is read backwards

A wildcard among the labels stands for anything that is said there, of one frame or more. What greedy decoding hears in
a frame it takes for a little less, so that a label that can be said is said by itself, and silence costs it nothing:

    log y_t(*) = max(log y_t(blank), max_{k not blank} log y_t(k) - WILDCARD_COST)

Letters: T frames, V classes, S labels, L = 2S+1 states.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.losses.ctc_targets import prepare_targets
from npconformer.ops.softmax import log_softmax_of
from npconformer.tape.autograd import Tensor
from npconformer.text.ctc_decoding import runs
from npconformer.text.viterbi import best_states

BLANK = -1  # in CTCAlignment.positions
WILDCARD = -1  # among labels and in CTCAlignment.classes
WILDCARD_COST = 0.5


@dataclass(frozen=True, eq=False)
class CTCAlignment:
    """Which label each frame says.

    Attributes:
        classes: (T,) the class of each frame on the path, the blank included; WILDCARD, -1, in frames of a wildcard.
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

    Of equally probable paths, the one that reaches later states later is taken. Memory grows with T and with L, not
    with their product.

    Args:
        logits: (T, V) floating tensor or array of one utterance, without frames of padding. Logarithms of
            probabilities serve as well, because the log-softmax taken here leaves them as they are. -inf is a
            probability of 0.
        labels: (S,) integers, classes other than the blank; -1 (WILDCARD) for anything that is said there; none at all
            is a path of blanks.
        blank: the class of the blank.

    Raises:
        ValueError: a wrong shape or dtype; NaN, +inf, or a frame of nothing but -inf; a label that is no class or is
            the blank; fewer frames than labels and the blanks that equal neighbours need between them; no path with
            a probability above 0.
    """
    log_probs = log_probs_of(logits)  # (T, V)
    frames, classes = log_probs.shape
    labels = to_host(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels: expected the classes of one utterance, shape (labels,), got shape {labels.shape}")
    if labels.dtype.kind in "iu" and (labels == WILDCARD).any():
        prepare_targets((1, frames, classes), labels[None, labels != WILDCARD], blank=blank)  # refuses wrong ones
        log_probs = _with_wildcard(log_probs, blank)  # (T, V+1)
        labels = np.where(labels == WILDCARD, classes, labels)
    targets = prepare_targets((1, *log_probs.shape), labels[None], None, [len(labels)], blank)
    repeats = int((labels[1:] == labels[:-1]).sum())
    if len(labels) + repeats > frames:
        between = f" and {repeats} blank{'s' * (repeats > 1)} between equal neighbours" if repeats else ""
        raise ValueError(
            f"labels: {len(labels)} labels{between} need at least {len(labels) + repeats} frames, got {frames}"
        )
    states = targets.states[0]  # (L,)
    path = best_states(log_probs, states[1::2], targets.skips[0, 1::2], blank)  # (T,)
    if path is None:
        raise ValueError("labels: no path has a probability above 0, because logits of -inf exclude them all")
    positions = np.where(path % 2 == 1, path // 2, BLANK)
    said, starts, ends = runs(positions)
    spans = [(int(start), int(end)) for index, start, end in zip(said, starts, ends) if index != BLANK]
    on_path = log_probs[np.arange(frames), states[path]]
    return CTCAlignment(np.where(states[path] == classes, WILDCARD, states[path]), positions, on_path, spans)


def _with_wildcard(log_probs: np.ndarray, blank: int) -> np.ndarray:
    """(T, V) -> (T, V+1): the wildcard as one class more."""
    silence = log_probs[:, blank]
    heard = np.delete(log_probs, blank, axis=1).max(axis=1, initial=-np.inf)
    return np.column_stack([log_probs, np.maximum(silence, heard - WILDCARD_COST)])


def log_probs_of(logits: Any) -> np.ndarray:
    """The logarithms of the classes' probabilities, (T, V) float64 on the host; errors as of `ctc_align`."""
    data = logits.data if isinstance(logits, Tensor) else logits
    data = to_host(data)
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
