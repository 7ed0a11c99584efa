"""The head that gives speaker vectors (Snyder et al. 2018): time-delay layers, statistics pooling, two linear maps.

Letters: B batch, T frames, C channels, K taps of a time-delay layer.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npconformer import ops
from npconformer.arrays.types import Array
from npconformer.losses import am_softmax_loss
from npconformer.losses.class_labels import host_array
from npconformer.models.heads.weighted_layer_sum import WeightedLayerSum
from npconformer.models.outputs import XVectorOutput
from npconformer.nn import Linear, Module, ModuleList, Parameter, init
from npconformer.tape.autograd import Tensor


class TDNNLayer(Module):
    """relu of a dilated convolution over time, whose weights lie as a linear map's: (out, K in), tap by tap."""

    takes_weights_of = ("kernel",)

    def __init__(self, config: Any, index: int) -> None:
        super().__init__()
        self.in_channels = config.tdnn_dim[max(index - 1, 0)]
        self.out_channels = config.tdnn_dim[index]
        self.kernel_size, self.dilation = config.tdnn_kernel[index], config.tdnn_dilation[index]
        self.kernel = Linear(self.in_channels * self.kernel_size, self.out_channels, std=config.initializer_range)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, in) -> (B, T - dilation (K - 1), out)"""
        weight = self.kernel.weight.reshape(self.out_channels, self.kernel_size, self.in_channels).transpose(0, 2, 1)
        return ops.relu(ops.conv1d(x, weight, self.kernel.bias, dilation=self.dilation))


class AMSoftmaxObjective(Module):
    """The additive-margin softmax loss and its classes' directions, weight (D, num_labels), standard normal."""

    def __init__(self, dimensions: int, num_labels: int) -> None:
        super().__init__()
        self.weight = Parameter(init.normal(0.0, 1.0, dimensions, num_labels))

    def forward(self, vectors: Tensor, labels: ArrayLike) -> Tensor:
        return am_softmax_loss(vectors, self.weight, labels)


def _one_each(labels: ArrayLike) -> np.ndarray:
    """(B, 1) labels as (B,); others as they are."""
    array = host_array("labels", labels)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


class XVectorHead(WeightedLayerSum):
    """hidden states -> projector -> TDNN layers -> mean and deviation over time -> embedding -> vector for the loss"""

    head_name = "xvector"

    def add_head(self, config: Any) -> None:
        self.add_layer_weights(config)
        std, size = config.initializer_range, config.xvector_output_dim
        self.projector = Linear(config.hidden_size, config.tdnn_dim[0], std=std)
        self.tdnn = ModuleList(TDNNLayer(config, index) for index in range(len(config.tdnn_dim)))
        self.feature_extractor = Linear(2 * config.tdnn_dim[-1], size, std=std)
        self.classifier = Linear(size, size, std=std)
        self.objective = AMSoftmaxObjective(size, config.num_labels)

    def run(
        self,
        inputs: Tensor | Array,
        attention_mask: Array | None = None,
        labels: ArrayLike | None = None,
        **options: Any,
    ) -> XVectorOutput | tuple[Any, ...]:
        """Runs the model; with labels also the loss.

        Args:
            inputs, attention_mask: as for the model without a head.
            labels: None or (B,) or (B, 1) speakers, 0..num_labels-1, for the AM-softmax loss.
            **options: those of `ForwardOptions`. With padding_mode "reference" the frames of a masked
                utterance after the TDNN layers are counted as if these had no dilation, so that a few that already
                see padding take part in the pooling; "exact" counts them rightly.

        Raises:
            ValueError: as there, and for labels of the wrong shape or range, and for utterances too short for the TDNN
                layers.
        """
        call = self.complete_options(options)
        hidden, hidden_states, attentions = self.run_base(inputs, attention_mask, call)
        exact = call.exact_padding
        lengths = self._pooled_lengths(hidden.shape, self.frame_lengths(inputs, attention_mask, exact), exact)
        x = self.projector(hidden)
        for layer in self.tdnn:
            x = layer(x)  # (B, T', C)
        embeddings = self.feature_extractor(ops.statistics_pool(x, lengths))  # (B, xvector_output_dim)
        logits = self.classifier(embeddings)
        loss = None if labels is None else self.objective(logits, _one_each(labels))
        return call.finish(XVectorOutput(loss, logits, embeddings, hidden_states, attentions))

    @property
    def tdnn_context(self) -> int:
        """How many frames one output of the TDNN layers sees."""
        config = self.config
        return 1 + sum((k - 1) * d for k, d in zip(config.tdnn_kernel, config.tdnn_dilation, strict=True))

    def _get_tdnn_output_lengths(self, input_lengths: Any) -> Any:
        """Frames before the TDNN layers -> after them, as the reference counts: without dilation."""
        return input_lengths - sum(kernel - 1 for kernel in self.config.tdnn_kernel)

    def _pooled_lengths(self, shape: tuple[int, ...], frame_lengths: np.ndarray | None, exact: bool) -> np.ndarray:
        """(B,) outputs of the TDNN layers to pool; a ValueError where there are not two, which a deviation needs."""
        batch, frames, _ = shape
        outputs = frames - self.tdnn_context + 1
        if frame_lengths is None:
            lengths = np.full(batch, outputs)
        elif exact:
            lengths = frame_lengths - self.tdnn_context + 1
        else:
            lengths = np.minimum(self._get_tdnn_output_lengths(frame_lengths), outputs)
        if lengths.min() < 2:
            shortest = int(lengths.argmin())
            has = frames if frame_lengths is None else int(frame_lengths[shortest])
            raise ValueError(
                f"inputs: utterance {shortest} has {has} frames, too few for a speaker vector: the TDNN layers see "
                f"{self.tdnn_context} frames at once and a deviation needs two of their outputs, so give at least "
                f"{self.tdnn_context + 1} frames (repeat or join short recordings)"
            )
        return lengths
