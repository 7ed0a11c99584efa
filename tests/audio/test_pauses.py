"""Pauses in sounds whose pauses are known, and where there are none; no signal raises anything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.audio.pauses import SILENCE_DB, find_cut, find_pauses, smoothed_levels

RATE = 16000


def sound(*stretches, floor=0.001, seed=0):
    """Noise as loud as speech, and as the room, in turn: seconds of each, (N,)."""
    rng = np.random.default_rng(seed)
    levels = [0.1 if i % 2 == 0 else floor for i in range(len(stretches))]
    return np.concatenate([level * rng.standard_normal(round(s * RATE)) for s, level in zip(stretches, levels)])


@pytest.mark.parametrize("floor", [0.001, 0.004, 0.0])
def test_pauses_are_where_they_were_put(floor):
    pauses = find_pauses(sound(2.0, 0.5, 1.0, 0.1, 1.0, 0.3, 2.0, floor=floor), RATE)
    times = [(pause.start / RATE, pause.stop / RATE) for pause in pauses]
    assert len(times) == 2  # that of a tenth of a second is none
    np.testing.assert_allclose(times, [(2.0, 2.5), (4.6, 4.9)], rtol=0, atol=0.031)
    np.testing.assert_allclose([pause.middle / RATE for pause in pauses], [2.25, 4.75], rtol=0, atol=0.011)


def test_the_loudness_of_the_recording_changes_nothing():
    waveform = sound(2.0, 0.5, 1.0, 0.3, 2.0)
    assert len(find_pauses(waveform, RATE)) == 2
    assert find_pauses(waveform * 0.01, RATE) == find_pauses(waveform, RATE) == find_pauses(waveform * 9, RATE)


def test_another_rate_gives_the_same_times():
    (fast,), (slow,) = find_pauses(sound(2.0, 0.5, 2.0), RATE), find_pauses(sound(2.0, 0.5, 2.0)[::2], RATE // 2)
    np.testing.assert_allclose(2 * np.array(slow), fast, rtol=0, atol=320)


def test_one_gap_of_digital_zeros_does_not_hide_the_pauses_of_the_room():
    waveform = sound(2.0, 0.5, 2.0, 0.5, 2.0)
    waveform[8000:14400] = 0.0
    assert len(find_pauses(waveform, RATE)) == 3


def test_a_click_does_not_hide_them():
    waveform = sound(2.0, 0.5, 2.0)
    waveform[8000:8100] = 50.0
    assert len(find_pauses(waveform, RATE)) == 1


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.3])
def test_in_constant_sound_there_is_none(level):
    waveform = level * np.random.default_rng(0).standard_normal(20 * RATE)
    assert find_pauses(waveform, RATE) == [] and find_cut(waveform, RATE, 0, len(waveform)) is None


def test_in_a_tone_that_swells_there_is_none():
    times = np.arange(20 * RATE) / RATE
    assert find_pauses((0.6 + 0.3 * np.sin(3 * times)) * np.sin(2765 * times), RATE) == []


def test_the_cut_is_in_the_longest_pause_within_reach():
    waveform = sound(2.0, 0.3, 1.0, 0.8, 1.0, 0.5, 2.0)
    longest, last = 3.7, 5.35
    assert find_cut(waveform, RATE, 0, len(waveform)) == pytest.approx(longest * RATE, abs=200)
    assert find_cut(waveform, RATE, 0, round(3.0 * RATE)) == pytest.approx(2.15 * RATE, abs=200)
    assert find_cut(waveform, RATE, round(4.0 * RATE), len(waveform)) == pytest.approx(last * RATE, abs=200)
    assert find_cut(waveform, RATE, round(6.0 * RATE), len(waveform)) is None
    middle = find_cut(waveform, RATE, 0, len(waveform))
    assert find_cut(waveform, RATE, middle, middle) == middle  # at the limits themselves
    assert find_cut(waveform, RATE, middle + 1, round(4.5 * RATE)) is None
    assert find_cut(waveform, RATE, round(2.5 * RATE), middle - 1) is None


def test_of_two_as_long_the_later_one():
    waveform = np.tile(np.concatenate([np.ones(RATE), np.zeros(RATE // 2)]), 2)
    assert find_cut(np.append(waveform, np.ones(RATE)), RATE, 0, 4 * RATE) == pytest.approx(2.75 * RATE, abs=200)


def test_levels_by_hand():
    waveform = np.repeat([0.0, 1.0, 0.1, 0.0, 0.0, 0.0, 0.0], 160)
    power = np.array([0, 1, 0.01, 0, 0, 0, 0])
    expected = [power[max(i - 2, 0) : i + 3].sum() / 5 for i in range(7)]
    with np.errstate(divide="ignore"):
        expected = np.maximum(10 * np.log10(expected), SILENCE_DB)
    np.testing.assert_allclose(smoothed_levels(waveform, 160), expected, rtol=0, atol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 9000), st.sampled_from([0.0, 1e-6, 0.01, 1.0, 1e4])), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_signal(stretches):
    rng = np.random.default_rng(1)
    waveform = np.concatenate([np.zeros(0), *(level * rng.standard_normal(count) for count, level in stretches)])
    pauses = find_pauses(waveform.astype(np.float32), RATE)
    edges = [edge for pause in pauses for edge in pause]
    assert edges == sorted(set(edges)) and all(0 <= edge <= len(waveform) for edge in edges)
    assert all(pause.stop - pause.start >= 0.2 * RATE for pause in pauses)


def test_two_channels_are_refused():
    with pytest.raises(ValueError, match=r"waveform: expected .* shape \(N,\), got shape \(2, 100\)"):
        find_pauses(np.zeros((2, 100)), RATE)
