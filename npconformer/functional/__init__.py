"""Operations and losses under the names, arguments and layouts of `torch.nn.functional`.

What they compute is in `npconformer.ops` and `npconformer.losses`; here are torch's ways of calling it: channels
before time, classes along the second axis, log-probabilities for CTC. Arguments are tensors or arrays.
"""

from npconformer.functional.activations import (
    gelu,
    glu,
    log_softmax,
    logsigmoid,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from npconformer.functional.layers import conv1d, dropout, embedding, group_norm, layer_norm, linear
from npconformer.functional.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    ctc_loss,
    l1_loss,
    mse_loss,
    nll_loss,
)
from npconformer.functional.padding import pad
from npconformer.functional.vectors import cosine_similarity, normalize, one_hot

__all__ = [
    "binary_cross_entropy_with_logits",
    "conv1d",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "embedding",
    "gelu",
    "glu",
    "group_norm",
    "l1_loss",
    "layer_norm",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
