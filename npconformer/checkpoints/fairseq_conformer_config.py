"""The configuration of a Wav2Vec2-Conformer from fairseq's settings, each held against the shapes of the weights.

fairseq's settings are those of `Wav2Vec2Config`. A fine-tuned model keeps those of the pre-trained one under
"w2v_args", and has its own, `Wav2VecCtcConfig`, of which some replace them. What neither says is read off the weights
where they say it.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import re
from typing import Any

from npconformer.checkpoints.fairseq_names import shape_of
from npconformer.checkpoints.renamed_file import RenamedFile

# transformers' field: fairseq's setting. These change no shape and no output of a model in evaluation mode.
RATES = {
    "hidden_dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "activation_dropout": "activation_dropout",
    "feat_proj_dropout": "dropout_input",
    "final_dropout": "final_dropout",
    "feat_quantizer_dropout": "dropout_features",
    "mask_time_prob": "mask_prob",
    "mask_time_length": "mask_length",
    "mask_feature_prob": "mask_channel_prob",
    "mask_feature_length": "mask_channel_length",
    "contrastive_logits_temperature": "logit_temp",
    "num_negatives": "num_negatives",
}
# The same for what weights have a say in.
SIZES = {
    "num_hidden_layers": "encoder_layers",
    "hidden_size": "encoder_embed_dim",
    "intermediate_size": "encoder_ffn_embed_dim",
    "num_attention_heads": "encoder_attention_heads",
    "conv_depthwise_kernel_size": "depthwise_conv_kernel_size",
    "num_conv_pos_embeddings": "conv_pos",
    "num_conv_pos_embedding_groups": "conv_pos_groups",
    "conv_bias": "conv_bias",
    "num_codevector_groups": "latent_groups",
    "num_codevectors_per_group": "latent_vars",
}
NORMS = {"default": "group", "layer_norm": "layer"}  # extractor_mode
POSITIONS = {"rel_pos": "relative", "rope": "rotary"}  # pos_enc_type
# The settings of a fine-tuned model that count. Its encoder_embed_dim and conv_feature_layers are for models without
# pre-training: they stand at their defaults, whatever the model is.
OF_FINE_TUNING = (
    "dropout attention_dropout activation_dropout dropout_input final_dropout layerdrop apply_mask mask_prob "
    "mask_length mask_channel_prob mask_channel_length"
).split()
USUAL_CONVOLUTIONS = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2"
MOST_CONVOLUTIONS = 100


def conformer_config(settings: dict[str, dict[str, Any]], weights: RenamedFile) -> dict[str, Any]:
    """The fields of the configuration.

    Args:
        settings: of `FairseqFile`.
        weights: under transformers' names, those of the base without a prefix.

    Raises:
        ValueError: it is another model, a setting contradicts the weights, or one that is needed is missing.
    """
    fine_tuned = "lm_head.weight" in weights
    said = model_settings(settings["model"], fine_tuned)
    check_kind(said)
    measured = sizes_of_weights(weights, max(int(said.get("latent_groups") or 2), 1))
    config: dict[str, Any] = {"hidden_act": "swish", "feat_extract_activation": "gelu"}
    config |= {field: said[name] for field, name in RATES.items() if said.get(name) is not None}
    for field, name in SIZES.items():
        if field in measured:
            config[field] = agree(name, said.get(name), measured[field])
    mode, kind = said.get("extractor_mode"), said.get("pos_enc_type")
    config["feat_extract_norm"] = agree("extractor_mode", NORMS.get(str(mode), mode), measured["feat_extract_norm"])
    position = agree("pos_enc_type", POSITIONS.get(str(kind), kind), measured["position_embeddings_type"])
    config["position_embeddings_type"] = position
    config |= convolutions(said.get("conv_feature_layers"), measured["convolutions"])
    config["layerdrop"] = first_of(said, "layerdrop", "encoder_layerdrop", default=0.0)
    for field in ("codevector_dim", "proj_codevector_dim"):
        if field in measured:
            config[field] = measured[field]
    if fine_tuned:  # the blank of CTC is fairseq's <s>, with the id 0; see fairseq_vocabulary
        config |= {
            "vocab_size": shape_of(weights, "lm_head.weight", 2, "CTC model")[0],
            "pad_token_id": 0,
            "bos_token_id": 1,
        }
        if isinstance(said.get("apply_mask"), bool):
            config["apply_spec_augment"] = said["apply_mask"]
        config |= {"eos_token_id": 2, "ctc_zero_infinity": bool(settings["criterion"].get("zero_infinity", False))}
    return config


def model_settings(model: dict[str, Any], fine_tuned: bool) -> dict[str, Any]:
    """The settings that made the model: a pre-trained one's own, a fine-tuned one's as `OF_FINE_TUNING` says.

    Those that only refer to others, such as "${task.normalize}", are left out.
    """
    merged = model
    if fine_tuned:
        before = model.get("w2v_args")
        if isinstance(before, dict) and isinstance(before.get("model"), dict):
            before = before["model"]
        merged = dict(before) if isinstance(before, dict) else {}
        merged |= {name: model[name] for name in OF_FINE_TUNING if model.get(name) is not None}
    return {name: value for name, value in merged.items() if not (isinstance(value, str) and value.startswith("${"))}


def extractor_settings(settings: dict[str, dict[str, Any]], config: dict[str, Any]) -> dict[str, Any]:
    """The feature extractor's settings. Sounds are normalised if it says so, or says nothing and has layer norms."""
    task, has_layer_norm = settings["task"], config["feat_extract_norm"] == "layer"
    normalize = task.get("normalize")
    return {
        "sampling_rate": task.get("sample_rate") or 16000,
        "do_normalize": normalize if isinstance(normalize, bool) else has_layer_norm,
        "return_attention_mask": has_layer_norm,
    }


