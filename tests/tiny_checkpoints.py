"""Checkpoint folders of tiny random models with a head, and recordings for them, for tests of what uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import npconformer
from npconformer import (
    AutoConfig,
    NemoConformerFeatureExtractor,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
)
from npconformer.models.auto import model_class
from npconformer.models.conformer.attention import SelfAttention
from npconformer.processors.auto import AutoProcessor

SHARED_SIZES = {
    "vocab_size": 12,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "hidden_act": "swish",
    "conv_depthwise_kernel_size": 7,
    "classifier_proj_size": 8,
    "tdnn_dim": (10, 10, 12),
    "tdnn_kernel": (3, 2, 1),
    "tdnn_dilation": (1, 2, 1),
    "xvector_output_dim": 6,
    "initializer_range": 0.3,  # far from 0, so that different recordings give different answers
}
SIZES = {
    **SHARED_SIZES,
    "conv_dim": (8, 8, 12),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (10, 8, 4),  # a frame is 320 samples, 20 ms
    "conv_bias": True,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
}
BERT_SIZES = {**SHARED_SIZES, "left_max_position_embeddings": 6, "right_max_position_embeddings": 3}
NEMO_SIZES = {**SHARED_SIZES, "num_mel_bins": 20, "subsampling_conv_channels": 6}
KINDS = ("layer", "group", "bert")  # Wav2Vec2-Conformer with either norm in its feature encoder, and Wav2Vec2-BERT
MODELS = ("layer", "bert")  # one of each model; "nemo", which is made here as well, has tests of its own
SHORTEST = {"layer": 320, "group": 320, "bert": 560}  # samples that give one frame; frames are 320 apart

HEAD_NAMES = {
    "ForCTC": "ctc",
    "ForSequenceClassification": "sequence_classification",
    "ForAudioFrameClassification": "audio_frame_classification",
    "ForXVector": "xvector",
    "ForPreTraining": "pretraining",
}
OUTPUT_LAYERS = {
    "ForCTC": "lm_head",
    "ForSequenceClassification": "classifier",
    "ForAudioFrameClassification": "classifier",
}

VOCABULARY = {token: index for index, token in enumerate(["<pad>", "|", *"ABCDEFGHIJ"])}


def make_config(kind: str, **settings: Any) -> Any:
    """The configuration of a tiny model of that kind; `settings` replace its fields."""
    if kind == "bert":
        return AutoConfig.for_model("wav2vec2-bert", **{**BERT_SIZES, **settings})
    if kind == "nemo":
        return AutoConfig.for_model("nemo-conformer", **{**NEMO_SIZES, **settings})
    return AutoConfig.for_model("wav2vec2-conformer", **{**SIZES, "feat_extract_norm": kind, **settings})


def make_extractor(kind: str, **settings: Any) -> Any:
    """The feature extractor of that kind's models."""
    if kind == "bert":
        return SeamlessM4TFeatureExtractor(**{"padding_value": 1.0, **settings})
    if kind == "nemo":
        return NemoConformerFeatureExtractor(**{"num_mel_bins": 20, **settings})
    return Wav2Vec2FeatureExtractor(**{"return_attention_mask": kind == "layer", **settings})


class UnnormalizedFeatures(SeamlessM4TFeatureExtractor):
    """Rows that depend on their own samples only, not on the level of the whole recording."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return super().__call__(*arguments, do_normalize_per_mel_bins=False, **options)


class UnnormalizedNemoFeatures(NemoConformerFeatureExtractor):
    """The same of NeMo's."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return super().__call__(*arguments, do_normalize=False, **options)


def make_local_extractor(kind: str) -> Any:
    """The feature extractor of that kind's models, without normalisation."""
    if kind == "nemo":
        return UnnormalizedNemoFeatures(num_mel_bins=20)
    return UnnormalizedFeatures(padding_value=1.0) if kind == "bert" else make_extractor(kind, do_normalize=False)


def silence_attention(model: Any) -> None:
    """Attention that adds nothing leaves a frame to its neighbours, in the encoder and in the adapter."""
    for module in model.modules():
        if isinstance(module, SelfAttention):
            for parameter in (module.linear_v.weight, module.linear_v.bias):
                parameter.data = np.zeros_like(parameter.data)


def save_checkpoint(head: str, folder: Path, kind: str = "layer", **settings: Any) -> Path:
    """A model of the kind with that head ("ForCTC", ...) and random weights, and its feature extractor, in `folder`."""
    npconformer.manual_seed(5)
    config = make_config(kind, **settings)
    model = model_class(config.model_type, HEAD_NAMES[head])(config).eval()
    extractor = make_extractor(kind)
    if head in OUTPUT_LAYERS:
        _spread_logits(model, getattr(model, OUTPUT_LAYERS[head]), extractor)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def save_recogniser(folder: Path, kind: str = "layer", **settings: Any) -> Path:
    """A model of the kind that recognises the letters of VOCABULARY, and its processor, in `folder`."""
    save_checkpoint("ForCTC", folder, kind, **settings)
    AutoProcessor.from_parts(make_extractor(kind), Wav2Vec2CTCTokenizer(VOCABULARY)).save_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()
    return folder


def lay_out_as_in_4(folder: Path) -> Path:
    """Turn a recogniser's folder into what transformers 4 and old fine-tunes have: every setting in its own file.

    They name a Wav2Vec2Processor, whatever feature extractor is in it.
    """
    processor = AutoProcessor.from_pretrained(folder)
    (folder / "processor_config.json").unlink()
    settings = {**processor.feature_extractor.to_dict(), "processor_class": "Wav2Vec2Processor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "processor_class": "Wav2Vec2Processor"}))
    return folder


def _spread_logits(model: Any, layer: Any, extractor: Any) -> None:
    """Give each logit mean 0 and deviation 2 over recordings or frames: random weights say the same of all."""
    features = extractor(make_waveforms([16000] * 8, seed=99), sampling_rate=16000, return_tensors="np")
    with npconformer.no_grad():
        logits = model(**features).logits.numpy()
    logits = logits.reshape(-1, logits.shape[-1])
    factor = 2 / logits.std(axis=0)
    layer.weight.data = layer.weight.data * factor[:, None]
    layer.bias.data = (layer.bias.data - logits.mean(axis=0)) * factor


def cut_to_whole_rows(waveforms: list[np.ndarray]) -> list[np.ndarray]:
    """As long as an even number of frames of 10 ms: a last odd one fills half a row of Wav2Vec2-BERT's input.

    The reference fills the other half with padding, masks the row, and then sees it, or decodes it, in some places.
    """
    return [waveform[: len(waveform) - (len(waveform) - 560) % 320] for waveform in waveforms]


def make_waveforms(lengths: list[int], seed: int = 0) -> list[np.ndarray]:
    """Stretches of tones, noise, rumble and near silence, 30 to 300 ms each; float32, at 16 kHz."""
    random = np.random.default_rng(seed)
    return [_make_waveform(length, random) for length in lengths]


def _make_waveform(length: int, random: np.random.Generator) -> np.ndarray:
    pieces, made = [], 0
    while made < length:
        size = int(random.integers(500, 5000))
        noise = random.standard_normal(size)
        tone = np.sin(np.arange(size) * random.uniform(0.02, 2.0)) + 0.01 * noise
        kinds = [tone, tone, 0.3 * noise, 0.05 * np.cumsum(noise), 0.001 * noise]
        pieces.append(0.3 * kinds[random.integers(len(kinds))])
        made += size
    return np.concatenate(pieces)[:length].clip(-1, 1).astype(np.float32)
