"""The head of speech recognition: a linear map to letters, and the CTC loss (Graves et al. 2006).

Letters: B batch, T frames, S labels, V vocabulary.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from npconformer.arrays.types import Array
from npconformer.losses import ctc_loss
from npconformer.losses.class_labels import IGNORED, host_array
from npconformer.models.heads.head import Head
from npconformer.models.outputs import CausalLMOutput
from npconformer.nn import Dropout, Linear
from npconformer.tape.autograd import Tensor


class CTCHead(Head):
    """hidden states (B, T, C) -> dropout -> lm_head (B, T, V); the blank is `config.pad_token_id`"""

    head_name = "ctc"

    @classmethod
    def check_config(cls, config: Any) -> None:
        if config.vocab_size is None:
            raise ValueError("config.vocab_size: a CTC model needs the size of its vocabulary, got None")

    def add_head(self, config: Any) -> None:
        self.dropout = Dropout(config.final_dropout)
        width = config.output_hidden_size if config.add_adapter else config.hidden_size
        self.lm_head = Linear(width, config.vocab_size, std=config.initializer_range)

    def run(
        self,
        inputs: Tensor | Array,
        attention_mask: Array | None = None,
        labels: ArrayLike | None = None,
        compute_dtype: DTypeLike | None = None,
        **options: Any,
    ) -> CausalLMOutput | tuple[Any, ...]:
        """Runs the model; with labels also the loss.

        Args:
            inputs, attention_mask: as for the model without a head.
            labels: None or (B, S) token ids, or (S,) where B is 1; -100 and `pad_token_id`, which is the blank, mark
                padding.
            compute_dtype: of the loss; None takes `config.ctc_compute_dtype`, and where that is None too the loss is
                computed in the model's dtype. "float32" rounds a float64 model's loss as the reference does.
            **options: those of `ForwardOptions`.

        Raises:
            ValueError: as there, and for labels of the wrong shape or outside the vocabulary.
        """
        call = self.complete_options(options)
        outputs = self.base_model(inputs, attention_mask, **{**options, "return_dict": True})
        logits = self.lm_head(self.dropout(outputs.last_hidden_state))  # (B, T, V)
        loss = None
        if labels is not None:
            loss = ctc_loss(
                logits,
                self._without_blanks(labels),
                self._counted_frames(inputs, attention_mask, logits.shape[1], call.exact_padding),
                blank=self.config.pad_token_id,
                reduction=self.config.ctc_loss_reduction,
                zero_infinity=self.config.ctc_zero_infinity,
                compute_dtype=self.config.ctc_compute_dtype if compute_dtype is None else compute_dtype,
            )
        return call.finish(CausalLMOutput(loss, logits, outputs.hidden_states, outputs.attentions))

    def _counted_frames(
        self, inputs: Tensor | Array, attention_mask: Array | None, frames: int, exact: bool
    ) -> np.ndarray:
        """(B,) frames of each utterance, by the formula without a mask too: an adapter may give one frame more.

        For unusual kernels and strides it may also give fewer than the formula says (the reference fails there).
        """
        shape = np.shape(inputs)[:2]
        rows = np.full(shape[0], shape[1]) if attention_mask is None else self.own_rows(attention_mask, shape)
        counted = np.minimum(self._get_feat_extract_output_lengths(rows), frames)
        return np.minimum(counted, self.count_frames(rows)) if exact else counted

    def _without_blanks(self, labels: ArrayLike) -> np.ndarray:
        """Labels equal to the blank say nothing and are padding too, as in the reference."""
        labels = host_array("labels", labels)
        if labels.dtype.kind not in "iu":
            raise ValueError(f"labels: expected integers (token ids), got dtype {labels.dtype}")
        return np.where(labels == self.config.pad_token_id, IGNORED, labels)
