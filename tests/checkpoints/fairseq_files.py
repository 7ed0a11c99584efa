"""Files as fairseq and fairseq2 save them, made of small random models of transformers: needs torch.

The names are written here once more, from fairseq's modules, in the other direction and by other means than in the
package. The configuration's classes are made up under the names that omegaconf and fairseq have, so that the pickles
have the same structure; `python tests/checkpoints/fairseq_files.py` writes the frozen file beside it.
"""

from __future__ import annotations

import argparse
import enum
import re
import sys
import types
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

FROZEN = Path(__file__).parent / "fairseq_file"
LETTERS = ["|", *"ETAONI"]  # after fairseq's four special tokens
CONVOLUTIONS = "[(8, 10, 5)] + [(8, 3, 2)] * 2"
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "hidden_act": "swish",
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 3, 3],
    "conv_stride": [5, 2, 2],
    "conv_depthwise_kernel_size": 5,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": len(LETTERS) + 4,
    "num_codevectors_per_group": 6,
    "codevector_dim": 8,
    "proj_codevector_dim": 12,
    "initializer_range": 0.3,
}


def reference_model(kind: str, positions: str = "relative", norm: str = "layer") -> Any:
    """A random model of transformers in evaluation mode. kind: "ctc", "pretraining" or "bert"."""
    import torch
    import transformers

    torch.manual_seed(3)
    if kind == "bert":
        keys = "hidden_size num_hidden_layers num_attention_heads intermediate_size conv_depthwise_kernel_size".split()
        config = transformers.Wav2Vec2BertConfig(**{key: SIZES[key] for key in keys}, initializer_range=0.3)
        model = transformers.Wav2Vec2BertModel(config)
    else:
        config = transformers.Wav2Vec2ConformerConfig(
            **SIZES, position_embeddings_type=positions, feat_extract_norm=norm, conv_bias=norm == "layer"
        )
        head = {"ctc": "ForCTC", "pretraining": "ForPreTraining"}[kind]
        model = getattr(transformers, f"Wav2Vec2Conformer{head}")(config)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():  # none of them is left at 0 or 1
            if tensor.is_floating_point() and "inv_freq" not in name:
                tensor += 0.1 * torch.rand_like(tensor)
    return model.eval()


# ---- the weights' names


def fairseq_weights(model: Any) -> OrderedDict:
    """The state dict of Wav2Vec2Model, or of Wav2VecCtc, with the model's weights."""
    fine_tuned = hasattr(model, "lm_head")
    state: OrderedDict = OrderedDict()
    for name, tensor in model.state_dict().items():
        base = name.startswith("wav2vec2_conformer.")
        new = name.removeprefix("wav2vec2_conformer.")
        for pattern, replacement in [
            (r"^masked_spec_embed$", "mask_emb"),
            (r"^feature_projection\.layer_norm", "layer_norm"),
            (r"^feature_projection\.projection", "post_extract_proj"),
            (r"(conv_layers\.\d+)\.conv\.", r"\1.0."),
            (
                r"(conv_layers\.\d+)\.layer_norm\.",
                r"\1.2.1." if model.config.feat_extract_norm == "layer" else r"\1.2.",
            ),
            (r"pos_conv_embed\.conv\.", "pos_conv.0."),
            (r"parametrizations\.weight\.original0", "weight_g"),
            (r"parametrizations\.weight\.original1", "weight_v"),
            (r"\.intermediate_dense\.", ".w_1."),
            (r"\.output_dense\.", ".w_2."),
            (r"\.(ffn[12])_layer_norm\.", r".\1.layer_norm."),
            (r"^quantizer\.codevectors$", "quantizer.vars"),
            (r"^project_hid", "final_proj"),
            (r"^lm_head", "w2v_encoder.proj"),
        ]:
            new = re.sub(pattern, replacement, new)
        if name.endswith("embed_positions.inv_freq"):
            for layer in range(model.config.num_hidden_layers):
                place = f"encoder.layers.{layer}.self_attn.rotary_emb.inv_freq"
                state[f"w2v_encoder.w2v_model.{place}" if fine_tuned else place] = tensor.clone()
            continue
        state[f"w2v_encoder.w2v_model.{new}" if fine_tuned and base else new] = tensor.clone()
    return state


