"""Log-mel features, Kaldi's "filterbank": how much energy each band of the ear has, ten milliseconds at a time.

    frames  (T, L)   see kaldi_frames
    S[t, k] = sum over n of frames[t, n] exp(-2 pi i k n / 512)         Fourier transform, the frames padded with zeros
    P[t, k] = |S[t, k]|^2                                               power spectrum
    E[t, j] = sum over k of P[t, k] W[k, j]                             energies of the mel bands, see mel_filters
    features[t, j] = ln(max(E[t, j], 2^-23))                            loudness is heard in ratios; silence has no ln

T counts frames, L = 400 their samples, F = 257 frequencies, J mel bands. Everything is computed in float64 and rounded
once, to float32, at the end: a quiet band beside a loud one is lost in float32. Frames are worked on in pieces that fit
the cache, which threads share, so that nothing is in memory for all frames but the features themselves.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.arrays import threads
from npconformer.arrays.backend import NUMPY
from npconformer.audio.kaldi_frames import FRAME_LENGTH, cut_frames, prepare_frames

FFT_LENGTH = 512  # points of the Fourier transform: the next power of two after 400
FREQUENCIES = FFT_LENGTH // 2 + 1
FLOOR = 2.0**-23  # 1.192092955078125e-07 in settings of others: what float32 can tell from 1, Kaldi's least energy
PIECE = 128  # frames that are worked on at a time
NUMBERS_PER_FRAME = 2 * FRAME_LENGTH + 4 * FREQUENCIES  # by which the work is shared


def log_mel(waveform: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Features (T, J), float32, of a waveform (N,) with samples in [-1, 1]; T = (N - 400) // 160 + 1.

    filters: W (F, J) of `mel_filters`. N is at least 400.
    """
    frames = cut_frames(waveform)  # (T, L)
    features = np.empty((len(frames), filters.shape[1]), np.float32)  # (T, J)

    def work(first: int, stop: int) -> None:
        rooms = _rooms(min(PIECE, stop - first), filters.shape[1])
        for start in range(first, stop, PIECE):
            end = min(start + PIECE, stop)
            _log_mel_piece(frames[start:end], filters, features[start:end], [room[: end - start] for room in rooms])

    whole = len(frames) * NUMBERS_PER_FRAME  # each thread takes its share at once, and cuts it into pieces itself
    threads.run_products(work, len(frames), NUMBERS_PER_FRAME, NUMPY, piece_size=whole)
    return features


def _rooms(frames: int, bands: int) -> list[np.ndarray]:
    """The memory that pieces of so many frames are computed in, one after the other."""
    shapes = [(frames, FRAME_LENGTH)] * 2 + [(frames, FREQUENCIES)] * 2 + [(frames, bands)]
    return [np.empty((frames, FREQUENCIES), np.complex128), *[np.empty(shape) for shape in shapes]]


def _log_mel_piece(frames: np.ndarray, filters: np.ndarray, out: np.ndarray, rooms: list[np.ndarray]) -> None:
    """Write the features (t, J) of a piece of t frames (t, L) to `out`."""
    spectrum, prepared, scratch, power, square, energy = rooms
    prepare_frames(frames, prepared, scratch)
    np.fft.rfft(prepared, FFT_LENGTH, out=spectrum)  # (t, F)
    np.multiply(spectrum.real, spectrum.real, out=power)
    power += np.multiply(spectrum.imag, spectrum.imag, out=square)
    np.matmul(power, filters, out=energy)  # (t, J)
    np.log(np.maximum(energy, FLOOR, out=energy), out=energy)
    out[...] = energy
