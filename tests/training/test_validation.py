"""Validation: each task's figures by hand, and independence of batches and of chance."""

from types import SimpleNamespace

import numpy as np
import pytest
from tiny_training import CASES, KINDS, TinyLoader, tiny_model, tiny_processor

from npconformer.arrays import generator
from npconformer.metrics import equal_error_rate
from npconformer.training import evaluate, task_for, validate
from npconformer.training.validation_measures import ClassMeasures, FrameMeasures, SpeakerMeasures, TextMeasures


@pytest.mark.parametrize(("kind", "head"), CASES)
def test_chance_has_no_part_and_nothing_changes(kind, head):
    model = tiny_model(head, kind=kind).train()
    state, before = generator.get_state(), {name: array.copy() for name, array in model.state_dict().items()}
    batches = list(TinyLoader(head, batches=2, size=4, kind=kind).epoch(0))
    figures = [validate(model, batches, tiny_processor()) for _ in range(2)]
    assert figures[0] == figures[1] and np.isfinite(figures[0]["loss"])
    assert task_for(model).metric in figures[0]
    assert model.training and generator.get_state() == state
    assert all((array == before[name]).all() for name, array in model.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_batches_have_no_part(kind):
    """One utterance at a time, cut to its length, or all at once."""
    model = tiny_model(kind=kind)
    batch = TinyLoader(size=5, kind=kind).batch(0, 0)
    alone = []
    for i, length in enumerate(batch["attention_mask"].sum(axis=1)):
        alone.append({name: array[i : i + 1, :length] for name, array in batch.items()})
    together, apart = (validate(model, batches, tiny_processor()) for batches in ([batch], alone))
    assert together["wer"] == apart["wer"] and together["cer"] == apart["cer"]
    assert together["loss"] == pytest.approx(apart["loss"], rel=1e-5)


def test_texts():
    measures = TextMeasures(tiny_processor().tokenizer)
    ids = np.array([[2, 2, 0, 3, 1, 4], [5, 0, 5, 6, 6, 6]])  # AB C with | between; DD and garbage behind it
    logits = np.eye(8)[ids]
    labels = np.array([[2, 3, 1, 4], [5, 5, -100, -100]])
    measures.add(SimpleNamespace(logits=logits), {"labels": labels}, np.array([6, 3]))
    assert (measures.errors.words.length, measures.errors.characters.length) == (3, 6)  # AB C and DD
    assert measures.result() == {"wer": 0.0, "cer": 0.0}
    measures.add(SimpleNamespace(logits=logits[1:]), {"labels": labels[1:]}, None)
    assert measures.result() == {"wer": 0.25, "cer": 1 / 8}  # DDE for DD


def test_classes():
    measures = ClassMeasures()
    logits = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    measures.add(SimpleNamespace(logits=logits), {"labels": np.array([0, 0, -100])}, None)
    assert measures.result() == {"accuracy": 0.5}
    nothing = ClassMeasures()
    nothing.add(SimpleNamespace(logits=logits), {"labels": np.full(3, -100)}, None)
    assert nothing.result() == {"accuracy": 0.0}  # as the log has it
    several = ClassMeasures()
    labels = np.array([[1, 1], [0, 1], [0, 0]], np.float32)
    several.add(SimpleNamespace(logits=logits - 0.5), {"labels": labels}, None)
    assert several.result() == {"accuracy": pytest.approx(2 / 3)}


def test_frames():
    logits = np.array([[[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]]])
    labels = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-100.0, -100.0]]])
    for kind, lengths, expected in [
        ("multi_label_classification", None, 3 / 6),
        ("multi_label_classification", np.array([2]), 2 / 4),
        (None, np.array([4]), 2 / 3),
        (None, np.array([1]), 0.0),
    ]:
        measures = FrameMeasures(kind)
        measures.add(SimpleNamespace(logits=logits), {"labels": labels}, lengths)
        assert measures.result() == {"frame_error": pytest.approx(expected)}


def test_speakers():
    rng = np.random.default_rng(0)
    vectors, speakers = rng.normal(size=(7, 3)), np.array([0, 1, 0, 1, 2, 2, 0])
    vectors *= 10.0 ** rng.integers(-3, 4, size=(7, 1))  # whose lengths play no part
    measures = SpeakerMeasures()
    measures.add(SimpleNamespace(embeddings=vectors[:4]), {"labels": speakers[:4]}, None)
    measures.add(SimpleNamespace(embeddings=vectors[4:]), {"labels": speakers[4:]}, None)
    scores, same = [], []
    for i in range(7):
        for j in range(i):
            a, b = vectors[i], vectors[j]
            scores.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            same.append(speakers[i] == speakers[j])
    assert measures.result() == {"eer": pytest.approx(equal_error_rate(scores, same).rate)}
    alike = SpeakerMeasures()
    alike.add(SimpleNamespace(embeddings=vectors), {"labels": np.zeros(7)}, None)
    assert np.isnan(alike.result()["eer"])
    strangers = SpeakerMeasures()
    strangers.add(SimpleNamespace(embeddings=vectors), {"labels": np.arange(7)}, None)
    assert np.isnan(strangers.result()["eer"])


def test_nothing_to_evaluate_on():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        validate(tiny_model(), [])


def test_without_a_processor_only_the_loss():
    assert list(validate(tiny_model(), TinyLoader(batches=1).epoch(0))) == ["loss"]


def test_the_name_it_had_before():
    assert evaluate is validate