def bert_weights(model: Any, fairseq2: bool) -> OrderedDict:
    """w2v-BERT 2.0 under fairseq2's names, or under fairseq's, with what only pre-training needs."""
    import torch

    first = "w_1 w_2 out_proj rel_k_embedding layer_norm2 final_layer_norm".split()
    second = "inner_proj output_proj output_proj sdpa.rel_k_embed layer_norm layer_norm".split()
    words = dict(zip("up down out distance norm2 final".split(), second if fairseq2 else first))
    state = OrderedDict()
    for name, tensor in model.state_dict().items():
        new = re.sub(r"self_attn\.linear_([qkv])", r"self_attn.\1_proj", name)
        new = new.replace("self_attn.linear_out", f"self_attn.{words['out']}")
        new = new.replace("distance_embedding", words["distance"]).replace("final_layer_norm", words["final"])
        new = new.replace("intermediate_dense", words["up"]).replace("output_dense", words["down"])
        if fairseq2:
            new = new.replace("conv_module.layer_norm", "conv_layer_norm").replace("conv_module", "conv")
            new = new.replace("depthwise_layer_norm", "layer_norm").replace("masked_spec", "masker.temporal_mask")
            new = new.replace("feature_projection.layer_norm", "encoder_frontend.post_extract_layer_norm")
            new = new.replace("feature_projection.projection", "encoder_frontend.model_dim_proj")
        else:
            new = re.sub(r"\.(ffn[12])_layer_norm", r".\1.layer_norm", new)
            new = new.replace("depthwise_layer_norm", "layer_norm2").replace("masked_spec_embed", "mask_emb")
            new = new.replace("feature_projection.layer_norm", "layer_norm")
            new = new.replace("feature_projection.projection", "post_extract_proj")
        state[new] = tensor.clone()
    unused = (
        "quantizer.entries quantizer.entry_proj.weight quantizer.num_updates final_proj.bias final_target_proj.weight"
    )
    if not fairseq2:
        unused = "encoder.layer_norm.bias quantizer.vars quantizer.weight_proj.bias project_q.bias mlm_proj.weight"
    return state | {name: torch.ones(2) for name in unused.split()}


# ---- the settings, and the objects that hold them


def model_settings(model: Any) -> dict[str, Any]:
    """fairseq's settings of a pre-trained model."""
    config = model.config
    return {
        "_name": "wav2vec2",
        "extractor_mode": {"group": "default", "layer": "layer_norm"}[config.feat_extract_norm],
        "encoder_layers": config.num_hidden_layers,
        "encoder_embed_dim": config.hidden_size,
        "encoder_ffn_embed_dim": config.intermediate_size,
        "encoder_attention_heads": config.num_attention_heads,
        "layer_type": "conformer",
        "attn_type": "espnet",
        "pos_enc_type": {"relative": "rel_pos", "rotary": "rope"}[config.position_embeddings_type],
        "layer_norm_first": True,
        "depthwise_conv_kernel_size": config.conv_depthwise_kernel_size,
        "conv_feature_layers": CONVOLUTIONS,
        "conv_bias": config.conv_bias,
        "conv_pos": config.num_conv_pos_embeddings,
        "conv_pos_groups": config.num_conv_pos_embedding_groups,
        "latent_vars": config.num_codevectors_per_group,
        "latent_groups": config.num_codevector_groups,
        "latent_dim": 0,
        "final_dim": config.proj_codevector_dim,
        "encoder_layerdrop": 0.05,
        "dropout": 0.0,
        "attention_dropout": 0.1,
        "mask_prob": 0.65,
        "logit_temp": 0.2,
        "num_negatives": 50,
        "ddp_backend": "${common.fp16}",  # refers to another setting
    }


def fine_tuned_settings(model: Any) -> dict[str, Any]:
    """Those of a model with CTC, which keeps those of the pre-trained one."""
    before = {"model": model_settings(model), "task": {"normalize": True}}
    own = {"_name": "wav2vec_ctc", "w2v_args": before, "apply_mask": True, "mask_prob": 0.5, "layerdrop": 0.2}
    usual = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"
    for_models_without_pretraining = {"encoder_embed_dim": 768, "conv_feature_layers": usual}
    return {**own, **for_models_without_pretraining, "final_dropout": 0.3, "normalize": "${task.normalize}"}


class Placed:
    """Puts classes where their pickles say that they are, and takes them away again."""

    def __enter__(self) -> types.SimpleNamespace:
        self.before = dict(sys.modules)
        made = {name: _module_with(*name.rpartition(".")[::2]) for name in CLASSES}
        return types.SimpleNamespace(**{name.rpartition(".")[2]: kind for name, kind in made.items()})

    def __exit__(self, *error: object) -> None:
        for name in set(sys.modules) - set(self.before):
            del sys.modules[name]


