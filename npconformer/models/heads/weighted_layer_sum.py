"""What a head reads: the last hidden state, or a learned mixture of all of them (Yang et al. 2021, "SUPERB").

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer import ops
from npconformer.arrays.types import Array
from npconformer.models.forward_options import ForwardOptions
from npconformer.models.heads.head import Head
from npconformer.nn import Parameter, init
from npconformer.tape.autograd import Tensor


class WeightedLayerSum(Head):
    """Part of the heads: runs the base model and mixes its hidden states if `config.use_weighted_layer_sum`.

    The mixture is Σ_l softmax(layer_weights)_l h_l over the input of the first layer and the output of each. The last
    of these follows `config.hidden_states_convention`, on which heads depend that were trained with it.
    """

    def add_layer_weights(self, config: Any) -> None:
        """layer_weights (num_hidden_layers + 1,), all equal."""
        if config.use_weighted_layer_sum:
            number = config.num_hidden_layers + 1
            self.layer_weights = Parameter(init.constant(1.0 / number, number))

    def run_base(
        self,
        inputs: Tensor | Array,
        attention_mask: Array | None,
        call: ForwardOptions,
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
        """What the head reads, (B, T, C); the hidden states if they were asked for; likewise the attentions."""
        mixes = self.config.use_weighted_layer_sum
        outputs = self.base_model(
            inputs,
            attention_mask,
            output_hidden_states=call.output_hidden_states or mixes,
            output_attentions=call.output_attentions,
            return_dict=True,
            padding_mode=call.padding_mode,
        )
        hidden = outputs.last_hidden_state
        if mixes:
            hidden = ops.weighted_sum(ops.softmax(self.layer_weights), outputs.hidden_states)
        return hidden, outputs.hidden_states if call.output_hidden_states else None, outputs.attentions
