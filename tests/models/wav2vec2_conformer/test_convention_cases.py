"""CTC lengths after an adapter, and hidden states as transformers 4 gave them, against frozen results, without torch.

See tests/reference_cases/make_convention_cases.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from parity import ours
from parity.arrays import Inputs
from parity.compare import compare
from safetensors.numpy import save_file

from npconformer.models.frame_clock import FrameClock

CASES = Path(__file__).resolve().parents[2] / "reference_cases"
NAMES = (
    "conventions/adapter-kernel-2",
    "conventions/adapter-kernel-2-no-mask",
    "conventions/adapter-stride-3",
    "conventions/former-hidden-states",
)


def frozen(name: str, folder: Path) -> tuple[dict, Inputs, dict[str, np.ndarray]]:
    """The config, the inputs and all arrays of a case, whose model is put into the folder."""
    with np.load(CASES / f"{name}.npz") as file:
        arrays = dict(file)
    config = json.loads(str(arrays["config"]))
    (folder / "config.json").write_text(json.dumps(config))
    save_file(part(arrays, "weights."), folder / "model.safetensors")
    given = part(arrays, "inputs.")
    inputs = Inputs(given["input_values"], given.get("attention_mask"), given["labels"], given["logits_gradient"])
    return config, inputs, arrays


def part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_frozen_tensor_agrees(name: str, dtype: str, mode: str, tmp_path: Path) -> None:
    config, inputs, arrays = frozen(name, tmp_path)
    theirs = part(arrays, f"{mode}.")
    found = ours.run(tmp_path, inputs, dtype, train=mode == "train")
    kinds = {tensor.split(".")[0] for tensor in theirs}
    mine = {tensor: value for tensor, value in found.items() if tensor.split(".")[0] in kinds}
    wrong = [difference for difference in compare(config, dtype, mine, theirs) if difference.too_large]
    assert not wrong, wrong[:12]


@pytest.mark.parametrize("name", ["conventions/adapter-kernel-2", "conventions/adapter-kernel-2-no-mask"])
def test_the_loss_leaves_frames_out(name: str, tmp_path: Path) -> None:
    """The longest utterance has fewer frames than there are logits, and the last ones have no gradient of the loss."""
    _, inputs, arrays = frozen(name, tmp_path)
    model = ours.load(tmp_path, "float64")
    outputs = model(inputs.values, inputs.attention_mask, labels=inputs.labels)
    outputs.logits.retain_grad()
    outputs.loss.backward()
    counted = model._get_feat_extract_output_lengths(inputs.values.shape[1])
    assert FrameClock.of(model, 16000).frames_of_loss(inputs.values.shape[1]) == counted  # one count for every use
    assert counted < outputs.logits.shape[1] == arrays["eval.logits"].shape[1]
    assert outputs.logits.grad[:, :counted].any(axis=(1, 2)).all() and not outputs.logits.grad[:, counted:].any()


@pytest.mark.parametrize("name", ["relative", "none-group-adapter"])
def test_the_former_last_hidden_state_is_the_present_one_after_the_final_layer_norm(name: str, tmp_path: Path) -> None:
    """And before the adapter. The frozen states are by the present convention; the layer norm is done by hand."""
    config, inputs, arrays = frozen(name, tmp_path)
    weights = part(arrays, "weights.wav2vec2_conformer.encoder.layer_norm.")
    present = arrays["eval.hidden_states.2"]
    centred = present - present.mean(axis=-1, keepdims=True)
    normal = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + config["layer_norm_eps"])
    expected = normal * weights["weight"].astype(np.float64) + weights["bias"]
    model = ours.load(tmp_path, "float64")
    model.config.hidden_states_convention = "4.x"
    states = model(inputs.values, inputs.attention_mask, output_hidden_states=True).hidden_states
    assert len(states) == 3
    # Positions are float32 in the reference, so that hidden states agree to 5e-6 where there are any.
    tolerance = 1e-9 if config["position_embeddings_type"] is None else 5e-6
    for index, array in enumerate((arrays["eval.hidden_states.0"], arrays["eval.hidden_states.1"], expected)):
        np.testing.assert_allclose(states[index].numpy(), array, rtol=0, atol=tolerance * abs(array).max())
