"""The loader: the same batches whatever the threads, from any place on, bounded work, errors that name files."""

import dataclasses
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_checkpoints import make_waveforms

from npconformer import SeamlessM4TFeatureExtractor, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor
from npconformer.data import (
    AudioReader,
    Augmentation,
    Example,
    Gain,
    Joining,
    Loader,
    Noise,
    Selection,
    Silence,
    Speed,
    select_examples,
)
from npconformer.data.targets import ClassTargets, TextTargets
from npconformer.models.frame_clock import FrameClock, Stage

WORDS = ["ONE", "TWO", "FIVE", "NINE"]
ALL = Augmentation(Speed(), Joining(), Silence(), Noise(), Gain())


CLOCK = FrameClock(16000, Stage(1, 1), (Stage(320, 320),))
ROWS = FrameClock(16000, Stage(560, 320), ())  # of a filterbank
KINDS = ["waveform", "filterbank"]


@pytest.fixture(scope="module")
def letters():
    return Wav2Vec2CTCTokenizer({token: i for i, token in enumerate(["<pad>", "<unk>", "|", *"EFINOTVW"])})


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    lengths = np.random.default_rng(0).integers(4000, 24000, 30).tolist()
    for i, waveform in enumerate(make_waveforms(lengths)):
        soundfile.write(folder / f"{i}.wav", waveform, 16000)
    return [Example(str(folder / f"{i}.wav"), text=WORDS[i % 4], label=str(i % 3)) for i in range(30)]


@pytest.fixture
def make(letters, examples):
    def make(**settings):
        filterbank = settings.pop("kind", "waveform") == "filterbank"
        clock = ROWS if filterbank else CLOCK
        targets = TextTargets(letters, clock, 11, 0, clock.receptive_field)
        reader = settings.pop("reader", None) or AudioReader(16000)
        selection = select_examples(settings.pop("examples", examples), targets, reader)
        settings = {"seed": 3, "max_seconds": 6.0, "augmentation": ALL, "workers": 0, **settings}
        extractor = SeamlessM4TFeatureExtractor() if filterbank else Wav2Vec2FeatureExtractor()
        extractor.return_attention_mask = settings.pop("mask", True)
        return Loader(selection, targets, extractor, reader=reader, **settings)

    return make


def equal(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_arrays_of_a_batch(make, letters):
    for batch in make().epoch(0):
        values, mask, labels = batch["input_values"], batch["attention_mask"], batch["labels"]
        assert (values.dtype, mask.dtype, labels.dtype) == (np.float32, np.int32, np.int64)
        assert values.shape == mask.shape
        assert len(labels) == len(values)
        for row, marked, ids in zip(values, mask, labels):
            speech = row[marked == 1]
            assert abs(speech.mean()) < 1e-3
            assert speech.std() == pytest.approx(1, abs=1e-3)
            assert set(letters.decode(ids[ids >= 0], group_tokens=False).split()) <= set(WORDS)


def test_every_example_once_an_epoch(make):
    loader = make()
    for epoch in (0, 1):
        names = [name for i in range(loader.num_batches(epoch)) for name in loader.names(epoch, i)]
        assert len(names) == len(set(names)) == 30


def test_labels_are_those_of_the_recordings(make, examples, letters):
    loader = make(augmentation=None, batch_size=4, max_seconds=None)
    text_of = {example.name: example.text for example in examples}
    for index, batch in enumerate(loader.epoch(2)):
        texts = [letters.decode(ids[ids >= 0], group_tokens=False) for ids in batch["labels"]]
        assert texts == [text_of[name] for name in loader.names(2, index)]
        expected = [soundfile.read(name)[0].shape[0] for name in loader.names(2, index)]
        assert batch["attention_mask"].sum(axis=1).tolist() == expected


def test_batches_keep_to_the_seconds_after_augmentation(make):
    for epoch in range(3):
        for batch in make().epoch(epoch):
            count, samples = batch["input_values"].shape
            assert count == 1 or count * samples / 16000 <= 6.0 + 0.01


def test_rows_of_a_filterbank(make):
    """A mask always, rows of two frames each, and no text that is longer than its rows."""
    for batch in make(kind="filterbank").epoch(0):
        features, mask = batch["input_features"], batch["attention_mask"]
        assert (features.dtype, mask.dtype) == (np.float32, np.int32)
        assert features.shape == (*mask.shape, 160) and len(batch["labels"]) == len(mask)
        for rows, marked, ids in zip(features, mask, batch["labels"]):
            bands = rows[marked == 1].reshape(-1, 80)
            assert np.abs(bands.mean(axis=0)).max() < 0.2 and abs(bands.std() - 1) < 0.1  # seen are whole rows
            assert marked.sum() >= len(ids[ids >= 0])


def test_rows_that_count_are_those_of_the_clock(make, examples):
    loader = make(kind="filterbank", augmentation=None, batch_size=4, max_seconds=None)
    for index, batch in enumerate(loader.epoch(0)):
        samples = np.array([soundfile.info(name).frames for name in loader.names(0, index)])
        assert batch["attention_mask"].sum(axis=1).tolist() == ROWS.frames(samples).tolist()
        frames = (samples.max() - 400) // 160 + 1
        assert batch["attention_mask"].shape[1] == -(-frames // 2)  # to a multiple of two frames


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("workers", "look_ahead"), [(1, 1), (1, 4), (3, 2), (4, 9)])
def test_threads_change_nothing(make, kind, workers, look_ahead):
    expected = list(make(kind=kind).epoch(1))
    got = list(make(kind=kind, workers=workers, look_ahead=look_ahead).epoch(1))
    assert len(got) == len(expected) == make(kind=kind).num_batches(1)
    assert all(map(equal, got, expected))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [0, 2])
