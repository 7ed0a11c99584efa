"""Self-attention of the Conformer block, in its four position settings: relative, relative_key, rotary, none.

Letters: B batch, T time, C channels, H heads, D = C / H.

Lesson: notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer import ops
from npconformer.arrays.types import Array
from npconformer.models.conformer.projected_positions import ProjectedPositions
from npconformer.nn import Embedding, Linear, Module, Parameter, init
from npconformer.nn.fusing import is_plain, is_plain_linear
from npconformer.nn.stored_layers import StoredLinear
from npconformer.tape.autograd import Tensor


class SelfAttention(Module):
    """Projects the frames to queries, keys and values, attends, and projects back.

    Rotary positions turn the frames before the query and key projections; values see the frames as they are.
    Relative positions (Dai et al. 2019) add to the scores what the query, with a bias, says to a projected sinusoid of
    the distance; "relative_key" (Shaw et al. 2018) what it says to a learned vector of the clipped distance.

    channels: C. positions_type: "relative", "relative_key", "rotary" or None.
    """

    def __init__(self, config: Any, channels: int, positions_type: str | None) -> None:
        super().__init__()
        std = config.initializer_range
        self.heads, self.positions_type = config.num_attention_heads, positions_type
        self.dropout_p = config.attention_dropout
        self.linear_q = Linear(channels, channels, std=std)
        self.linear_k = Linear(channels, channels, std=std)
        self.linear_v = Linear(channels, channels, std=std)
        self.linear_out = Linear(channels, channels, std=std)
        if self.positions_type == "relative":
            self.linear_pos = Linear(channels, channels, bias=False, std=std)
            self.projected = ProjectedPositions()
            self.pos_bias_u = Parameter(init.xavier_uniform(self.heads, channels // self.heads))
            self.pos_bias_v = Parameter(init.xavier_uniform(self.heads, channels // self.heads))
        elif self.positions_type == "relative_key":
            self.left, self.right = config.left_max_position_embeddings, config.right_max_position_embeddings
            self.distance_embedding = Embedding(self.left + self.right + 1, channels // self.heads, std)

    def forward(
        self,
        hidden_states: Tensor,
        mask: Array | None = None,
        positions: Any = None,
        output_attentions: bool = False,
        residual: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """(B, T, C) -> (B, T, C), and the attention weights (B, H, T, T) if asked for.

        mask: None or numbers added to the scores, (B, 1, 1, T).
        positions: what the encoder's position table gives: (1, 2T-1, C), or (cos, sin), or None.
        residual: None or what the result is added to, (B, T, C), if `can_add`.
        """
        turned, relative = hidden_states, dict[str, Any]()
        if self.positions_type == "rotary":
            cos, sin = positions
            turned = ops.rotary(hidden_states, cos, sin, heads=self.heads)
        elif self.positions_type == "relative":
            relative = {
                "positions": self.project_positions(positions),
                "bias_u": self.pos_bias_u,
                "bias_v": self.pos_bias_v,
            }
        elif self.positions_type == "relative_key":
            relative = {
                "distance_embedding": self.distance_embedding.weight,
                "left": self.left,
                "right": self.right,
            }
        query, key, value = self.project(turned, hidden_states)
        result: Any = ops.attention(
            query,
            key,
            value,
            heads=self.heads,
            mask=mask,
            dropout_p=self.dropout_p if self.training else 0.0,
            return_weights=output_attentions,
            **relative,
        )
        context, weights = result if output_attentions else (result, None)
        return self.linear_out(context) if residual is None else self.linear_out(context, residual=residual), weights

    def can_add(self) -> bool:
        """Whether the sum with a residual may be part of the last map: nobody looks at what is in between."""
        return is_plain(self, SelfAttention) and is_plain_linear(self.linear_out)

    def project_positions(self, positions: Any) -> Any:
        """The positions (1, 2T-1, C) projected, from what is kept of earlier recordings where nobody looks."""
        if is_plain(self.linear_pos, (Linear, StoredLinear)):
            return self.projected.project(self.linear_pos, positions)
        return self.linear_pos(positions)

    def project(self, turned: Tensor, hidden_states: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values, of those maps together that have one input."""
        maps = [self.linear_q, self.linear_k, self.linear_v]
        if not all(is_plain(one, Linear) for one in maps):
            return self.linear_q(turned), self.linear_k(turned), self.linear_v(hidden_states)
        pairs = [(one.weight, one.bias) for one in maps]
        if turned is hidden_states:
            return ops.linear_together(turned, *pairs)
        return *ops.linear_together(turned, *pairs[:2]), ops.linear(hidden_states, *pairs[2])
