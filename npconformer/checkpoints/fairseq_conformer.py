"""Wav2Vec2-Conformer in fairseq's checkpoints, pre-trained (`Wav2Vec2Model`) or fine-tuned with CTC (`Wav2VecCtc`).

Names: the left column is fairseq's (`fairseq.models.wav2vec.wav2vec2`, `fairseq.modules.conformer_layer`), the right
one transformers', both without what stands before them: "w2v_encoder.w2v_model." in fairseq's fine-tuned models,
"wav2vec2_conformer." in transformers'. `fairseq_names` says what # and * are.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from npconformer.checkpoints.fairseq_conformer_config import conformer_config, extractor_settings
from npconformer.checkpoints.fairseq_file import FairseqFile
from npconformer.checkpoints.fairseq_names import rename
from npconformer.checkpoints.fairseq_original import Original
from npconformer.checkpoints.renamed_file import RenamedFile

MODEL_TYPE, PREFIX = "wav2vec2-conformer", "wav2vec2_conformer."
FINE_TUNED = "w2v_encoder.w2v_model."
POSITIONS = "encoder.pos_conv_embed.conv.parametrizations.weight"

BASE: dict[str, str | None] = {
    "mask_emb": "masked_spec_embed",
    # feature encoder: 0 is the convolution, 2 its norm (with 2.1 where the norm lies between two transpositions)
    "feature_extractor.conv_layers.#.0.*": "feature_extractor.conv_layers.#.conv.*",
    "feature_extractor.conv_layers.#.2.*": "feature_extractor.conv_layers.#.layer_norm.*",
    "feature_extractor.conv_layers.#.2.1.*": "feature_extractor.conv_layers.#.layer_norm.*",
    "layer_norm.*": "feature_projection.layer_norm.*",
    "post_extract_proj.*": "feature_projection.projection.*",
    # encoder
    "encoder.pos_conv.0.bias": "encoder.pos_conv_embed.conv.bias",
    "encoder.pos_conv.0.weight_g": f"{POSITIONS}.original0",
    "encoder.pos_conv.0.weight_v": f"{POSITIONS}.original1",
    "encoder.pos_conv.0.parametrizations.weight.original#": f"{POSITIONS}.original#",
    "encoder.layer_norm.*": "encoder.layer_norm.*",
    # a block: half a feed-forward layer, attention, convolution, half a feed-forward layer
    "encoder.layers.#.ffn1.layer_norm.*": "encoder.layers.#.ffn1_layer_norm.*",
    "encoder.layers.#.ffn1.w_1.*": "encoder.layers.#.ffn1.intermediate_dense.*",
    "encoder.layers.#.ffn1.w_2.*": "encoder.layers.#.ffn1.output_dense.*",
    "encoder.layers.#.self_attn_layer_norm.*": "encoder.layers.#.self_attn_layer_norm.*",
    "encoder.layers.#.self_attn.linear_q.*": "encoder.layers.#.self_attn.linear_q.*",
    "encoder.layers.#.self_attn.linear_k.*": "encoder.layers.#.self_attn.linear_k.*",
    "encoder.layers.#.self_attn.linear_v.*": "encoder.layers.#.self_attn.linear_v.*",
    "encoder.layers.#.self_attn.linear_out.*": "encoder.layers.#.self_attn.linear_out.*",
    "encoder.layers.#.self_attn.linear_pos.*": "encoder.layers.#.self_attn.linear_pos.*",  # relative positions
    "encoder.layers.#.self_attn.pos_bias_u": "encoder.layers.#.self_attn.pos_bias_u",
    "encoder.layers.#.self_attn.pos_bias_v": "encoder.layers.#.self_attn.pos_bias_v",
    "encoder.layers.0.self_attn.rotary_emb.inv_freq": "encoder.embed_positions.inv_freq",  # rotary positions
    "encoder.layers.#.self_attn.rotary_emb.inv_freq": None,  # each block has the same
    "encoder.layers.#.conv_module.layer_norm.*": "encoder.layers.#.conv_module.layer_norm.*",
    "encoder.layers.#.conv_module.pointwise_conv1.*": "encoder.layers.#.conv_module.pointwise_conv1.*",
    "encoder.layers.#.conv_module.depthwise_conv.*": "encoder.layers.#.conv_module.depthwise_conv.*",
    "encoder.layers.#.conv_module.batch_norm.*": "encoder.layers.#.conv_module.batch_norm.*",
    "encoder.layers.#.conv_module.pointwise_conv2.*": "encoder.layers.#.conv_module.pointwise_conv2.*",
    "encoder.layers.#.ffn2.layer_norm.*": "encoder.layers.#.ffn2_layer_norm.*",
    "encoder.layers.#.ffn2.w_1.*": "encoder.layers.#.ffn2.intermediate_dense.*",
    "encoder.layers.#.ffn2.w_2.*": "encoder.layers.#.ffn2.output_dense.*",
    "encoder.layers.#.final_layer_norm.*": "encoder.layers.#.final_layer_norm.*",
}
PRETRAINING: dict[str, str | None] = {
    "quantizer.vars": "quantizer.codevectors",
    "quantizer.weight_proj.*": "quantizer.weight_proj.*",
    "project_q.*": "project_q.*",
    "final_proj.*": "project_hid.*",
}
CTC: dict[str, str | None] = {"w2v_encoder.proj.*": "lm_head.*"}


def read_conformer(file: FairseqFile) -> Original:
    """The model in a checkpoint of fairseq.

    Raises:
        ValueError: it is another model, or its configuration contradicts its weights.
    """
    fine_tuned = any(name.startswith(FINE_TUNED) for name in file)
    names = rename(file, fine_tuned_table() if fine_tuned else pretrained_table())
    head = "ctc" if fine_tuned else "pretraining" if "quantizer.codevectors" in names.values() else None
    without_prefix = RenamedFile(file, {old: new.removeprefix(PREFIX) for old, new in names.items()})
    weights = without_prefix if head is None else RenamedFile(file, names)
    config = conformer_config(file.settings, without_prefix)
    return Original(MODEL_TYPE, head, weights, config, extractor_settings(file.settings, config), file.symbols)


def pretrained_table() -> dict[str, str | None]:
    """The rows of a pre-trained model."""
    return {**_with_prefixes("", BASE), **PRETRAINING}


def fine_tuned_table() -> dict[str, str | None]:
    """The rows of a fine-tuned model, which may have kept what it was pre-trained with."""
    unused = {f"{FINE_TUNED}{old}": None for old in PRETRAINING}
    return {**_with_prefixes(FINE_TUNED, BASE), **unused, **CTC}


def _with_prefixes(before: str, table: dict[str, str | None]) -> dict[str, str | None]:
    return {before + old: None if new is None else PREFIX + new for old, new in table.items()}
