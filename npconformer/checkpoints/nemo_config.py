"""From a NeMo configuration (`model_config.yaml`) to the settings of a `NemoConformerConfig`.

Every option of encoder, head and front end is known here, or refused by its name: one that changes the numbers must
have the value that this package computes with, or a field for it; one that says nothing where a trained model is used
(how it is initialised, what memory it spares, what happens in training alone) is passed over. Options that are left out
have NeMo's defaults, which are not always those of the published models. Whole sections about training (train_ds,
optim, interctc, ...) say nothing here.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from npconformer.checkpoints.nemo_arrays import PLACES
from npconformer.checkpoints.nemo_kinds import check_kind, section
from npconformer.losses.ctc import REDUCTIONS
from npconformer.storage.messages import LONGEST, printable, shown

RATE = 16000
LARGEST = 10**9  # of a whole number
UNLIMITED = (None, [-1, -1], [[-1, -1]])

# Options that must have one of the values here, the first of which is NeMo's default.
FIXED_IN_ENCODER: dict[str, tuple[Any, ...]] = {
    "causal_downsampling": (False,),
    "reduction": (None,),
    "self_attention_model": ("rel_pos",),
    "att_context_size": UNLIMITED,
    "att_context_style": ("regular",),
    "untie_biases": (True,),
    "conv_norm_type": ("batch_norm",),
    "use_bias": (True,),
    "global_tokens": (0,),
}
FIXED_IN_FRONT_END: dict[str, tuple[Any, ...]] = {
    "n_window_size": (None, 400),
    "n_window_stride": (None, 160),
    "window": ("hann",),
    "normalize": ("per_feature",),
    "n_fft": (None, 512),
    "preemph": (0.97,),
    "lowfreq": (0,),
    "highfreq": (None, RATE // 2),
    "log": (True,),
    "log_zero_guard_type": ("add",),
    "log_zero_guard_value": (2**-24,),
    "frame_splicing": (1,),
    "exact_pad": (False,),
    "stft_exact_pad": (False,),
    "pad_value": (0,),
    "mag_power": (2,),
    "mel_norm": ("slaney",),
    "use_torchaudio": (False,),
}
FIXED: dict[str, dict[str, tuple[Any, ...]]] = {
    "encoder": FIXED_IN_ENCODER,
    "preprocessor": FIXED_IN_FRONT_END,
    "decoder": {"add_blank": (True,)},
}
# Options that say nothing about the output of a trained model, and those that are looked at one by one below.
PASSED_OVER = {
    "encoder": """_target_ cls reduction_position reduction_factor att_context_probs pos_emb_max_len dropout_pre_encoder
    dropout_emb stochastic_depth_drop_prob stochastic_depth_mode stochastic_depth_start_layer global_tokens_spacing
    global_attn_separate use_pytorch_sdpa use_pytorch_sdpa_backends sync_max_audio_length
    subsampling_conv_chunking_factor""",
    "preprocessor": "_target_ cls dither pad_to rng nb_augmentation_prob nb_max_freq stft_conv",
    "decoder": "_target_ cls init_mode vocabulary",
}
READ = {
    "encoder": """feat_in feat_out n_layers d_model subsampling subsampling_factor subsampling_conv_channels
    ff_expansion_factor n_heads xscaling conv_kernel_size conv_context_size dropout dropout_att""",
    "preprocessor": "sample_rate window_size window_stride features",
    "decoder": "feat_in num_classes",
}


def settings_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `NemoConformerConfig` that a NeMo configuration says.

    Raises:
        ValueError: it is of another kind of model (`nemo_kinds`), contradicts itself, or asks by an option, which is
            named, for what is not offered.
    """
    check_kind(settings)
    for name, fixed in FIXED.items():
        _check_options(name, section(settings, name), fixed)
    found = _of_encoder(Options("encoder", section(settings, "encoder")))
    _check_front_end(settings, found["num_mel_bins"])
    classes = _classes(settings, found["hidden_size"])
    if classes is not None:
        found["vocab_size"] = classes + 1  # and the blank
    return found | _of_training(settings)