def test_going_on_at_any_batch(make, kind, workers):
    whole = list(make(kind=kind).epoch(1))
    for start in (0, 1, len(whole) // 2, len(whole)):
        rest = list(make(kind=kind, workers=workers).epoch(1, start))
        assert len(rest) == len(whole) - start
        assert all(map(equal, rest, whole[start:]))
    assert equal(make(kind=kind).load(1, 3), whole[3])


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_and_seeds_differ(make, kind):
    first = make(kind=kind).load(0, 0)
    assert not equal(first, make(kind=kind).load(1, 0))
    assert not equal(first, make(kind=kind, seed=4).load(0, 0))
    assert equal(first, make(kind=kind).load(0, 0))
    assert make(kind=kind).fingerprint() != make(kind="filterbank" if kind == "waveform" else "waveform").fingerprint()


def test_the_cache_changes_nothing(make):
    without = make(reader=AudioReader(16000, cache_bytes=0), workers=2)
    assert all(map(equal, without.epoch(0), make().epoch(0)))


def test_a_fingerprint_tells_what_gives_other_batches(make, examples, tmp_path):
    def noisy(folder, samples):
        folder.mkdir()
        soundfile.write(folder / "fan.wav", np.ones(samples) * 0.1, 16000)
        return make(augmentation=Augmentation(noise=Noise(files=(str(folder / "fan.wav"),))))

    moved = tmp_path / "moved"
    shutil.copytree(Path(examples[0].path).parent, moved)
    moved = [dataclasses.replace(one, path=str(moved / Path(one.path).name)) for one in examples]
    corrected = [dataclasses.replace(examples[0], text="NONE"), *examples[1:]]
    same = [make(), make(workers=3, look_ahead=1), make(reader=AudioReader(16000, 0)), make(examples=moved)]
    others = [
        make(seed=4),
        make(max_seconds=5.0),
        make(batch_size=3),
        make(shuffle=False),
        make(augmentation=None),
        make(examples=examples[:-1]),
        make(examples=examples[::-1]),
        make(examples=corrected),
        make(mask=False),
        noisy(tmp_path / "quiet", 4000),
        noisy(tmp_path / "loud", 5000),
    ]
    assert len({loader.fingerprint() for loader in same}) == 1
    assert len({loader.fingerprint() for loader in [*same, *others]}) == 1 + len(others)
    assert noisy(tmp_path / "again", 5000).fingerprint() == others[-1].fingerprint()


def test_without_a_mask(make):
    batch = next(make(mask=False, batch_size=2).epoch(0))
    assert batch.keys() == {"input_values", "labels"}


@pytest.mark.parametrize("mask", [True, False])
def test_evaluation_pads_only_with_a_mask(make, examples, mask):
    """Four recordings, each twice: without a mask the batches are the four pairs."""
    loader = make(mask=mask, shuffle=False, augmentation=None, examples=examples[:4] * 2, max_seconds=30.0)
    sizes = [len(batch["labels"]) for batch in loader.epoch(0)]
    assert sizes == ([8] if mask else [2, 2, 2, 2])


def test_work_ahead_is_bounded(make, monkeypatch):
    started, lock = [], threading.Lock()
    load = Loader.load

    def counted(self, epoch, index):
        with lock:
            started.append(index)
        return load(self, epoch, index)

    monkeypatch.setattr(Loader, "load", counted)
    loader = make(workers=3, look_ahead=2, batch_size=1, augmentation=None)
    batches = loader.epoch(0)
    assert started == []  # nothing is done before the first is asked for
    for taken in range(1, 6):
        next(batches)
        time.sleep(0.05)
        assert len(started) <= taken + 2
    batches.close()


def data_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("npconformer-data")]


