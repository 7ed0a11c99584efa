"""Parts of a Conformer block with random weights, and input for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer import Tensor, Wav2Vec2BertConfig

TIME, CHANNELS = 9, 8


def config(**settings: Any) -> Wav2Vec2BertConfig:
    base = dict(
        hidden_size=CHANNELS,
        intermediate_size=10,
        num_attention_heads=2,
        conv_depthwise_kernel_size=5,
        left_max_position_embeddings=3,
        right_max_position_embeddings=1,
        conformer_conv_dropout=0.0,
    )
    return Wav2Vec2BertConfig(**{**base, **settings})


def randomised(module: Any) -> Any:
    """The module in evaluation mode, in float64, no weight or running statistic at a value that hides mistakes."""
    rng = np.random.default_rng(1)
    for parameter in module.parameters():
        start = parameter.data.flat[0] if np.ptp(parameter.data) == 0 else 0.0  # 1 of norms' weights
        parameter.data = start + 0.4 * rng.standard_normal(parameter.shape)
    for name, array in list(module.named_buffers()):
        if name.endswith(("running_mean", "running_var")):
            module.set_buffer(name, 0.5 + rng.random(array.shape))
    return module.eval()


def frames(batch: int = 2, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((batch, TIME, CHANNELS))


def gradients(module: Any, x: np.ndarray, *arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    """The module's output for x, and the gradient of x for a random upstream one."""
    inputs = Tensor(x, requires_grad=True)
    out = module(inputs, *arguments)
    out = out[0] if isinstance(out, tuple) else out
    out.backward(np.random.default_rng(3).standard_normal(out.shape))
    return out.numpy(), inputs.grad
