"""Log-mel features, a "filterbank": how much energy each band of the ear has, ten milliseconds at a time.

    frames  (T, L)   see kaldi_frames, nemo_frames
    S[t, k] = sum over n of frames[t, n] exp(-2 pi i k n / 512)         Fourier transform, the frames padded with zeros
    P[t, k] = |S[t, k]|^2                                               power spectrum
    E[t, j] = sum over k of P[t, k] W[k, j]                             energies of the mel bands, see mel_filters
    features[t, j] = ln(max(E[t, j], 2^-23))                            loudness is heard in ratios; silence has no ln

These are Kaldi's. NeMo's differ in how frames are cut and weighed, and in what keeps silence from the logarithm:

    features[t, j] = ln(E[t, j] + 2^-24)

A `Recipe` is all of that; `log_mel` serves both.

T counts frames, L = 400 their samples, F = 257 frequencies, J mel bands. Everything is computed in float64 and rounded
once, to float32, at the end: a quiet band beside a loud one is lost in float32. Frames are worked on in pieces that fit
the cache, which threads share, so that nothing is in memory for all frames but the features themselves.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from npconformer.arrays import threads
from npconformer.arrays.backend import NUMPY
from npconformer.audio.kaldi_frames import FRAME_LENGTH, cut_frames, prepare_frames
from npconformer.audio.nemo_frames import cut_centred_frames, weigh_frames

FFT_LENGTH = 512  # points of the Fourier transform: the next power of two after 400
FREQUENCIES = FFT_LENGTH // 2 + 1
FLOOR = 2.0**-23  # 1.192092955078125e-07 in settings of others: what float32 can tell from 1, Kaldi's least energy
GUARD = 2.0**-24  # what NeMo adds
PIECE = 128  # frames that are worked on at a time
NUMBERS_PER_FRAME = 2 * FRAME_LENGTH + 4 * FREQUENCIES  # by which the work is shared


class Recipe(NamedTuple):
    """Where two toolkits differ.

    cut: waveform (N,) -> frames (T, L). prepare: frames to transform, written to memory that it is given, with as much
    memory to work in. guard: lifts energies above 0, in place.
    """

    cut: Callable[[np.ndarray], np.ndarray]
    prepare: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    guard: Callable[[np.ndarray], np.ndarray]


KALDI = Recipe(cut_frames, prepare_frames, lambda energy: np.maximum(energy, FLOOR, out=energy))
NEMO = Recipe(cut_centred_frames, weigh_frames, lambda energy: np.add(energy, GUARD, out=energy))


def log_mel(waveform: np.ndarray, filters: np.ndarray, recipe: Recipe = KALDI) -> np.ndarray:
    """Features (T, J), float32, of a waveform (N,) with samples in [-1, 1]; T = (N - 400) // 160 + 1.

    filters: W (F, J) of `mel_filters`. N is at least 400. With the recipe NEMO and `slaney_mel_filters`, T is
    N // 160 + 1, and N at least 201.
    """
    frames = recipe.cut(waveform)  # (T, L)
    features = np.empty((len(frames), filters.shape[1]), np.float32)  # (T, J)

    def work(first: int, stop: int) -> None:
        rooms = _rooms(min(PIECE, stop - first), filters.shape[1])
        for start in range(first, stop, PIECE):
            end = min(start + PIECE, stop)
            room = [room[: end - start] for room in rooms]
            _log_mel_piece(frames[start:end], filters, features[start:end], room, recipe)

    whole = len(frames) * NUMBERS_PER_FRAME  # each thread takes its share at once, and cuts it into pieces itself
    threads.run_products(work, len(frames), NUMBERS_PER_FRAME, NUMPY, piece_size=whole)
    return features


def _rooms(frames: int, bands: int) -> list[np.ndarray]:
    """The memory that pieces of so many frames are computed in, one after the other."""
    shapes = [(frames, FRAME_LENGTH)] * 2 + [(frames, FREQUENCIES)] * 2 + [(frames, bands)]
    return [np.empty((frames, FREQUENCIES), np.complex128), *[np.empty(shape) for shape in shapes]]


def _log_mel_piece(
    frames: np.ndarray, filters: np.ndarray, out: np.ndarray, rooms: list[np.ndarray], recipe: Recipe
) -> None:
    """Write the features (t, J) of a piece of t frames (t, L) to `out`."""
    spectrum, prepared, scratch, power, square, energy = rooms
    recipe.prepare(frames, prepared, scratch)
    np.fft.rfft(prepared, FFT_LENGTH, out=spectrum)  # (t, F)
    np.multiply(spectrum.real, spectrum.real, out=power)
    power += np.multiply(spectrum.imag, spectrum.imag, out=square)
    np.matmul(power, filters, out=energy)  # (t, J)
    np.log(recipe.guard(energy), out=energy)
    out[...] = energy
