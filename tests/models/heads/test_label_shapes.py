"""Labels in the shapes that people give them, and the dtype of the CTC loss."""

import numpy as np
import pytest
from tiny_checkpoints import make_config

from npconformer.models.auto import model_class


@pytest.fixture(scope="module")
def heads():
    config = make_config("layer", num_labels=3)
    names = ("ctc", "xvector", "sequence_classification")
    return {name: model_class(config.model_type, name)(config).to("float64").eval() for name in names}


X = np.random.default_rng(3).normal(size=(3, 4800))


def test_speakers_in_a_column(heads):
    expected = heads["xvector"](X, labels=[0, 1, 1]).loss.item()
    assert heads["xvector"](X, labels=[[0], [1], [1]]).loss.item() == expected
    with pytest.raises(ValueError, match=r"labels: expected shape \(3,\), got \(3, 2\)"):
        heads["xvector"](X, labels=[[0, 0], [1, 1], [1, 1]])


def test_letters_of_one_recording(heads):
    expected = heads["ctc"](X[:1], labels=[[2, 3, 2]]).loss.item()
    assert heads["ctc"](X[:1], labels=[2, 3, 2]).loss.item() == expected
    with pytest.raises(ValueError, match=r"labels: expected shape \(3, labels\)"):
        heads["ctc"](X, labels=[2, 3, 2])


@pytest.mark.parametrize("name", ["ctc", "sequence_classification"])
def test_ragged_labels_are_told_how_to_be_padded(heads, name):
    with pytest.raises(ValueError, match=r"labels: the lists in it have different lengths.*-100"):
        heads[name](X, labels=[[2, 3, 4], [2], [3]])


def test_the_loss_has_the_models_precision_unless_asked_otherwise(heads):
    model, labels = heads["ctc"], [[2, 3, 2], [4, 5, -100], [6, -100, -100]]
    exact, rounded = model(X, labels=labels).loss, model(X, labels=labels, compute_dtype="float32").loss
    assert exact.dtype == np.float64 and rounded.dtype == np.float32
    assert 0 < abs(exact.item() - rounded.item()) < 1e-5 * exact.item()
    model.config.ctc_compute_dtype = "float32"
    assert model(X, labels=labels).loss.item() == rounded.item()
    assert model(X, labels=labels, compute_dtype="float64").loss.item() == exact.item()
    model.config.ctc_compute_dtype = None
    assert "ctc_compute_dtype" not in model.config.to_json_string()
    with pytest.raises(ValueError, match="ctc_compute_dtype"):
        make_config("layer", ctc_compute_dtype="int8")
