"""The models with heads against transformers: outputs, hidden states, attentions, losses, gradients, statistics."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from torch.nn import functional  # noqa: E402

import npconformer  # noqa: E402
from npconformer.losses import contrastive_logits  # noqa: E402

from . import head_ours, head_reference, ours, reference  # noqa: E402
from .compare import assert_equal_enough, compare, relative_difference, wrong_dtypes  # noqa: E402
from .families import BERT, CONFORMER, Family  # noqa: E402
from .head_cases import HEAD_CASES, HEADS, HeadCase  # noqa: E402
from .head_inputs import make_head_inputs  # noqa: E402

BY_NAME = {case.name: case for case in HEAD_CASES}
PRETRAINING = [case for case in HEAD_CASES if case.head == "ForPreTraining"]
DTYPES = ("float32", "float64")


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", HEAD_CASES, ids=lambda case: case.name)
def test_every_tensor_agrees(case: HeadCase, dtype: str, train: bool) -> None:
    theirs = head_reference.run(case, dtype, train)
    mine = head_ours.run(case.head, reference.saved(case), make_head_inputs(case), dtype, train)
    assert not wrong_dtypes(mine, dtype)
    assert_equal_enough(compare(case.config, dtype, mine, theirs))
    if case.head == "ForPreTraining":
        straight_through = "exact loss gradients.contrastive_loss.quantizer.weight_proj.weight"
        assert (straight_through in mine) == (straight_through in theirs) == train


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("case", PRETRAINING, ids=lambda case: case.name)
def test_pretraining_beside_the_reference_as_it_stands(case: HeadCase, train: bool) -> None:
    """In a float64 model the reference rounds the quantizer's probabilities and the contrastive loss to float32."""
    theirs = head_reference.run(case, "float64", train, exact=False)
    mine = head_ours.run(case.head, reference.saved(case), make_head_inputs(case), "float64", train, False)
    differences = compare(case.config, "float64", mine, theirs)
    assert_equal_enough([dataclasses.replace(difference, limit=5e-6) for difference in differences])


SAVED = [case for case in HEAD_CASES if case.kind in ("none-layer", "none-layer-masked-former")]
SAVED += [case for case in HEAD_CASES if case.kind in ("bert-relative_key-masked-mixed", "bert-adapter-masked")]


@pytest.mark.parametrize("case", SAVED, ids=lambda case: case.name)
def test_transformers_loads_what_npconformer_saves(case: HeadCase, tmp_path) -> None:
    model = ours.load(reference.saved(case), "float32", case.head)
    if case.family is CONFORMER:
        assert (model.config.hidden_states_convention == "4.x") == case.kind.endswith("former")
    model.save_pretrained(tmp_path)
    loaded, report = getattr(transformers, case.family.name + case.head).from_pretrained(
        tmp_path, output_loading_info=True, attn_implementation="eager"
    )
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert set(loaded.state_dict()) == set(model.state_dict())
    inputs = make_head_inputs(case)
    found = head_reference.read_out(loaded, inputs, "float32", True)
    for name, value in head_reference.read_out(reference.build(case), inputs, "float32", True).items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("head", HEADS)
def test_fine_tuning_starts_from_a_pretrained_model(head: str) -> None:
    """Weights of the base are loaded, heads of other tasks left out, and the new head starts at random."""
    folder = reference.saved(BY_NAME["ForPreTraining-none-layer"])
    cls = getattr(npconformer, "Wav2Vec2Conformer" + head)
    if head != "ForPreTraining":
        with pytest.raises(ValueError, match="allow_missing=True"):
            cls.from_pretrained(folder, allow_missing=False)
    model, report = cls.from_pretrained(folder, output_loading_info=True)
    assert not report.unexpected and not [name for name in report.missing if name.startswith("wav2vec2_conformer.")]
    assert np.isfinite([float(np.abs(p.data).max()) for p in model.parameters()]).all()


WIDE = {"hidden_size": 64, "num_labels": 40, "classifier_proj_size": 50, "tdnn_dim": (60, 50, 64),
        "xvector_output_dim": 48, "use_weighted_layer_sum": True, "initializer_range": 0.05}  # fmt: skip
WIDE_BY_FAMILY = {
    CONFORMER: {"num_codevectors_per_group": 40, "codevector_dim": 64, "conv_dim": (32, 32, 48),
                "proj_codevector_dim": 40},
    BERT: {"position_embeddings_type": "relative_key", "feature_projection_input_dim": 48},
}  # fmt: skip


