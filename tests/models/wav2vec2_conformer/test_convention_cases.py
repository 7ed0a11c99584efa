"""CTC lengths after an adapter, and hidden states as transformers 4 gave them, against frozen results, without torch.

See tests/reference_cases/make_convention_cases.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from parity import frozen, ours

from npconformer.models.frame_clock import FrameClock

NAMES = (
    "conventions/adapter-kernel-2",
    "conventions/adapter-kernel-2-no-mask",
    "conventions/adapter-stride-3",
    "conventions/former-hidden-states",
)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_frozen_tensor_agrees(name: str, dtype: str, mode: str, tmp_path: Path) -> None:
    frozen.check(name, dtype, mode, tmp_path)


@pytest.mark.parametrize("name", ["conventions/adapter-kernel-2", "conventions/adapter-kernel-2-no-mask"])
def test_the_loss_leaves_frames_out(name: str, tmp_path: Path) -> None:
    """The longest utterance has fewer frames than there are logits, and the last ones have no gradient of the loss."""
    _, inputs, arrays = frozen.read(name, tmp_path)
    model = ours.load(tmp_path, "float64")
    outputs = model(inputs.values, inputs.attention_mask, labels=inputs.labels)
    outputs.logits.retain_grad()
    outputs.loss.backward()
    counted = model._get_feat_extract_output_lengths(inputs.values.shape[1])
    assert FrameClock.of(model, 16000).frames_of_loss(inputs.values.shape[1]) == counted
    assert counted < outputs.logits.shape[1] == arrays["eval.logits"].shape[1]
    assert outputs.logits.grad[:, :counted].any(axis=(1, 2)).all() and not outputs.logits.grad[:, counted:].any()


@pytest.mark.parametrize("name", ["relative", "none-group-adapter"])
def test_the_former_last_hidden_state_is_the_present_one_after_the_final_layer_norm(name: str, tmp_path: Path) -> None:
    """And before the adapter. The frozen states are by the present convention; the layer norm is done by hand."""
    config, inputs, arrays = frozen.read(name, tmp_path)
    weights = frozen.part(arrays, "weights.wav2vec2_conformer.encoder.layer_norm.")
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
