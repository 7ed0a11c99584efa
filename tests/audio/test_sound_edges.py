"""Where sound begins and ends, on sounds whose edges are known."""

import numpy as np
import pytest

from npconformer.audio.sound_edges import SoundEdges

RATE = 16000


def sound(*parts, noise=0.0, seed=0):
    """Seconds of silence and of noise in turn, (seconds, amplitude) each, in background noise."""
    random = np.random.default_rng(seed)
    waveform = np.concatenate([a * random.standard_normal(round(s * RATE)) for s, a in parts])
    return (waveform + noise * random.standard_normal(len(waveform))).astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.01])
def test_a_word_said_too_early_begins_with_its_sound(noise):
    edges = SoundEdges(sound((0.5, 0), (0.4, 0.2), (0.5, 0), noise=noise), RATE)
    assert edges.begins(0.0, 0.7) == pytest.approx(0.5, abs=0.011)
    assert edges.begins(0.3, 0.7) == pytest.approx(0.5, abs=0.011)
    assert edges.begins(0.6, 0.8) == 0.6  # in the sound
    assert edges.begins(0.47, 0.8) == 0.47  # a little silence before a word may be its first consonant


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.01])
def test_a_word_goes_on_as_long_as_its_sound(noise):
    edges = SoundEdges(sound((0.5, 0), (0.4, 0.2), (0.5, 0), noise=noise), RATE)
    assert edges.ends(0.5, 0.7, 1.4) == pytest.approx(0.9, abs=0.011)
    assert edges.ends(0.5, 0.7, 0.805) == 0.805  # where the next word starts
    assert edges.ends(0.5, 1.2, 1.4) == pytest.approx(0.9, abs=0.011)  # said after it


def test_a_stop_is_no_end_and_a_pause_is():
    edges = SoundEdges(sound((0.3, 0.2), (0.07, 0), (0.05, 0.1), (0.3, 0), (0.3, 0.2)), RATE)
    assert edges.ends(0.0, 0.2, 1.0) == pytest.approx(0.42, abs=0.011)


def test_a_click_is_no_beginning():
    edges = SoundEdges(sound((0.2, 0), (0.01, 0.3), (0.3, 0), (0.4, 0.2)), RATE)
    assert edges.begins(0.0, 0.8) == pytest.approx(0.51, abs=0.011)


@pytest.mark.parametrize("amplitude", [0.0, 0.2])
def test_where_nothing_changes_times_stay(amplitude):
    edges = SoundEdges(sound((1.0, amplitude)), RATE)
    assert edges.begins(0.2, 0.5) == 0.2
    assert edges.ends(0.2, 0.5, 0.5) == 0.5


def test_a_little_louder_is_no_edge():
    edges = SoundEdges(sound((0.5, 0.1), (0.5, 0.17)), RATE)
    assert edges.begins(0.1, 0.9) == 0.1


def test_edges_of_the_recording():
    edges = SoundEdges(sound((0.3, 0.2)), RATE)
    assert edges.ends(0.1, 0.3, 0.305) <= 0.305
    assert edges.begins(0.3, 0.32) == 0.3 and edges.ends(0.3, 0.32, 0.4) == 0.32  # after all samples
    assert SoundEdges(np.zeros(10, np.float32), RATE).begins(0.0, 0.02) == 0.0
    with pytest.raises(ValueError, match=r"waveform: expected the samples of one channel, .*\(2, 3\)"):
        SoundEdges(np.zeros((2, 3)), RATE)
