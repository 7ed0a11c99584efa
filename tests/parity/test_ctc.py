"""Models with a CTC head against transformers: outputs, hidden states, attentions, losses, gradients, statistics."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import npconformer  # noqa: E402

from . import ours, reference  # noqa: E402
from .arrays import make_inputs  # noqa: E402
from .bert_cases import BERT_CASES  # noqa: E402
from .cases import CASES, Case  # noqa: E402
from .compare import assert_equal_enough, compare, limit_of, relative_difference, wrong_dtypes  # noqa: E402
from .families import CONFORMER  # noqa: E402

ALL_CASES = CASES + BERT_CASES
BY_NAME = {case.name: case for case in ALL_CASES}
DTYPES = ("float32", "float64")


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
def test_every_tensor_agrees(case: Case, dtype: str, train: bool) -> None:
    theirs = reference.run(case, dtype, train)
    mine = ours.run(reference.saved(case), make_inputs(case), dtype, train)
    assert not wrong_dtypes({name: value for name, value in mine.items() if name != "loss"}, dtype)
    assert ("loss" in mine) == ("loss" in theirs) == case.has_loss
    assert not case.has_loss or mine["loss"].dtype == theirs["loss"].dtype
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


@pytest.mark.parametrize("name", ["none-layer", "relative-layer-masked", "rotary-group", "bert-relative_key"])
def test_parameters_that_no_output_depends_on_have_no_gradient(name: str) -> None:
    case = BY_NAME[name]
    model = ours.load(reference.saved(BY_NAME[name]), "float32").train()
    inputs = make_inputs(case)
    model(inputs.values, attention_mask=inputs.attention_mask, labels=inputs.labels).loss.backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not np.any(p.grad)]
    zero = ["masked_spec_embed", "encoder.pos_conv_embed."]
    assert idle and all(any(part in name for part in zero) or name.endswith("linear_k.bias") for name in idle)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["none-layer-masked", "relative-layer", "rotary-adapter", "bert-adapter-3-2-1-layers-12-rows"]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_training_steps(name: str, dtype: str) -> None:
    """Plain gradient descent on both sides: equal gradients at each step, and the loss falls."""
    case, rate = BY_NAME[name], 0.002
    inputs = make_inputs(case)
    theirs = reference.build(case).to(getattr(torch, dtype)).train()
    mine = ours.load(reference.saved(BY_NAME[name]), dtype).train()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=rate)
    losses = []
    for step in range(3):
        mask = inputs.attention_mask
        their_loss = theirs(
            torch.from_numpy(inputs.values).to(getattr(torch, dtype)),
            attention_mask=None if mask is None else torch.from_numpy(mask),
            labels=torch.from_numpy(inputs.labels),
        ).loss
        my_loss = mine(inputs.values, attention_mask=mask, labels=inputs.labels).loss
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


SAVED = [
    "none-adapter-projected",
    "relative-group-masked",
    "rotary-frequencies",
    "bert-relative_key-all-alike",
    "bert-rotary-masked",
    "bert-adapter-3-2-2-layers-22-rows",
    "bert-adapter-5-2-1-layers-13-rows",
]


@pytest.mark.parametrize("name", SAVED)
def test_transformers_loads_what_npconformer_saves(name: str, tmp_path) -> None:
    case = BY_NAME[name]
    mine = ours.load(reference.saved(case), "float32")
    mine.save_pretrained(tmp_path)
    loaded, report = getattr(transformers, case.family.name + case.head).from_pretrained(
        tmp_path, output_loading_info=True, attn_implementation="eager"
    )
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    original = reference.build(case)
    assert set(mine.state_dict()) == set(original.state_dict())
    values = torch.from_numpy(make_inputs(case).values)
    with torch.no_grad():
        assert torch.equal(loaded(values).logits, original(values).logits)
    saved, kept = original.config.to_dict(), loaded.config.to_dict()
    local = {"_name_or_path", "architectures", "dtype", "transformers_version"}
    assert {k: v for k, v in kept.items() if k not in local} == {k: v for k, v in saved.items() if k not in local}
    assert kept["architectures"] == [case.family.name + case.head]


@pytest.mark.parametrize("name", ["relative-layer-masked", "bert-relative_key-masked"])
def test_the_base_model_loads_from_a_ctc_checkpoint(name: str) -> None:
    case = BY_NAME[name]
    inputs = make_inputs(case)
    cls = getattr(npconformer, case.family.name + "Model")
    model = cls.from_pretrained(reference.saved(case), dtype="float64")
    theirs = reference.build(case).double().base_model
    with torch.no_grad():
        expected = theirs(
            torch.from_numpy(inputs.values).double(), torch.from_numpy(inputs.attention_mask)
        ).last_hidden_state.numpy()
    found = np.asarray(model(inputs.values, attention_mask=inputs.attention_mask).last_hidden_state)
    assert relative_difference(found, expected) < 5e-6


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", ["none-layer-masked", "bert-relative_key-masked", "bert-adapter-3-2-1-layers-14-rows"])
def test_given_masked_frames(name: str, train: bool) -> None:
    """Masked frames become the mask vector, which then has a gradient."""
    settled = BY_NAME[name]
    case = dataclasses.replace(
        settled,
        name=f"{name}-masked-frames",
        changes={**settled.changes, "apply_spec_augment": True},
    )
    inputs = make_inputs(case)
    theirs, mine = (
        reference.build(case).double().train(train).base_model,
        ours.load(reference.saved(case), "float64").train(train).base_model,
    )
    values, mask = inputs.values, inputs.attention_mask
    frames = np.zeros((len(values), case.family.encoder_frames(case.config, values.shape[1])), bool)
    frames[0, 1:3] = frames[1, :2] = frames[2, 4] = True
    expected = theirs(
        torch.from_numpy(values).double(),
        attention_mask=torch.from_numpy(mask),
        mask_time_indices=torch.from_numpy(frames),
    ).last_hidden_state
    found = mine(values, attention_mask=mask, mask_time_indices=frames).last_hidden_state
    limit = limit_of("gradients", "float64", case.config)
    assert relative_difference(np.asarray(found), expected.detach().numpy()) < limit
    upstream = np.random.default_rng(0).standard_normal(found.shape)
    expected.backward(torch.from_numpy(upstream))
    found.backward(upstream)
    gradients = dict(theirs.named_parameters())
    for name, parameter in mine.named_parameters():
        if name.endswith(("masked_spec_embed", "projection.weight", "conv_layers.0.conv.weight")):
            assert relative_difference(parameter.grad, gradients[name].grad.numpy()) < limit, name


def test_a_target_that_does_not_fit_has_infinite_loss() -> None:
    settled = BY_NAME["none-infeasible"]
    impossible = dataclasses.replace(
        settled, name="none-infinite", changes={**settled.changes, "ctc_zero_infinity": False}
    )
    inputs = make_inputs(impossible)
    mine = ours.load(reference.saved(impossible), "float32")
    loss = mine(inputs.values, attention_mask=inputs.attention_mask, labels=inputs.labels).loss.item()
    with torch.no_grad():
        expected = reference.build(impossible)(
            torch.from_numpy(inputs.values),
            attention_mask=torch.from_numpy(inputs.attention_mask),
            labels=torch.from_numpy(inputs.labels),
        ).loss.item()
    assert loss == expected == np.inf


@pytest.mark.parametrize("name", ["none-layer", "bert-relative_key"])
def test_blanks_among_the_labels_are_padding(name: str) -> None:
    """The reference drops them like -100, wherever they stand."""
    case = BY_NAME[name]
    inputs = make_inputs(case)
    labels = np.array([[1, 0, 2, -100], [3, 4, 0, 0]])
    with torch.no_grad():
        expected = reference.build(case)(torch.from_numpy(inputs.values), labels=torch.from_numpy(labels)).loss.item()
    found = ours.load(reference.saved(case), "float32")(inputs.values, labels=labels).loss.item()
    assert found == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("name", ["relative-outgrown", "rotary-layer", "bert-relative-masked", "bert-rotary"])
def test_position_tables_serve_lengths_in_any_order(name: str) -> None:
    case = BY_NAME[name]
    theirs = reference.build(case).double()
    mine = ours.load(reference.saved(case), "float64")
    inputs, _ = case.family.make_inputs(case.config, (3000,), np.random.default_rng(1))
    for rows in (700, 3000, 500, 3000) if case.family is CONFORMER else (7, 30, 5, 30):
        with torch.no_grad():
            expected = theirs(torch.from_numpy(inputs[:, :rows]).double()).logits.numpy()
        assert relative_difference(np.asarray(mine(inputs[:, :rows]).logits), expected) < 5e-6


@pytest.mark.parametrize("name", ["relative-layer", "bert-relative_key"])
def test_the_tuple_form(name: str) -> None:
    case = BY_NAME[name]
    model = ours.load(reference.saved(case), "float32")
    inputs = make_inputs(case)
    with torch.no_grad():
        expected = reference.build(case)(
            torch.from_numpy(inputs.values), labels=torch.from_numpy(inputs.labels), return_dict=False
        )
    found = model(inputs.values, labels=inputs.labels, return_dict=False)
    assert isinstance(found, tuple) and len(found) == len(expected) == 2
    assert [np.asarray(value).shape for value in found] == [tuple(value.shape) for value in expected]


WITHOUT_LOSS = [case for case in ALL_CASES if not case.has_loss]


@pytest.mark.parametrize("case", WITHOUT_LOSS, ids=lambda case: case.name)
def test_where_the_reference_counts_more_frames_than_an_adapter_gives(case: Case) -> None:
    """It raises; npconformer's loss is that of the frames that there are."""
    inputs = make_inputs(case)
    labels = np.ones((len(inputs.values), 1), np.int64)
    values, mask = torch.from_numpy(inputs.values), inputs.attention_mask
    arguments = {} if mask is None else {"attention_mask": torch.from_numpy(mask)}
    with pytest.raises(RuntimeError, match="input_lengths"):
        reference.build(case)(values, labels=torch.from_numpy(labels), **arguments)
    out = ours.load(reference.saved(case), "float32")(inputs.values, mask, labels=labels)
    assert np.isfinite(out.loss.item())


def test_which_kernels_and_strides_have_a_loss() -> None:
    def pairs(cases: list[Case]) -> set[tuple[int, int]]:
        return {(case.config["adapter_kernel_size"], case.config["adapter_stride"]) for case in cases}

    with_loss = [case for case in BERT_CASES if case.config.get("add_adapter") and case.has_loss]
    assert pairs(with_loss) == {(3, 2), (5, 3), (4, 3)} and pairs(WITHOUT_LOSS) == {(5, 3), (5, 2), (4, 3)}