def test_leaving_stops_the_threads(make):
    batches = make(workers=3).epoch(0)
    next(batches)
    assert data_threads()
    batches.close()
    assert not data_threads()
    for _ in make(workers=2).epoch(0):
        break
    list(make(workers=2).epoch(0))
    assert not data_threads()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_recording_that_vanishes_is_named_where_its_batch_would_come(make, tmp_path, workers):
    own = []
    for i, waveform in enumerate(make_waveforms([8000] * 6)):
        soundfile.write(tmp_path / f"{i}.wav", waveform, 16000)
        own.append(Example(str(tmp_path / f"{i}.wav"), text="ONE"))
    loader = make(
        examples=own,
        reader=AudioReader(16000, 0),
        batch_size=1,
        max_seconds=None,
        augmentation=None,
        workers=workers,
    )
    (gone,) = loader.names(0, 2)
    (tmp_path / gone).unlink()
    batches = loader.epoch(0)
    assert equal(next(batches), loader.load(0, 0))
    next(batches)
    with pytest.raises(FileNotFoundError, match=gone):
        next(batches)
    assert not data_threads()


def test_any_error_names_the_recording(make, monkeypatch):
    loader = make(workers=2)

    def fail(self, example):
        raise ZeroDivisionError("something broke")

    monkeypatch.setattr(AudioReader, "__call__", fail)
    with pytest.raises(ValueError, match=r"\d+\.wav: something broke"):
        list(loader.epoch(0))


def test_noise_files_are_read_at_the_rate(make, tmp_path):
    soundfile.write(tmp_path / "fan.wav", np.random.default_rng(0).standard_normal(4000) * 0.1, 8000)
    noise = Noise(1.0, (0.0, 0.0), (str(tmp_path / "fan.wav"),))
    noisy, clean = (next(make(augmentation=Augmentation(noise=kind), batch_size=1).epoch(0)) for kind in (noise, None))
    assert noisy["input_values"].shape == clean["input_values"].shape
    assert np.corrcoef(noisy["input_values"][0], clean["input_values"][0])[0, 1] == pytest.approx(0.7, abs=0.1)


def test_what_no_longer_fits_is_heard_alone(letters, tmp_path):
    """Two words that just fit leave no frame for the space between them when nothing lies between."""
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", make_waveforms([3 * 320])[0], 16000)
    targets, reader = TextTargets(letters, CLOCK, 11, 0, 320), AudioReader(16000)
    tight = [Example(str(tmp_path / f"{name}.wav"), text="ONE") for name in "ab"]
    augmentation = Augmentation(joining=Joining(1.0, (2, 2), gap=(0.0, 0.0)))
    loader = Loader(
        select_examples(tight, targets, reader),
        targets,
        Wav2Vec2FeatureExtractor(),
        seed=0,
        batch_size=1,
        augmentation=augmentation,
        reader=reader,
    )
    (batch,) = loader.epoch(0)
    assert batch["input_values"].shape == (1, 960)
    assert batch["labels"].shape == (1, 3)


def test_wrong_settings(make, letters, examples):
    with pytest.raises(ValueError, match="no examples"):
        make(examples=[])
    with pytest.raises(ValueError, match="batch_size, max_seconds or both"):
        make(max_seconds=None)
    with pytest.raises(ValueError, match="look_ahead at least 1"):
        make(look_ahead=0)
    with pytest.raises(ValueError, match="seed must be"):
        make(seed=-1)
    with pytest.raises(ValueError, match="start must be from 0 to"):
        make().epoch(0, 1000)
    extractor, selection = Wav2Vec2FeatureExtractor(), Selection(examples, [8000] * 30, [0] * 30)
    labels = ClassTargets({"0": 0, "1": 1}, CLOCK)
    with pytest.raises(FileNotFoundError, match=r"gone\.wav: no such recording of noise"):
        make(augmentation=Augmentation(noise=Noise(files=("gone.wav",))))
    with pytest.raises(ValueError, match="joining needs labels that can be joined"):
        Loader(selection, labels, extractor, 0, 1, augmentation=Augmentation(joining=Joining()))
    with pytest.raises(ValueError, match="reads at 8000 Hz, the feature extractor takes 16000 Hz"):
        Loader(selection, labels, extractor, 0, 1, reader=AudioReader(8000))