@pytest.mark.parametrize(("family", "head"), {(case.family, case.head): 0 for case in HEAD_CASES})
def test_initial_values_are_spread_as_the_references(family: Family, head: str) -> None:
    case = HeadCase(head, "wide", {**WIDE, **WIDE_BY_FAMILY[family]}, family=family)
    torch.manual_seed(0)
    npconformer.manual_seed(0)
    theirs, mine = (
        getattr(program, family.name + head)(getattr(program, family.name + "Config")(**case.config))
        for program in (transformers, npconformer)
    )
    own = dict(mine.named_parameters())
    for name, parameter in theirs.named_parameters():
        if family is CONFORMER and name.startswith("wav2vec2_conformer."):
            continue
        expected, found = parameter.detach().numpy(), own[name].data
        assert found.shape == expected.shape and found.dtype == expected.dtype, name
        if expected.size < 30 or expected.std() == 0:
            np.testing.assert_allclose(found.mean(), expected.mean(), atol=0.1, err_msg=name)
            continue
        assert found.std() == pytest.approx(expected.std(), rel=0.25), name
        spread = expected.std() * np.sqrt(2 / expected.size)  # of the difference of two means
        assert found.mean() == pytest.approx(expected.mean(), abs=4 * spread), name


def test_a_negative_with_the_codewords_of_its_positive_takes_no_part() -> None:
    case = BY_NAME["ForPreTraining-rotary-one-codebook"]
    inputs = make_head_inputs(case)
    model = ours.load(reference.saved(case), "float64", case.head).train()
    out = model(inputs.values, gumbel_noise=-np.log(inputs.exponential), **inputs.extra)
    logits = contrastive_logits(
        out.projected_states, out.projected_quantized_states, inputs.extra["sampled_negative_indices"]
    ).numpy()
    masked = inputs.extra["mask_time_indices"].astype(bool)
    share = np.isneginf(logits[masked]).mean()
    assert 0.1 < share < 0.9 and np.isfinite(logits[:, :, 0]).all()


def test_contrastive_logits_as_a_function() -> None:
    random = np.random.default_rng(0)
    target, negative, predicted = (random.standard_normal(s) for s in [(1, 2, 6, 5), (4, 2, 6, 5), (2, 6, 5)])
    theirs = transformers.Wav2Vec2ConformerForPreTraining.compute_contrastive_logits(
        *(torch.from_numpy(x).float() for x in (target, negative, predicted)), temperature=0.2
    )
    ours = npconformer.Wav2Vec2ConformerForPreTraining.compute_contrastive_logits(
        target, negative, predicted, temperature=0.2
    )
    assert relative_difference(ours.numpy(), theirs.numpy()) < 1e-6


def gradient_of(logits: np.ndarray, loss) -> tuple[np.ndarray, np.ndarray]:
    tensor = torch.from_numpy(logits).requires_grad_()
    value = loss(tensor)
    value.backward()
    return value.detach().numpy(), tensor.grad.numpy()


@pytest.mark.parametrize("head", ["ForSequenceClassification", "ForAudioFrameClassification"])
@pytest.mark.parametrize("problem", ["regression", "multi_label_classification", None])
@pytest.mark.parametrize("num_labels", [1, 4])
def test_losses_by_problem_type_are_torchs_own(head: str, problem: str | None, num_labels: int) -> None:
    """Mean squared error and binary cross entropy, which the reference documents and does not compute."""
    config = npconformer.Wav2Vec2ConformerConfig(
        **{**HeadCase(head, "x").config, "num_labels": num_labels}, problem_type=problem
    )
    npconformer.manual_seed(3)
    model = getattr(npconformer, "Wav2Vec2Conformer" + head)(config).to("float64").eval()
    values = np.random.default_rng(1).standard_normal((3, 900))
    shape = model(values).logits.shape
    targets = np.random.default_rng(2).integers(0, 2, shape).astype(np.float64)
    if problem == "regression" or (problem is None and num_labels == 1):
        targets = np.random.default_rng(2).standard_normal(shape)
        loss = lambda x: functional.mse_loss(x, torch.from_numpy(targets))  # noqa: E731
        given = targets[..., 0] if num_labels == 1 else targets  # one number for each item needs no last axis
    elif problem is None and head == "ForAudioFrameClassification":
        targets = np.eye(num_labels)[targets[..., 0].astype(int)]
        loss = lambda x: functional.cross_entropy(x.flatten(0, 1), torch.from_numpy(targets).argmax(-1).flatten())  # noqa: E731
        given = targets
    else:  # floating labels for several classes are independent targets
        loss = lambda x: functional.binary_cross_entropy_with_logits(x, torch.from_numpy(targets))  # noqa: E731
        given = targets
    out = model(values, labels=given)
    out.logits.retain_grad()
    out.loss.backward()
    value, gradient = gradient_of(out.logits.numpy(), loss)
    assert out.loss.item() == pytest.approx(value.item(), rel=1e-12)
    assert relative_difference(out.logits.grad, gradient) < 1e-12
