"""Operations on tensors, forward and backward side by side, one family to a file.

Importing this package also gives `Tensor` its operators and methods: see `first_methods` and `methods`.
"""

from __future__ import annotations

from npconformer.ops.activation_names import ACTIVATIONS, get_activation
from npconformer.ops.activations import gelu, gelu_new, glu, relu, selu, sigmoid, silu, tanh
from npconformer.ops.arithmetic import add, divide, exp, log, multiply, negative, power, scaled_add, sqrt, subtract
from npconformer.ops.attention import attention
from npconformer.ops.batch_norm import batch_norm, batch_norm_training
from npconformer.ops.convolution import conv1d
from npconformer.ops.cosine_similarity import cosine_similarity
from npconformer.ops.dropout import dropout
from npconformer.ops.feed_forward import feed_forward
from npconformer.ops.first_methods import load as load_methods
from npconformer.ops.group_norm import group_norm
from npconformer.ops.indexing import getitem, masked_assign
from npconformer.ops.layer_norm import layer_norm
from npconformer.ops.linear import gated_linear, linear, linear_together
from npconformer.ops.matmul import matmul
from npconformer.ops.plane_convolution import conv2d
from npconformer.ops.plane_pooling import max_pool2d
from npconformer.ops.pooling import mean_pool, statistics_pool
from npconformer.ops.rare_activations import prelu, xielu
from npconformer.ops.reductions import mean, sum
from npconformer.ops.rotary import rotary
from npconformer.ops.shaping import concatenate, pad, reshape, transpose
from npconformer.ops.softmax import log_softmax, softmax
from npconformer.ops.stored_linear import stored_linear
from npconformer.ops.vector_quantization import choose_codewords, perplexity
from npconformer.ops.weight_norm import weight_norm
from npconformer.ops.weighted_sum import weighted_sum
from npconformer.tape.autograd import Tensor as Tensor

__all__ = [
    "ACTIVATIONS",
    "add",
    "attention",
    "batch_norm",
    "batch_norm_training",
    "choose_codewords",
    "concatenate",
    "conv1d",
    "conv2d",
    "cosine_similarity",
    "divide",
    "dropout",
    "exp",
    "feed_forward",
    "gated_linear",
    "gelu",
    "gelu_new",
    "get_activation",
    "getitem",
    "glu",
    "group_norm",
    "layer_norm",
    "linear",
    "linear_together",
    "load_methods",
    "log",
    "log_softmax",
    "masked_assign",
    "matmul",
    "max_pool2d",
    "mean",
    "mean_pool",
    "multiply",
    "negative",
    "pad",
    "perplexity",
    "power",
    "prelu",
    "relu",
    "reshape",
    "rotary",
    "scaled_add",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "sqrt",
    "statistics_pool",
    "stored_linear",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "weight_norm",
    "weighted_sum",
    "xielu",
]
