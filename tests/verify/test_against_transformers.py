"""transformers' own run as the reference: every head of either model agrees, and planted faults are found."""

import sys

import numpy as np
import pytest
from small_models import KINDS, change_one_weight, make_inputs, make_model, swap_blocks

from npconformer.verify import Reference, compare, trace_transformers

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

HEADS = (None, "ForCTC", "ForSequenceClassification", "ForAudioFrameClassification", "ForXVector")
POSITIONS = {"layer": ("relative", "rotary"), "bert": ("relative_key", "relative", "rotary")}
CASES = [(kind, head, POSITIONS[kind][0]) for kind in KINDS for head in HEADS] + [("layer", "ForPreTraining", "rotary")]
CASES += [(kind, "ForCTC", positions) for kind in KINDS for positions in POSITIONS[kind][1:]]


def saved(kind, head, folder, dtype="float32", **settings):
    """A model that was saved and loaded: what the folder holds."""
    model = make_model(kind, head, dtype, **{"layers": 2, **settings})
    model.save_pretrained(folder)
    return type(model).from_pretrained(folder, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "head", "positions"), CASES)
def test_every_tensor_is_within_its_limit(tmp_path, kind, head, positions, dtype):
    model = saved(kind, head, tmp_path, dtype, position_embeddings_type=positions)
    inputs = make_inputs(kind, (23, 17), labels=head == "ForCTC", dtype=dtype)
    reference = trace_transformers(model, tmp_path, inputs, modules=True, attentions=True, gradients=True)
    comparison = compare(model, reference)
    assert comparison.passed, comparison.first
    assert comparison.not_in_reference == [] and len(comparison.not_compared) <= 1
    counts = {kind: sum(row.kind == kind for row in comparison.rows) for kind in ("outputs", "modules", "gradients")}
    assert counts["outputs"] >= 6 and counts["modules"] > 60 and counts["gradients"] > 60
    assert reference.made_by == f"transformers {transformers.__version__}, torch {torch.__version__}"
    assert ("loss" in reference.arrays) == (head == "ForCTC")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("layer", {"add_adapter": True}), ("layer", {"feat_extract_norm": "group"}), ("bert", {"add_adapter": True})],
)
def test_adapters_and_group_norm(tmp_path, kind, settings):
    model = saved(kind, "ForCTC", tmp_path, "float64", **settings)
    reference = trace_transformers(model, tmp_path, make_inputs(kind, (43, 37)), modules=True, gradients=True)
    comparison = compare(model, reference)
    assert comparison.passed, comparison.first


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_planted_faults(tmp_path, kind, dtype):
    model = saved(kind, "ForCTC", tmp_path, dtype, layers=8)
    reference = trace_transformers(model, tmp_path, make_inputs(kind, dtype=dtype), modules=True)
    assert compare(model, reference).passed
    change_one_weight(model, 7)
    first = compare(model, reference).first
    assert first.place == "layer 7" and first.tensor.endswith("encoder.layers.7.ffn1.intermediate_dense")
    swap_blocks(model, 3, 4)
    assert compare(model, reference).first.place == "layer 3"


@pytest.mark.parametrize("kind", KINDS)
def test_another_rotary_base(tmp_path, kind):
    saved(kind, "ForCTC", tmp_path, layers=2, position_embeddings_type="rotary")
    faulty = make_model(kind, layers=2, position_embeddings_type="rotary", rotary_embedding_base=1_000)
    inputs = make_inputs(kind)
    first = compare(faulty, trace_transformers(faulty, tmp_path, inputs, modules=True)).first
    assert first.place == "layer 0" and first.tensor.endswith("self_attn.linear_q")


@pytest.mark.parametrize("kind", KINDS)
def test_the_ctc_loss_is_computed_in_float64(tmp_path, kind):
    """So that its gradients are not those of transformers' rounding; and torch is left as it was."""
    model, inputs = saved(kind, "ForCTC", tmp_path), make_inputs(kind, labels=True)
    before = torch.nn.functional.log_softmax
    reference = trace_transformers(model, tmp_path, inputs, gradients=True)
    assert torch.nn.functional.log_softmax is before
    assert reference.arrays["loss"].dtype == np.float64 and reference.dtype == "float32"
    assert not reference.group("upstream")


@pytest.mark.parametrize("kind", KINDS)
def test_written_and_read(tmp_path, kind):
    """The file that a machine without torch compares with."""
    model = saved(kind, "ForCTC", tmp_path / "model")
    trace_transformers(model, tmp_path / "model", make_inputs(kind), modules=True).save(tmp_path / "run")
    assert compare(model, Reference.load(tmp_path / "run")).passed


def test_only_the_modules_that_are_asked_for(tmp_path):
    model, progress = saved("bert", "ForCTC", tmp_path), []
    name = "wav2vec2_bert.encoder.layers.1.ffn2"
    reference = trace_transformers(
        model, tmp_path, make_inputs("bert"), modules=[name], progress=lambda: progress.append(1)
    )
    assert list(reference.group("modules")) == [name] and len(progress) == 2


def test_weights_that_transformers_does_not_find(tmp_path):
    model = saved("bert", None, tmp_path)
    with pytest.raises(ValueError, match=r"transformers finds no weights for lm_head\.bias, lm_head\.weight"):
        trace_transformers(make_model("bert", layers=2), tmp_path, make_inputs("bert"))
    assert compare(model, trace_transformers(model, tmp_path, make_inputs("bert"))).passed


def test_without_transformers(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(RuntimeError, match="pip install torch and then transformers, or compare with a reference file"):
        trace_transformers(make_model("bert", layers=1), tmp_path, make_inputs("bert"))
