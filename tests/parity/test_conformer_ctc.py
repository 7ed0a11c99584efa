"""Wav2Vec2ConformerForCTC against transformers: outputs, hidden states, attentions, losses, gradients, statistics."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import npconformer  # noqa: E402

from . import ours, reference  # noqa: E402
from .arrays import make_inputs  # noqa: E402
from .cases import CASES, Case  # noqa: E402
from .compare import compare, relative_difference, wrong_dtypes  # noqa: E402

BY_NAME = {case.name: case for case in CASES}
DTYPES = ("float32", "float64")


def assert_equal_enough(differences) -> None:
    wrong = sorted((d for d in differences if d.too_large), key=lambda d: -d.value / d.limit)
    lines = [f"{d.tensor}: {d.value:.2e}, at most {d.limit:.0e}" for d in wrong[:12]]
    assert not wrong, f"{len(wrong)} of {len(differences)} tensors differ:\n" + "\n".join(lines)


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_tensor_agrees(case: Case, dtype: str, train: bool) -> None:
    theirs = reference.run(case, dtype, train)
    mine = ours.run(reference.saved(case.name), make_inputs(case), dtype, train)
    assert not wrong_dtypes({name: value for name, value in mine.items() if name != "loss"}, dtype)
    assert mine["loss"].dtype == theirs["loss"].dtype
    assert_equal_enough(compare(case.config, dtype, mine, theirs))


def test_the_comparison_sees_a_wrong_a_missing_and_a_nan_tensor() -> None:
    case = BY_NAME["none-group-masked"]
    theirs = reference.run(case, "float64", train=False)
    assert not any(d.too_large for d in compare(case.config, "float64", theirs, theirs))
    for tensor in ("logits", "gradients.lm_head.weight", "hidden_states.1"):
        for damage in (lambda x: x * (1 + 1e-8), lambda x: x * np.nan, lambda x: x[..., :1]):
            wrong = compare(case.config, "float64", {**theirs, tensor: damage(theirs[tensor])}, theirs)
            assert [d.tensor for d in wrong if d.too_large] == [tensor]
    lacking = {name: value for name, value in theirs.items() if name != "loss"}
    assert [d.tensor for d in compare(case.config, "float64", lacking, theirs) if d.too_large] == ["loss"]
    zero = "gradients.wav2vec2_conformer.encoder.layers.0.self_attn.linear_k.bias"
    scale = max(np.abs(value).max() for name, value in theirs.items() if name.startswith("gradients."))
    off = {**theirs, zero: np.full(16, 1e-8 * scale)}
    assert [d.tensor for d in compare(case.config, "float64", off, theirs) if d.too_large] == [zero]


@pytest.mark.parametrize("name", ["none-layer", "relative-layer-masked", "rotary-group"])
def test_parameters_that_no_output_depends_on_have_no_gradient(name: str) -> None:
    case = BY_NAME[name]
    model = ours.load(reference.saved(name), "float32").train()
    inputs = make_inputs(case)
    model(inputs.input_values, attention_mask=inputs.attention_mask, labels=inputs.labels).loss.backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not np.any(p.grad)]
    zero = ["masked_spec_embed", "encoder.pos_conv_embed."]
    assert idle and all(any(part in name for part in zero) or name.endswith("linear_k.bias") for name in idle)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["none-layer-masked", "relative-layer", "rotary-adapter"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_training_steps(name: str, dtype: str) -> None:
    """Plain gradient descent on both sides: equal gradients at each step, and the loss falls."""
    case, rate = BY_NAME[name], 0.002
    inputs = make_inputs(case)
    theirs = reference.build(case).to(getattr(torch, dtype)).train()
    mine = ours.load(reference.saved(name), dtype).train()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=rate)
    losses = []
    for step in range(3):
        mask = inputs.attention_mask
        their_loss = theirs(
            torch.from_numpy(inputs.input_values).to(getattr(torch, dtype)),
            attention_mask=None if mask is None else torch.from_numpy(mask),
            labels=torch.from_numpy(inputs.labels),
        ).loss
        my_loss = mine(inputs.input_values, attention_mask=mask, labels=inputs.labels).loss
        losses.append(my_loss.item())
        optimizer.zero_grad()
        their_loss.backward()
        mine.zero_grad()
        my_loss.backward()
        their_arrays = {
            f"loss gradients.{n}": p.grad.numpy() for n, p in theirs.named_parameters() if p.grad is not None
        }
        my_arrays = {f"loss gradients.{n}": p.grad for n, p in mine.named_parameters() if p.grad is not None}
        their_arrays["loss"], my_arrays["loss"] = their_loss.detach().numpy(), np.asarray(my_loss)
        assert_equal_enough(compare(case.config, dtype, my_arrays, their_arrays))
        if step < 2:
            optimizer.step()
            for parameter in mine.parameters():
                if parameter.grad is not None:
                    parameter.data = parameter.data - parameter.data.dtype.type(rate) * parameter.grad
    assert losses[2] < losses[1] < losses[0]


@pytest.mark.parametrize("name", ["none-adapter-projected", "relative-group-masked", "rotary-frequencies"])
def test_transformers_loads_what_npconformer_saves(name: str, tmp_path) -> None:
    ours.load(reference.saved(name), "float32").save_pretrained(tmp_path)
    loaded, report = transformers.Wav2Vec2ConformerForCTC.from_pretrained(
        tmp_path, output_loading_info=True, attn_implementation="eager"
    )
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    original = reference.build(BY_NAME[name])
    values = torch.from_numpy(make_inputs(BY_NAME[name]).input_values)
    with torch.no_grad():
        assert torch.equal(loaded(values).logits, original(values).logits)
    saved, kept = original.config.to_dict(), loaded.config.to_dict()
    local = {"_name_or_path", "architectures", "dtype", "transformers_version"}
    assert {k: v for k, v in kept.items() if k not in local} == {k: v for k, v in saved.items() if k not in local}
    assert kept["architectures"] == ["Wav2Vec2ConformerForCTC"]


def test_the_base_model_loads_from_a_ctc_checkpoint() -> None:
    case = BY_NAME["relative-layer-masked"]
    inputs = make_inputs(case)
    model = npconformer.Wav2Vec2ConformerModel.from_pretrained(reference.saved(case.name), dtype="float64")
    theirs = reference.build(case).double().wav2vec2_conformer
    with torch.no_grad():
        expected = theirs(
            torch.from_numpy(inputs.input_values).double(), torch.from_numpy(inputs.attention_mask)
        ).last_hidden_state.numpy()
    found = np.asarray(model(inputs.input_values, attention_mask=inputs.attention_mask).last_hidden_state)
    assert relative_difference(found, expected) < 5e-6


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_given_masked_frames(train: bool) -> None:
    """Masked frames become the mask vector, which then has a gradient."""
    settled = BY_NAME["none-layer-masked"]
    case = dataclasses.replace(
        settled,
        name="none-masked-frames",
        changes={**settled.changes, "apply_spec_augment": True},
    )
    mask = make_inputs(case).attention_mask
    folder = reference.saved_folder(case)
    theirs = reference.build(case).double().train(train)
    mine = ours.load(folder, "float64").train(train)
    frames = np.zeros((3, 9), bool)
    frames[0, 1:3] = frames[1, :2] = frames[2, 4] = True
    values = make_inputs(case).input_values
    expected = theirs.wav2vec2_conformer(
        torch.from_numpy(values).double(),
        attention_mask=torch.from_numpy(mask),
        mask_time_indices=torch.from_numpy(frames),
    ).last_hidden_state
    found = mine.wav2vec2_conformer(values, attention_mask=mask, mask_time_indices=frames).last_hidden_state
    assert relative_difference(np.asarray(found), expected.detach().numpy()) < 1e-9
    upstream = np.random.default_rng(0).standard_normal(found.shape)
    expected.backward(torch.from_numpy(upstream))
    found.backward(upstream)
    gradients = dict(theirs.named_parameters())
    for name, parameter in mine.named_parameters():
        if name.endswith(("masked_spec_embed", "projection.weight", "conv_layers.0.conv.weight")):
            assert relative_difference(parameter.grad, gradients[name].grad.numpy()) < 1e-9, name


def test_a_target_that_does_not_fit_has_infinite_loss() -> None:
    settled = BY_NAME["none-infeasible"]
    impossible = dataclasses.replace(
        settled, name="none-infinite", changes={**settled.changes, "ctc_zero_infinity": False}
    )
    inputs = make_inputs(impossible)
    mine = ours.load(reference.saved_folder(impossible), "float32")
    loss = mine(inputs.input_values, attention_mask=inputs.attention_mask, labels=inputs.labels).loss.item()
    with torch.no_grad():
        expected = reference.build(impossible)(
            torch.from_numpy(inputs.input_values),
            attention_mask=torch.from_numpy(inputs.attention_mask),
            labels=torch.from_numpy(inputs.labels),
        ).loss.item()
    assert loss == expected == np.inf


def test_blanks_among_the_labels_are_padding() -> None:
    """The reference drops them like -100, wherever they stand."""
    case = BY_NAME["none-layer"]
    inputs = make_inputs(case)
    labels = np.array([[1, 0, 2, -100], [3, 4, 0, 0]])
    with torch.no_grad():
        expected = reference.build(case)(
            torch.from_numpy(inputs.input_values), labels=torch.from_numpy(labels)
        ).loss.item()
    found = ours.load(reference.saved(case.name), "float32")(inputs.input_values, labels=labels).loss.item()
    assert found == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("name", ["relative-outgrown", "rotary-layer"])
def test_position_tables_serve_lengths_in_any_order(name: str) -> None:
    theirs = reference.build(BY_NAME[name]).double()
    mine = ours.load(reference.saved(name), "float64")
    audio = np.random.default_rng(1).standard_normal((1, 3000)).astype(np.float32)
    for samples in (700, 3000, 500, 3000):
        with torch.no_grad():
            expected = theirs(torch.from_numpy(audio[:, :samples]).double()).logits.numpy()
        assert relative_difference(np.asarray(mine(audio[:, :samples]).logits), expected) < 5e-6


def test_the_tuple_form() -> None:
    settings = BY_NAME["relative-layer"]
    model = ours.load(reference.saved(settings.name), "float32")
    inputs = make_inputs(settings)
    theirs = reference.build(settings)
    with torch.no_grad():
        expected = theirs(
            torch.from_numpy(inputs.input_values), labels=torch.from_numpy(inputs.labels), return_dict=False
        )
    found = model(inputs.input_values, labels=inputs.labels, return_dict=False)
    assert isinstance(found, tuple) and len(found) == len(expected) == 2
    assert [np.asarray(value).shape for value in found] == [tuple(value.shape) for value in expected]
