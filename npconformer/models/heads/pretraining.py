"""The head of self-supervised pre-training (wav2vec 2.0, Baevski et al. 2020): quantizer, projections, losses.

Letters: B batch, T frames, D = proj_codevector_dim, K negatives.

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npconformer import ops
from npconformer.arrays.types import Array
from npconformer.losses.contrastive import (
    check_time_mask,
    contrastive_logits,
    contrastive_loss,
    diversity_loss,
)
from npconformer.models.heads.gumbel_quantizer import GumbelVectorQuantizer
from npconformer.models.heads.head import Head
from npconformer.models.outputs import Wav2Vec2ConformerForPreTrainingOutput
from npconformer.nn import Dropout, Linear, Parameter, init
from npconformer.tape.autograd import Tensor


class PreTrainingHead(Head):
    """Context vectors from the masked input, targets from the quantized features, and the losses between them."""

    head_name = "pretraining"

    def add_head(self, config: Any) -> None:
        self.dropout_features = Dropout(config.feat_quantizer_dropout)
        self.quantizer = GumbelVectorQuantizer(config)
        self.project_hid = _even_linear(config.hidden_size, config.proj_codevector_dim)
        self.project_q = _even_linear(config.codevector_dim, config.proj_codevector_dim)

    def set_gumbel_temperature(self, temperature: float) -> None:
        """Sets the temperature of the Gumbel-softmax, which training lowers step by step."""
        if not temperature > 0:
            raise ValueError(f"temperature: expected a number above 0, got {temperature}")
        self.quantizer.temperature = float(temperature)

    @staticmethod
    def compute_contrastive_logits(
        target_features: Any, negative_features: Any, predicted_features: Any, temperature: float = 0.1
    ) -> Tensor:
        """Cosines of the predictions with the targets and the negatives, divided by the temperature.

        Args:
            target_features: (1, B, T, D).
            negative_features: (K, B, T, D).
            predicted_features: (B, T, D).

        Returns:
            (K+1, B, T), the targets' first. Training itself uses `losses.contrastive_logits`, which copies no vectors.
        """
        targets = ops.concatenate([target_features, negative_features], axis=0)
        return ops.cosine_similarity(predicted_features, targets) / float(temperature)

    def run(
        self,
        inputs: Tensor | Array,
        attention_mask: Array | None = None,
        mask_time_indices: ArrayLike | None = None,
        sampled_negative_indices: ArrayLike | None = None,
        gumbel_noise: Array | None = None,
        **options: Any,
    ) -> Wav2Vec2ConformerForPreTrainingOutput | tuple[Any, ...]:
        """Runs the model; with negatives also the losses.

        Args:
            inputs, attention_mask: as for the model without a head.
            mask_time_indices: None or (B, T) booleans (or 0 and 1): the frames to mask, which are to be predicted.
            sampled_negative_indices: None or (B, T, K) from `sample_negative_indices`; needs mask_time_indices.
            gumbel_noise: None or (B, T, G, V), in place of random noise in the quantizer; for training mode.
            **options: those of `ForwardOptions`.

        Raises:
            ValueError: as the base model, and for masks or negatives that do not fit, or that leave nothing to learn.
        """
        call = self.complete_options(options)
        outputs = self.base_model(inputs, attention_mask, mask_time_indices, **{**options, "return_dict": True})
        predicted = self.project_hid(outputs.last_hidden_state)  # (B, T, D)
        features = self.dropout_features(outputs.extract_features)
        mask = None if mask_time_indices is None else check_time_mask(mask_time_indices, features.shape[:2])
        quantized, perplexity, codes = self.quantizer.quantize(features, mask, gumbel_noise)
        targets = self.project_q(quantized)  # (B, T, D)

        loss = contrastive = diversity = None
        if sampled_negative_indices is not None:
            contrastive, diversity = self._losses(predicted, targets, codes, perplexity, mask, sampled_negative_indices)
            loss = contrastive + diversity * float(self.config.diversity_loss_weight)
        return call.finish(
            Wav2Vec2ConformerForPreTrainingOutput(
                loss,
                predicted,
                targets,
                perplexity,
                outputs.hidden_states,
                outputs.attentions,
                contrastive,
                diversity,
            )
        )

    def _losses(
        self,
        predicted: Tensor,
        targets: Tensor,
        codes: Any,
        perplexity: Tensor,
        mask: np.ndarray | None,
        negative_indices: Any,
    ) -> tuple[Tensor, Tensor]:
        if mask is None:
            raise ValueError("mask_time_indices: needed together with sampled_negative_indices, got None")
        if predicted.shape[1] != targets.shape[1]:
            raise ValueError(
                f"config.add_adapter: the adapter leaves {predicted.shape[1]} of {targets.shape[1]} frames; "
                "the contrastive loss needs a prediction for every frame, so pre-train without it"
            )
        config = self.config
        logits = contrastive_logits(predicted, targets, negative_indices, config.contrastive_logits_temperature, codes)
        words = config.num_codevectors_per_group * config.num_codevector_groups
        return contrastive_loss(logits, mask), diversity_loss(perplexity, words, mask)


def _even_linear(in_features: int, out_features: int) -> Linear:
    """A linear map that starts even within 1 / sqrt(in_features), as the reference starts these two."""
    layer, bound = Linear(in_features, out_features), 1 / math.sqrt(in_features)
    layer.weight = Parameter(init.uniform(-bound, bound, out_features, in_features))
    layer.bias = Parameter(init.uniform(-bound, bound, out_features))
    return layer