class Options:
    """A section, asked option by option. Raises ValueError, naming the option, for a value of another type."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self.name, self.values = name, values

    def integer(self, option: str, default: int | None = None) -> int:
        value = self.values.get(option)
        value = default if value is None else value
        if type(value) is not int or abs(value) > LARGEST:
            raise self.wrong(option, value, "a whole number, not a huge one")
        return value

    def number(self, option: str, default: float) -> float:
        value = as_number(self.values.get(option, default))
        if value is None:
            raise self.wrong(option, self.values.get(option), "a number")
        return value

    def switch(self, option: str, default: bool) -> bool:
        value = self.values.get(option, default)
        if type(value) is not bool:
            raise self.wrong(option, value, "true or false")
        return value

    def wrong(self, option: str, value: Any, expected: str) -> ValueError:
        return ValueError(f"{self.name}.{option} is {shown(value)}; expected {expected}")


def as_number(value: Any) -> float | None:
    """A finite number; also from a text such as 1e-05, which YAML 1.1 takes for one. None for anything else."""
    if type(value) not in (int, float, str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _check_options(name: str, values: Mapping[str, Any], fixed: Mapping[str, tuple[Any, ...]]) -> None:
    known = {*fixed, *PASSED_OVER[name].split(), *READ[name].split()}
    for option, value in values.items():
        if option not in known:
            option = printable(str(option)[:LONGEST])
            raise ValueError(f"{name}.{option} ({shown(value)}) is an option that is not known here")
        if option in fixed and not any(_is_same(value, one) for one in fixed[option]):
            offered = " or ".join("null" if one is None else shown(one) for one in fixed[option])
            raise ValueError(f"{name}.{option} is {shown(value)}, which is not offered; expected {offered}")


def _is_same(value: Any, expected: Any) -> bool:
    if expected is None or isinstance(expected, bool | str | list):
        return type(value) is type(expected) and value == expected
    number = as_number(value)
    return number is not None and math.isclose(number, expected, rel_tol=1e-6)


def _of_encoder(encoder: Options) -> dict[str, Any]:
    width, kernel = encoder.integer("d_model"), encoder.integer("conv_kernel_size", 31)
    subsampling = encoder.values.get("subsampling", "striding")
    if subsampling not in PLACES:
        raise encoder.wrong("subsampling", subsampling, " or ".join(PLACES))
    if encoder.integer("feat_out", -1) not in (-1, 0, width):
        raise encoder.wrong("feat_out", encoder.values["feat_out"], f"-1 or {width}: no projection behind the encoder")
    context = encoder.values.get("conv_context_size")
    if context not in (None, [(kernel - 1) // 2] * 2):
        raise encoder.wrong("conv_context_size", context, f"null or {[(kernel - 1) // 2] * 2}: as much on both sides")
    channels = encoder.integer("subsampling_conv_channels", -1)
    found = {
        "num_mel_bins": encoder.integer("feat_in"),
        "hidden_size": width,
        "num_hidden_layers": encoder.integer("n_layers"),
        "num_attention_heads": encoder.integer("n_heads", 4),
        "intermediate_size": width * encoder.integer("ff_expansion_factor", 4),
        "conv_depthwise_kernel_size": kernel,
        "subsampling": subsampling,
        "subsampling_factor": encoder.integer("subsampling_factor", 4),
        "subsampling_conv_channels": width if channels == -1 else channels,
        "scale_input": encoder.switch("xscaling", True),
    }
    dropout = encoder.number("dropout", 0.1)
    return found | {
        "hidden_dropout": dropout,
        "activation_dropout": dropout,
        "conformer_conv_dropout": dropout,
        "attention_dropout": encoder.number("dropout_att", 0.0),
    }


def _check_front_end(settings: Mapping[str, Any], bands: int) -> None:
    front = Options("preprocessor", section(settings, "preprocessor"))
    for option, default, expected in (
        ("sample_rate", RATE, RATE),
        ("window_size", 0.02, 0.025),
        ("window_stride", 0.01, 0.01),
        ("features", 64, bands),
    ):
        in_samples = {"window_size": "n_window_size", "window_stride": "n_window_stride"}.get(option)
        if in_samples is not None and front.values.get(in_samples) is not None:
            continue  # which counts, and is checked
        if not math.isclose(front.number(option, default), expected, rel_tol=1e-6):
            raise front.wrong(option, front.values.get(option, f"{default} (NeMo's default)"), f"{expected}")
    rate = settings.get("sample_rate", RATE)
    if rate != RATE:
        raise ValueError(f"sample_rate is {shown(rate)}; expected {RATE}")


def _classes(settings: Mapping[str, Any], width: int) -> int | None:
    """How many classes the head has beside the blank; None where it is not said."""
    head = Options("decoder", section(settings, "decoder"))
    if head.integer("feat_in", -1) not in (-1, width):
        raise head.wrong("feat_in", head.values["feat_in"], f"{width}, the width of the encoder (encoder.d_model)")
    classes, vocabulary = head.integer("num_classes", -1), head.values.get("vocabulary")
    if not isinstance(vocabulary, list | None):
        raise head.wrong("vocabulary", vocabulary, "a list of pieces")
    if vocabulary and classes > 0 and classes != len(vocabulary):
        raise head.wrong("num_classes", classes, f"{len(vocabulary)}, the number of pieces in decoder.vocabulary")
    return classes if classes > 0 else len(vocabulary or ()) or None


def _of_training(settings: Mapping[str, Any]) -> dict[str, Any]:
    """How NeMo reduced the loss and applied SpecAugment, as far as there are fields for it; defaults hold elsewhere."""
    found: dict[str, Any] = {}
    if settings.get("ctc_reduction") in REDUCTIONS:
        found["ctc_loss_reduction"] = settings["ctc_reduction"]
    masks = settings.get("spec_augment")
    if not isinstance(masks, Mapping):
        return found | ({"apply_spec_augment": False} if "spec_augment" in settings else {})
    found |= {name: masks[name] for name in ("freq_masks", "time_masks", "freq_width") if type(masks.get(name)) is int}
    if type(masks.get("time_width")) is float:  # a whole number would be of frames
        found["time_width"] = masks["time_width"]
    return found