def check_kind(said: dict[str, Any]) -> None:
    """Raises ValueError for models that fairseq makes by other settings."""
    # with layer_norm_first fairseq has the encoder's last norm behind its blocks, where transformers has it
    for name, expected in (("layer_type", "conformer"), ("attn_type", "espnet"), ("layer_norm_first", True)):
        if said.get(name, expected) != expected:
            raise ValueError(f"its {name} is {said[name]!r}; expected {expected!r}, as in a Wav2Vec2-Conformer")
    for name in ("quantize_input", "target_glu"):
        if said.get(name):
            raise ValueError(f"it was trained with {name}, which Wav2Vec2-Conformer does not have in transformers")


def sizes_of_weights(weights: RenamedFile, groups: int) -> dict[str, Any]:
    """What the shapes of the weights say; groups: of the quantizer's codebooks, which they do not say.

    Raises:
        ValueError: a weight is missing.
    """

    def shape(name: str, rank: int) -> tuple[int, ...]:
        return shape_of(weights, name, rank, "Wav2Vec2-Conformer")

    block, conv = "encoder.layers.0", "feature_extractor.conv_layers"
    hidden = shape("feature_projection.projection.weight", 2)[0]
    positions = shape("encoder.pos_conv_embed.conv.parametrizations.weight.original1", 3)
    relative = f"{block}.self_attn.pos_bias_u" in weights
    heads = (
        shape(f"{block}.self_attn.pos_bias_u", 2)[0] if relative
        else hidden // max(2 * shape("encoder.embed_positions.inv_freq", 1)[0], 1)
    )  # fmt: skip
    found: dict[str, Any] = {
        "num_hidden_layers": count(weights, r"encoder\.layers\.([0-9]+)\..*"),
        "hidden_size": hidden,
        "intermediate_size": shape(f"{block}.ffn1.intermediate_dense.weight", 2)[0],
        "num_attention_heads": heads,
        "position_embeddings_type": "relative" if relative else "rotary",
        "conv_depthwise_kernel_size": shape(f"{block}.conv_module.depthwise_conv.weight", 3)[-1],
        "num_conv_pos_embeddings": positions[-1],
        "num_conv_pos_embedding_groups": positions[0] // max(positions[1], 1),
        "conv_bias": f"{conv}.0.conv.bias" in weights,
        "feat_extract_norm": "layer" if f"{conv}.1.layer_norm.weight" in weights else "group",
        "convolutions": [
            (kernel[0], kernel[-1])
            for i in range(count(weights, r"feature_extractor\.conv_layers\.([0-9]+)\..*"))
            for kernel in [shape(f"{conv}.{i}.conv.weight", 3)]
        ],
    }
    if "quantizer.codevectors" in weights:
        _, entries, width = shape("quantizer.codevectors", 3)
        found |= {"num_codevector_groups": groups, "num_codevectors_per_group": entries // groups}
        found |= {"codevector_dim": width * groups, "proj_codevector_dim": shape("project_q.weight", 2)[0]}
    return found


def count(weights: RenamedFile, pattern: str) -> int:
    """How many there are of what the pattern's group numbers."""
    return len({match[1] for name in weights if (match := re.fullmatch(pattern, name))})


def convolutions(said: Any, measured: list[tuple[int, int]]) -> dict[str, list[int]]:
    """The feature encoder's channels, kernels and strides; of the strides no weight says anything."""
    layers = parse_convolutions(USUAL_CONVOLUTIONS if said is None else said)
    if [layer[:2] for layer in layers] != measured:
        source = "fairseq's default, as it says no other," if said is None else "its setting conv_feature_layers"
        raise ValueError(f"its convolutions have the channels and kernels {measured}; {source} has {layers}")
    names = ("conv_dim", "conv_kernel", "conv_stride")
    return {name: [layer[i] for layer in layers] for i, name in enumerate(names)}


def parse_convolutions(text: Any) -> list[tuple[int, int, int]]:
    """(channels, kernel, stride) of each convolution in "[(512, 10, 5)] + [(512, 3, 2)] * 4", which is a program of
    Python in fairseq and is read here.

    Raises:
        ValueError: it is written in another way.
    """
    number = r"\s*([0-9]{1,6})\s*"
    triple = rf"\({number},{number},{number},?\s*\)"
    layers: list[tuple[int, int, int]] = []
    for piece in str(text).split("+"):
        match = re.fullmatch(rf"\s*\[\s*({triple}\s*(?:,\s*{triple}\s*)*),?\s*\]\s*(?:\*\s*([0-9]{{1,3}})\s*)?", piece)
        if match is None or len(layers) > MOST_CONVOLUTIONS:
            example = "[(512, 10, 5)] + [(512, 3, 2)] * 4"
            raise ValueError(f"its conv_feature_layers are {str(text)[:200]!r}; expected such as {example!r}")
        some = [(int(a), int(b), int(c)) for a, b, c in re.findall(triple, match[1])]
        layers += some * min(int(match.groups()[-1] or 1), MOST_CONVOLUTIONS)
    return layers


def agree(name: str, said: Any, measured: Any) -> Any:
    """The value that the weights have. Raises ValueError where the setting, if there is one, is another."""
    if said is not None and said != measured:
        raise ValueError(f"its setting {name} is {said!r}, and its weights have {measured!r}: a damaged or edited file")
    return measured


def first_of(said: dict[str, Any], *names: str, default: Any) -> Any:
    """The first of the settings that is there."""
    return next((said[name] for name in names if said.get(name) is not None), default)
