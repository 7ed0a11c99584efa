"""Augmentation: what each kind does to the samples, its ranges, and that all of it comes from the generator."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from npconformer.data import Augmentation, Colour, Gain, Joining, Noise, Silence, Speed
from npconformer.data.sound_changes import add_noise, amplitude, change_speed, level_of, white_noise

RATE = 16000
ALWAYS = {"probability": 1.0}


def tone(seconds=0.5, hertz=440.0, level=0.2):
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sqrt(2) * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def no_file(path):
    raise AssertionError(f"{path} was read")


def make(augmentation, waveforms, seed=0, read=no_file):
    random = np.random.default_rng(seed)
    timing = augmentation.draw_timing(len(waveforms), random)
    return *augmentation.apply(waveforms, timing, RATE, random, read), timing


def test_nothing_is_changed_without_augmentation():
    waveform = tone()
    made, starts, timing = make(Augmentation(), [waveform])
    assert made is waveform
    assert (starts, timing.seconds([0.5])) == ([0], 0.5)
    never = Augmentation(
        *(kind(probability=0.0) for kind in (Speed, Joining, Silence, Noise, Gain, Colour)),
    )
    np.testing.assert_array_equal(make(never, [waveform])[0], waveform)


ALL = Augmentation(Speed(), Joining(), Silence(), Noise(), Gain(), Colour())


@given(st.integers(0, 1000), st.integers(1, 4))
def test_lengths_places_and_dtype(seed, count):
    waveforms = [tone(0.05 + 0.02 * i) for i in range(count)]
    made, starts, timing = make(ALL, waveforms, seed)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert abs(len(made) / RATE - timing.seconds([len(w) / RATE for w in waveforms])) < 1e-3
    assert starts == sorted(starts)
    ends = [start + len(w) / speed for start, w, speed in zip(starts, waveforms, timing.speeds)]
    assert all(end <= start + 1 for end, start in zip(ends, [*starts[1:], len(made)]))
    again, same_starts, _ = make(ALL, waveforms, seed)
    np.testing.assert_array_equal(made, again)
    assert starts == same_starts


def test_what_comes_in_is_not_changed():
    waveform = tone()
    waveform.flags.writeable = False
    make(Augmentation(Speed(1), None, Silence(1), Noise(1), Gain(1), Colour(1)), [waveform])


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_changes_length_and_pitch(factor):
    fast, starts, timing = make(Augmentation(speed=Speed(1.0, (factor, factor))), [tone(1.0)])
    assert len(fast) == round(RATE / factor)
    assert (starts, timing.speeds) == ([0], (factor,))
    spectrum = np.abs(np.fft.rfft(fast * np.hanning(len(fast))))
    assert spectrum.argmax() * RATE / len(fast) == pytest.approx(440 * factor, abs=2)


def test_speed_of_one_is_the_waveform_itself():
    waveform = tone()
    assert change_speed(waveform, 1.0, RATE) is waveform


def test_silence_lies_before_and_behind():
    waveform = tone()
    silence = Silence(1.0, (0.1, 0.3), floor=(-60, -60))
    made, (start,), timing = make(Augmentation(silence=silence), [waveform])
    assert 0.1 <= timing.before <= 0.3
    assert 0.1 <= timing.behind <= 0.3
    assert start == round(timing.before * RATE)
    np.testing.assert_array_equal(made[start : start + len(waveform)], waveform)
    for quiet in (made[:start], made[start + len(waveform) :]):
        assert level_of([quiet]) == pytest.approx(0.2e-3, rel=0.1)


def test_joined_with_gaps():
    waveforms = [tone(0.1), tone(0.2, 600), tone(0.1, 800)]
    made, starts, timing = make(Augmentation(joining=Joining(gap=(0.05, 0.1))), waveforms)
    assert len(timing.gaps) == 2
    for start, waveform in zip(starts, waveforms):
        np.testing.assert_array_equal(made[start : start + len(waveform)], waveform)
    assert starts[0] == 0
    assert 800 <= starts[1] - 1600 <= 1600


@pytest.mark.parametrize("decibels", [-5.0, 10.0, 40.0])
def test_white_noise_has_its_ratio(decibels):
    waveform = tone(2.0)
    noisy, _, _ = make(Augmentation(noise=Noise(1.0, (decibels, decibels))), [waveform])
    assert 20 * np.log10(0.2 / level_of([noisy - waveform])) == pytest.approx(decibels, abs=0.3)


def test_the_ratio_does_not_count_silence():
    waveform = tone(1.0)
    augmentation = Augmentation(silence=Silence(1.0, (2.0, 2.0), (-200, -200)), noise=Noise(1.0, (20, 20)))
    noisy, (start,), _ = make(augmentation, [waveform])
    assert level_of([noisy[:start]]) == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("seconds", [0.1, 3.0])
def test_noise_from_files(seconds):
    """Of noise that is longer a stretch, of noise that is shorter all of it again and again."""
    waveform, source = tone(1.0), white_noise(round(seconds * RATE), 0.7, np.random.default_rng(9))
    augmentation = Augmentation(noise=Noise(1.0, (20, 20), ("fan.wav",)))
    noisy, _, _ = make(augmentation, [waveform], read={"fan.wav": source}.__getitem__)
    added = noisy - waveform
    assert level_of([added]) == pytest.approx(0.02, rel=0.01)
    wrapped = np.concatenate([source] * 2) if seconds > 1 else np.resize(source, 3 * RATE)
    scale = added.std() / wrapped.std()
    match = np.correlate(wrapped[: 2 * 48000], added / scale, "valid")
    first = int(match.argmax())
    np.testing.assert_allclose(added, wrapped[first : first + RATE] * (added[0] / wrapped[first]), atol=1e-5)


def test_every_file_and_every_place_is_used():
    random = np.random.default_rng(0)
    sources = {name: np.arange(100, dtype=np.float32) + 1000 * i for i, name in enumerate("ab")}
    seen = set()
    for _ in range(200):
        made = add_noise(np.zeros(90, np.float32), 1.0, ("a", "b"), random, sources.__getitem__)
        seen.add(round(float(made[0] / (made[1] - made[0]))))
    assert seen >= {*range(0, 11), *range(1000, 1011)}


def test_digital_silence_gets_no_noise():
    nothing = np.zeros(1000, np.float32)
    made, _, _ = make(Augmentation(None, None, Silence(1.0), Noise(1.0), Gain(1.0), Colour(1.0)), [nothing])
    assert not made.any()
    silent_file = Augmentation(noise=Noise(1.0, files=("a",)))
    np.testing.assert_array_equal(make(silent_file, [tone()], read=lambda path: nothing)[0], tone())


def test_gain():
    louder, _, _ = make(Augmentation(gain=Gain(1.0, (6.0, 6.0))), [tone()])
    np.testing.assert_allclose(louder, tone() * amplitude(6.0), rtol=1e-6)
    assert amplitude(-20) == pytest.approx(0.1)


def test_probabilities_and_ranges():
    random = np.random.default_rng(0)
    augmentation = Augmentation(Speed(0.3, (0.9, 1.2)), None, Silence(0.6, (0.1, 0.4)))
    timings = [augmentation.draw_timing(1, random) for _ in range(4000)]
    speeds = np.array([timing.speeds[0] for timing in timings])
    silences = np.array([timing.before for timing in timings])
    assert (speeds != 1).mean() == pytest.approx(0.3, abs=0.03)
    assert (silences > 0).mean() == pytest.approx(0.6, abs=0.03)
    changed, quiet = speeds[speeds != 1], silences[silences > 0]
    assert (changed.min(), changed.max()) == pytest.approx((0.9, 1.2), abs=0.01)
    assert (quiet.min(), quiet.max()) == pytest.approx((0.1, 0.4), abs=0.01)


@given(st.lists(st.floats(0.1, 12), max_size=60), st.integers(0, 100))
def test_groups_hold_every_example_once(seconds, seed):
    joining = Joining(0.7, (2, 5), (0.1, 0.5), longest_seconds=10.0)
    groups = Augmentation(joining=joining).group(seconds, np.random.default_rng(seed))
    assert sorted(i for group in groups for i in group) == list(range(len(seconds)))
    for group in groups:
        assert len(group) <= 5
        assert len(group) == 1 or sum(seconds[i] for i in group) + 0.5 * (len(group) - 1) <= 10 + 1e-9


def test_groups_without_joining():
    assert Augmentation().group([1, 2], np.random.default_rng(0)) == [[0], [1]]
    sizes = [
        len(group) for group in Augmentation(joining=Joining(0.5, (2, 3))).group([1.0] * 4000, np.random.default_rng(0))
    ]
    assert set(sizes) == {1, 2, 3}
    assert np.mean(np.array(sizes) > 1) == pytest.approx(0.5, abs=0.04)


def test_settings_survive_json():
    import json

    settings = json.loads(json.dumps(ALL.to_dict()))
    assert Augmentation.from_dict(settings) == ALL
    assert Augmentation.from_dict({"speed": {}, "noise": None}) == Augmentation(speed=Speed())
    assert Augmentation.from_dict({}).to_dict() == {}
    assert (ALL.fastest, Augmentation().fastest, Augmentation(Speed(1, (0.5, 0.8))).fastest) == (1.1, 1.0, 1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"echo": {}}, "unknown echo; known are speed, joining"),
        ([], "expected an object"),
        ({"speed": 1.1}, "speed must be an object of probability, factor"),
        ({"speed": {"range": [1, 2]}}, "speed must be an object of probability, factor"),
        ({"speed": {"factor": [1.1, 0.9]}}, "Speed: factor must be two numbers"),
        ({"speed": {"factor": [0, 1]}}, "from 0.25 to 4"),
        ({"speed": {"factor": 1}}, "factor must be two numbers"),
        ({"speed": {"factor": ["a", "b"]}}, "factor must be two numbers"),
        ({"speed": {"probability": 1.5}}, "Speed: probability must be a number from 0 to 1, got 1.5"),
        ({"gain": {"probability": True}}, "Gain: probability"),
        ({"joining": {"utterances": [1, 2]}}, "utterances must be two whole numbers"),
        ({"joining": {"utterances": [2, 2.5]}}, "utterances must be two whole numbers"),
        ({"joining": {"longest_seconds": 0}}, "longest_seconds must be above 0"),
        ({"silence": {"seconds": [-1, 0]}}, "Silence: seconds"),
        ({"noise": {"ratio": [float("nan"), 1]}}, "Noise: ratio"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Augmentation.from_dict(settings)


def test_real_speech_keeps_its_level_at_zero_gain(shared):
    speech, _ = soundfile.read(shared / "data" / "fsdd" / "7_theo_9.wav", dtype="float32")
    noisy, _, _ = make(Augmentation(noise=Noise(1.0, (15, 15))), [speech])
    assert 10 * np.log10(np.mean(speech**2) / np.mean((noisy - speech) ** 2)) == pytest.approx(15, abs=0.5)


def test_colour_is_a_filter_of_the_stated_strength():
    impulse = np.zeros(1600, np.float32)
    impulse[100] = 1.0
    augmentation = Augmentation(colour=Colour(1.0, (0.5, 0.5), (0.002, 0.002)))
    answer, _, _ = make(augmentation, [impulse])
    assert answer.dtype == np.float32 and answer.shape == impulse.shape
    assert not answer[:100].any() and not answer[133:].any()  # 32 samples at 16 kHz
    assert answer[100] == 1.0
    np.testing.assert_allclose(np.sum(answer[101:] ** 2.0), 0.25, rtol=1e-5)

    noise = np.random.default_rng(1).standard_normal(1600).astype(np.float32)
    naive = [sum(answer[100 + k] * noise[n - k] for k in range(33) if n >= k) for n in range(1600)]
    np.testing.assert_allclose(make(augmentation, [noise])[0], naive, atol=1e-4)
    same, _, _ = make(Augmentation(colour=Colour(1.0, (0.0, 0.0))), [noise])
    np.testing.assert_array_equal(same, noise)
