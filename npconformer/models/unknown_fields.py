"""Fields of a configuration that mean nothing here: those that others write, and slips of the pen.

A slip is the worse for being silent: with `hidden_sise` a model has the default size.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

NEAR, FAR = 0.82, 0.65  # how alike two names are, from 0 to 1: a slip without doubt, and what may have been meant
MOST, LONGEST = 100, 80  # names that are looked at, and letters of one

# What transformers 4 and 5, and the conversions of released checkpoints, write: some of it looks like a slip.
OF_OTHERS = frozenset(
    """
    _attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash _name_or_path
    _num_labels adapter_attn_dim add_cross_attention attn_implementation auto_map bad_words_ids begin_suppress_tokens
    chunk_size_feed_forward conv_pos_batch_norm cross_attention_hidden_size custom_pipelines decoder_start_token_id
    diversity_penalty do_sample do_stable_layer_norm early_stopping encoder_no_repeat_ngram_size
    exponential_decay_length_penalty feat_extract_dropout feat_proj_layer_norm finetuning_task forced_bos_token_id
    forced_eos_token_id freeze_feat_extract_train gradient_checkpointing hidden_dropout_prob is_decoder
    is_encoder_decoder length_penalty mask_channel_length mask_channel_min_space mask_channel_other mask_channel_prob
    mask_channel_selection mask_time_min_space mask_time_other mask_time_selection max_length min_length
    no_mask_channel_overlap no_mask_time_overlap no_repeat_ngram_size num_beam_groups num_beams num_ctc_classes
    num_return_sequences output_scores pooling_mode prefix pruned_heads quantization_config remove_invalid_values
    repetition_penalty return_dict_in_generate sep_token_id suppress_tokens task_specific_params temperature
    tf_legacy_loss tie_encoder_decoder tie_last_hidden_states tie_word_embeddings tokenizer_class top_k top_p
    torchscript transformers_version transformers_weights typical_p use_bfloat16 use_cache use_return_dict
    codevector_dim contrastive_logits_temperature conv_bias conv_dim conv_kernel conv_stride diversity_loss_weight
    feat_extract_activation feat_extract_norm feat_quantizer_dropout num_codevector_groups num_codevectors_per_group
    num_conv_pos_embedding_groups num_conv_pos_embeddings num_feat_extract_layers num_negatives proj_codevector_dim
    adapter_act feature_projection_input_dim left_max_position_embeddings right_max_position_embeddings
    use_intermediate_ffn_before_adapter
    """.split()
)


def unknown_fields(names: Iterable[str], known: Iterable[str], alike: float = FAR) -> dict[str, str | None]:
    """The names that are neither known nor written by others, each with the known one that it may stand for.

    Of very many only the first: a file full of names is no reason to compare them all.
    """
    known = sorted(known)
    unknown = [name for name in names if name not in OF_OTHERS and name not in known]
    return {name: _meant(name, known, alike) for name in unknown[:MOST]}


def _meant(name: str, known: list[str], alike: float) -> str | None:
    """The field that looks like this one; from afar also the shortest with all of its words: num_layers."""
    if len(name) > LONGEST:
        return None
    close = get_close_matches(name, known, n=1, cutoff=NEAR)
    if not close and alike < NEAR:
        words = set(name.split("_"))
        longer = [field for field in known if len(words) > 1 and words < set(field.split("_"))]
        close = sorted(longer, key=len) or get_close_matches(name, known, n=1, cutoff=alike)
    return close[0] if close else None


def unknown_fields_of(config: Any, alike: float = FAR) -> dict[str, str | None]:
    """The same of a configuration: what it holds beside its fields."""
    return unknown_fields(config.extra, known_fields(type(config)), alike)


def known_fields(kind: Any) -> set[str]:
    """What a configuration of that class reads."""
    return {*kind.__dataclass_fields__, "num_labels", "model_type", "torch_dtype", "name_or_path"}
