"""w2v-BERT 2.0 in the checkpoints that it was released in, with fairseq2's names for its weights or with fairseq's.

In both tables the right column is transformers'. The left one is what fairseq2 calls the weights
(`fairseq2.models.wav2vec2`, `fairseq2.nn.transformer`), or what fairseq calls them, which fairseq2 renames when it
loads them (`conformer_shaw` in seamless_communication). Only weights are looked at. What they do not say is that of
w2v-BERT 2.0, of which there is one.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import re
from typing import Any

from npconformer.checkpoints.fairseq_file import FairseqFile
from npconformer.checkpoints.fairseq_names import rename, shape_of
from npconformer.checkpoints.fairseq_original import Original
from npconformer.checkpoints.renamed_file import RenamedFile

MODEL_TYPE = "wav2vec2-bert"
WHOLE = "w2v2_model."  # before the names in a file that also has the part that w2v-BERT adds in pre-training
FIRST = "encoder_frontend."  # what fairseq2 alone has
SHAW = ".self_attn.rel_k_embedding."  # what fairseq has in this model alone
LEFT, RIGHT = 64, 8  # positions that a frame tells apart before and after it

FAIRSEQ2: dict[str, str | None] = {
    "masker.temporal_mask_embed": "masked_spec_embed",
    "encoder_frontend.post_extract_layer_norm.*": "feature_projection.layer_norm.*",
    "encoder_frontend.model_dim_proj.*": "feature_projection.projection.*",
    # a block: half a feed-forward layer, attention, convolution, half a feed-forward layer
    "encoder.layers.#.ffn1_layer_norm.*": "encoder.layers.#.ffn1_layer_norm.*",
    "encoder.layers.#.ffn1.inner_proj.*": "encoder.layers.#.ffn1.intermediate_dense.*",
    "encoder.layers.#.ffn1.output_proj.*": "encoder.layers.#.ffn1.output_dense.*",
    "encoder.layers.#.self_attn_layer_norm.*": "encoder.layers.#.self_attn_layer_norm.*",
    "encoder.layers.#.self_attn.q_proj.*": "encoder.layers.#.self_attn.linear_q.*",
    "encoder.layers.#.self_attn.k_proj.*": "encoder.layers.#.self_attn.linear_k.*",
    "encoder.layers.#.self_attn.v_proj.*": "encoder.layers.#.self_attn.linear_v.*",
    "encoder.layers.#.self_attn.output_proj.*": "encoder.layers.#.self_attn.linear_out.*",
    "encoder.layers.#.self_attn.sdpa.rel_k_embed.*": "encoder.layers.#.self_attn.distance_embedding.*",
    "encoder.layers.#.conv_layer_norm.*": "encoder.layers.#.conv_module.layer_norm.*",
    "encoder.layers.#.conv.pointwise_conv1.*": "encoder.layers.#.conv_module.pointwise_conv1.*",
    "encoder.layers.#.conv.depthwise_conv.*": "encoder.layers.#.conv_module.depthwise_conv.*",
    "encoder.layers.#.conv.layer_norm.*": "encoder.layers.#.conv_module.depthwise_layer_norm.*",
    "encoder.layers.#.conv.pointwise_conv2.*": "encoder.layers.#.conv_module.pointwise_conv2.*",
    "encoder.layers.#.ffn2_layer_norm.*": "encoder.layers.#.ffn2_layer_norm.*",
    "encoder.layers.#.ffn2.inner_proj.*": "encoder.layers.#.ffn2.intermediate_dense.*",
    "encoder.layers.#.ffn2.output_proj.*": "encoder.layers.#.ffn2.output_dense.*",
    "encoder.layers.#.layer_norm.*": "encoder.layers.#.final_layer_norm.*",
    # of pre-training, for which transformers has no model
    "quantizer.*": None,
    "quantizer.entry_proj.*": None,
    "final_proj.*": None,
    "final_target_proj.*": None,
    "final_bert_proj.*": None,
}

FAIRSEQ: dict[str, str | None] = {
    "mask_emb": "masked_spec_embed",
    "layer_norm.*": "feature_projection.layer_norm.*",
    "post_extract_proj.*": "feature_projection.projection.*",
    "encoder.layers.#.ffn1.layer_norm.*": "encoder.layers.#.ffn1_layer_norm.*",
    "encoder.layers.#.ffn1.w_1.*": "encoder.layers.#.ffn1.intermediate_dense.*",
    "encoder.layers.#.ffn1.w_2.*": "encoder.layers.#.ffn1.output_dense.*",
    "encoder.layers.#.self_attn_layer_norm.*": "encoder.layers.#.self_attn_layer_norm.*",
    "encoder.layers.#.self_attn.q_proj.*": "encoder.layers.#.self_attn.linear_q.*",
    "encoder.layers.#.self_attn.k_proj.*": "encoder.layers.#.self_attn.linear_k.*",
    "encoder.layers.#.self_attn.v_proj.*": "encoder.layers.#.self_attn.linear_v.*",
    "encoder.layers.#.self_attn.out_proj.*": "encoder.layers.#.self_attn.linear_out.*",
    "encoder.layers.#.self_attn.rel_k_embedding.*": "encoder.layers.#.self_attn.distance_embedding.*",
    "encoder.layers.#.conv_module.layer_norm.*": "encoder.layers.#.conv_module.layer_norm.*",
    "encoder.layers.#.conv_module.pointwise_conv1.*": "encoder.layers.#.conv_module.pointwise_conv1.*",
    "encoder.layers.#.conv_module.depthwise_conv.*": "encoder.layers.#.conv_module.depthwise_conv.*",
    "encoder.layers.#.conv_module.layer_norm2.*": "encoder.layers.#.conv_module.depthwise_layer_norm.*",
    "encoder.layers.#.conv_module.pointwise_conv2.*": "encoder.layers.#.conv_module.pointwise_conv2.*",
    "encoder.layers.#.ffn2.layer_norm.*": "encoder.layers.#.ffn2_layer_norm.*",
    "encoder.layers.#.ffn2.w_1.*": "encoder.layers.#.ffn2.intermediate_dense.*",
    "encoder.layers.#.ffn2.w_2.*": "encoder.layers.#.ffn2.output_dense.*",
    "encoder.layers.#.final_layer_norm.*": "encoder.layers.#.final_layer_norm.*",
    # of pre-training; and a norm that the model does not use
    "encoder.layer_norm.*": None,
    "mlm_proj.*": None,
    "quantizer.vars": None,
    "quantizer.weight_proj.*": None,
    "project_q.*": None,
    "final_proj.*": None,
}


def is_bert(file: FairseqFile) -> bool:
    """Whether the weights have names that only those of w2v-BERT have."""
    return any(name.removeprefix(WHOLE).startswith(FIRST) or SHAW in name for name in file)


def read_bert(file: FairseqFile) -> Original:
    """The model in the file.

    Raises:
        ValueError: it is another model.
    """
    whole = {WHOLE + old: new for old, new in FAIRSEQ2.items()}
    table = FAIRSEQ if any(SHAW in name for name in file) else FAIRSEQ2 | whole
    weights = RenamedFile(file, rename(file, table))
    return Original(MODEL_TYPE, None, weights, bert_config(weights), {"padding_value": 1.0})


def bert_config(weights: RenamedFile) -> dict[str, Any]:
    """The fields of the configuration that shapes of weights say, and those of w2v-BERT 2.0 that they do not."""

    def shape(name: str, rank: int) -> tuple[int, ...]:
        return shape_of(weights, name, rank, "w2v-BERT 2.0")

    block = "encoder.layers.0"
    hidden, row = shape("feature_projection.projection.weight", 2)
    positions, head_size = shape(f"{block}.self_attn.distance_embedding.weight", 2)
    if positions != LEFT + 1 + RIGHT:
        raise ValueError(f"it tells {positions} positions apart; expected {LEFT + 1 + RIGHT}, as w2v-BERT 2.0 does")
    layers = {match[1] for name in weights if (match := re.match(r"encoder\.layers\.([0-9]+)\.", name))}
    return {
        "hidden_size": hidden,
        "num_hidden_layers": len(layers),
        "num_attention_heads": hidden // max(head_size, 1),
        "intermediate_size": shape(f"{block}.ffn1.intermediate_dense.weight", 2)[0],
        "feature_projection_input_dim": row,
        "hidden_act": "swish",
        "position_embeddings_type": "relative_key",
        "left_max_position_embeddings": LEFT,
        "right_max_position_embeddings": RIGHT,
        "conv_depthwise_kernel_size": shape(f"{block}.conv_module.depthwise_conv.weight", 3)[-1],
        "apply_spec_augment": False,
        "add_adapter": False,
    }