CLASSES = [
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "fairseq.data.dictionary.Dictionary",
    "fairseq.dataclass.constants.DDP_BACKEND_CHOICES",
]


def _module_with(module: str, name: str) -> Any:
    for end in range(1, module.count(".") + 2):
        part = ".".join(module.split(".")[:end])
        sys.modules.setdefault(part, types.ModuleType(part))
    base = enum.Enum(name, {"legacy_ddp": "legacy_ddp"}) if name.startswith("DDP") else type(name, (), {})
    base.__module__ = module
    base.__qualname__ = name
    setattr(sys.modules[module], name, base)
    return base


def _filled(kind: Any, **state: Any) -> Any:
    made = kind.__new__(kind)
    made.__dict__.update(state)
    return made


def as_omegaconf(value: Any, kinds: Any, parent: Any = None) -> Any:
    """A value as omegaconf wraps it: containers and nodes that know their parents, with annotations of types."""
    if isinstance(value, dict):
        metadata = _filled(kinds.ContainerMetadata, ref_type=Any, object_type=dict, optional=True, key="model")
        made = _filled(kinds.DictConfig, _metadata=metadata, _parent=parent)
        made.__dict__["_content"] = {key: as_omegaconf(item, kinds, made) for key, item in value.items()}
        return made
    if isinstance(value, list):
        made = _filled(kinds.ListConfig, _metadata=None, _parent=parent)
        made.__dict__["_content"] = [as_omegaconf(item, kinds, made) for item in value]
        return made
    metadata = _filled(
        kinds.Metadata, ref_type=list[int], object_type=int, optional=True, key=None, flags=defaultdict(dict)
    )
    return _filled(kinds.AnyNode, _metadata=metadata, _parent=parent, _val=value)


def save_fairseq(model: Any, path: Path, settings: str = "cfg", symbols: bool = False, **torch_options: Any) -> Path:
    """Write fairseq's checkpoint of the model.

    settings: "cfg" (plain), "omegaconf" (objects) or "args" (argparse.Namespace, as before 2021). symbols: put the
    dictionary into the task's state.
    """
    import torch

    fine_tuned = hasattr(model, "lm_head")
    own = fine_tuned_settings(model) if fine_tuned else model_settings(model)
    task = {"_name": "audio_pretraining", "normalize": True, "sample_rate": 16000, "labels": "ltr"}
    cfg: Any = {"_name": None, "model": own, "task": task, "criterion": {"_name": "ctc", "zero_infinity": True}}
    with Placed() as kinds:
        state: dict[str, Any] = {"args": None, "cfg": cfg, "model": fairseq_weights(model), "task_state": {}}
        state["extra_state"] = {
            "epoch": 3,
            "best": np.float64(3.5),
            "metrics": OrderedDict(),
            "train_iterator": {"epoch": 3},
        }
        state["optimizer_history"] = [{"num_updates": 7, "backend": next(iter(kinds.DDP_BACKEND_CHOICES))}]
        state["last_optimizer_state"] = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}
        if settings == "omegaconf":
            state["cfg"] = as_omegaconf(cfg, kinds)
        elif settings == "args":
            if fine_tuned:
                own = {**own, "w2v_args": argparse.Namespace(**own["w2v_args"]["model"])}
            state |= {"cfg": None, "args": argparse.Namespace(**{**own, "normalize": True}, zero_infinity=True)}
        if symbols:
            listed = ["<s>", "<pad>", "</s>", "<unk>", *LETTERS]
            state["task_state"]["target_dictionary"] = _filled(
                kinds.Dictionary, symbols=listed, indices={}, count=[1] * len(listed), bos_word="<s>"
            )
        torch.save(state, path, **torch_options)
    return path


def write_dictionary(path: Path) -> None:
    """A dict.ltr.txt with LETTERS."""
    path.write_text("".join(f"{letter} {100 - i}\n" for i, letter in enumerate(LETTERS)))


def freeze() -> None:
    """Write a small file of each kind, and what the models answer, for tests without torch."""
    import torch

    FROZEN.mkdir(exist_ok=True)
    model = reference_model("ctc", "rotary")
    sound = torch.randn(1, 800, generator=torch.Generator().manual_seed(0))
    save_fairseq(model, FROZEN / "ctc.pt", "omegaconf")
    write_dictionary(FROZEN / "dict.ltr.txt")
    with torch.no_grad():
        np.savez_compressed(FROZEN / "answers.npz", sound=sound.numpy(), logits=model(sound).logits.numpy())


if __name__ == "__main__":
    freeze()
