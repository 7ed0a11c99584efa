"""NeMo's options as settings: what each becomes, and that none is passed over that changes the numbers."""

import pytest
from nemo_archives import PIECES, settings_with

from npconformer.checkpoints.nemo_config import FIXED, PASSED_OVER, READ, settings_of

MODELS = "nemo.collections.asr.models."
MODULES = "nemo.collections.asr.modules."


def test_every_field():
    assert settings_of(settings_with()) == {
        "num_mel_bins": 8,
        "hidden_size": 12,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "conv_depthwise_kernel_size": 5,
        "subsampling": "striding",
        "subsampling_factor": 4,
        "subsampling_conv_channels": 5,
        "scale_input": True,
        "hidden_dropout": 0.2,
        "activation_dropout": 0.2,
        "conformer_conv_dropout": 0.2,
        "attention_dropout": 0.3,
        "vocab_size": 7,
        "ctc_loss_reduction": "mean_batch",
        "freq_masks": 1,
        "time_masks": 2,
        "freq_width": 3,
        "time_width": 0.1,
    }


def test_the_real_one(shared):
    yaml = pytest.importorskip("yaml")
    text = (shared / "models/conformer-ctc-small/model_config.yaml").read_text(encoding="utf-8")
    found = settings_of(yaml.safe_load(text))
    assert found["num_mel_bins"] == 80 and found["hidden_size"] == 176 and found["vocab_size"] == 1025
    assert found["intermediate_size"] == 704 and found["time_width"] == 0.05


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"encoder__xscaling": False}, {"scale_input": False}),
        ({"encoder__subsampling_conv_channels": -1}, {"subsampling_conv_channels": 12}),
        ({"encoder__subsampling_factor": 8}, {"subsampling_factor": 8}),
        ({"encoder__subsampling": "dw_striding"}, {"subsampling": "dw_striding"}),
        ({"encoder__subsampling": "vggnet"}, {"subsampling": "vggnet"}),
        ({"ctc_reduction": "sum"}, {"ctc_loss_reduction": "sum"}),
        ({"encoder__conv_kernel_size": None}, {"conv_depthwise_kernel_size": 31}),
        ({"encoder__n_heads": None}, {"num_attention_heads": 4}),
        ({"encoder__feat_out": 12}, {}),
        ({"encoder__conv_context_size": [2, 2]}, {}),
        ({"encoder__att_context_size": [[-1, -1]]}, {}),
        ({"encoder__dropout_att": "1e-01"}, {"attention_dropout": 0.1}),
        ({"encoder__dropout_att": None}, {"attention_dropout": 0.0}),
        ({"encoder__pos_emb_max_len": 9999, "encoder__reduction_factor": 3}, {}),
        ({"decoder__num_classes": -1}, {"vocab_size": 7}),
        ({"decoder__num_classes": 9, "decoder__vocabulary": []}, {"vocab_size": 10}),
        ({"spec_augment__time_width": 70}, {}),
        ({"preprocessor__dither": 0.0, "preprocessor__pad_to": 16}, {}),
        ({"preprocessor__window_size": None, "preprocessor__n_window_size": 400}, {}),
        ({"preprocessor__n_fft": None, "preprocessor__log_zero_guard_value": 2**-24}, {}),
        ({"preprocessor__highfreq": 8000, "preprocessor__mag_power": 2.0}, {}),
    ],
)
def test_options_that_are_taken(changes, expected):
    usual = settings_of(settings_with())
    if "spec_augment__time_width" in changes:
        del usual["time_width"]  # of frames; the field is a share
    assert settings_of(settings_with(**changes)) == {**usual, **expected}


def test_no_spec_augment():
    assert settings_of({**settings_with(), "spec_augment": None})["apply_spec_augment"] is False


ENCODER = {
    "self_attention_model": "abs_pos",
    "att_context_size": [128, 0],
    "att_context_style": "chunked_limited",
    "conv_norm_type": "layer_norm",
    "untie_biases": False,
    "causal_downsampling": True,
    "conv_context_size": "causal",
    "reduction": "pooling",
    "use_bias": False,
    "global_tokens": 2,
    "feat_out": 40,
    "subsampling": "stacking",
    "n_layers": "two",
    "d_model": 12.5,
    "xscaling": "yes",
    "adapters": {"a": 1},
}
FRONT_END = {
    "normalize": "all_features",
    "window": "hamming",
    "window_size": 0.02,
    "window_stride": 0.0125,
    "n_window_size": 512,
    "n_fft": 1024,
    "features": 64,
    "preemph": 0.0,
    "lowfreq": 20,
    "highfreq": 7600,
    "log": False,
    "log_zero_guard_type": "clamp",
    "log_zero_guard_value": "tiny",
    "frame_splicing": 3,
    "exact_pad": True,
    "pad_value": 1.0,
    "mag_power": 1.0,
    "mel_norm": None,
    "use_torchaudio": True,
    "sample_rate": 8000,
    "a_new_one": 1,
}
HEAD = {"add_blank": False, "feat_in": 99, "num_classes": 3, "vocabulary": "abc", "temperature": 2.0}


@pytest.mark.parametrize(
    ("part", "option", "value"),
    [
        (part, option, value)
        for part, options in {"encoder": ENCODER, "preprocessor": FRONT_END, "decoder": HEAD}.items()
        for option, value in options.items()
    ],
)
def test_options_that_change_the_numbers(part, option, value):
    settings = settings_with()
    settings[part][option] = value
    with pytest.raises(ValueError, match=rf"^{part}\.{option}( is|\s\()"):
        settings_of(settings)


def test_every_option_is_refused_or_said_to_do_nothing():
    for part, fixed in FIXED.items():
        groups = [set(fixed), set(PASSED_OVER[part].split()), set(READ[part].split())]
        assert len(set.union(*groups)) == sum(map(len, groups))


@pytest.mark.parametrize("option", ["window_size", "features"])
def test_an_option_that_is_left_out_has_nemos_default(option):
    with pytest.raises(ValueError, match=rf"preprocessor\.{option} is .*NeMo's default"):
        settings_of(settings_with(**{f"preprocessor__{option}": None}))


def test_another_rate():
    with pytest.raises(ValueError, match="sample_rate is 8000; expected 16000"):
        settings_of(settings_with(sample_rate=8000))


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), "x" * 9999, 10**400, [1], {}])
def test_values_without_a_sense(value):
    for option in ("preprocessor__preemph", "preprocessor__features", "encoder__d_model", "encoder__dropout"):
        with pytest.raises(ValueError, match=option.replace("__", r"\.")) as caught:
            settings_of(settings_with(**{option: value}))
        assert len(str(caught.value)) < 400


# ---- other kinds of models


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("rnnt_bpe_models.EncDecRNNTBPEModel", "a transducer"),
        ("rnnt_models.EncDecRNNTModel", "a transducer"),
        ("hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel", "a hybrid of a transducer and CTC"),
        ("aed_multitask_models.EncDecMultiTaskModel", "an attention encoder-decoder"),
        ("transformer_bpe_models.EncDecTransfModelBPE", "an attention encoder-decoder"),
        ("ssl_models.SpeechEncDecSelfSupervisedModel", "a model of self-supervised pre-training"),
        ("ssl_models.EncDecMaskedTokenPredModel", "a model of self-supervised pre-training"),
        ("label_models.EncDecSpeakerLabelModel", "a model of speakers"),
        ("sortformer_diar_models.SortformerEncLabelModel", "a model of speakers"),
        ("classification_models.EncDecClassificationModel", "a classifier"),
        ("tts.models.FastPitchModel", "a model of speech synthesis"),
        ("nlp.QAModel", "a model of another kind"),
    ],
)
def test_other_models(target, what):
    name = target.rpartition(".")[2]
    with pytest.raises(ValueError, match=rf"^it is {what} \('{name}'\); only Conformer-CTC models"):
        settings_of(settings_with(target=MODELS + target))


@pytest.mark.parametrize(
    ("part", "target", "what"),
    [
        ("encoder", "SqueezeformerEncoder", "a Squeezeformer"),
        ("encoder", "ConvASREncoder", "a QuartzNet or Jasper"),
        ("encoder", "RNNEncoder", "a recurrent encoder"),
        ("encoder", "NewEncoder", "a model with another encoder"),
        ("decoder", "RNNTDecoder", "a transducer"),
        ("decoder", "ConvASRDecoderClassification", "a model with another head"),
        ("preprocessor", "AudioToMFCCPreprocessor", "a model with another front end"),
    ],
)
def test_other_parts(part, target, what):
    with pytest.raises(ValueError, match=rf"^it is {what} \('{target}'\)"):
        settings_of(settings_with(**{f"{part}___target_": MODULES + target}))


def test_a_citrinet():
    settings = settings_with(encoder___target_=MODULES + "ConvASREncoder", encoder__jasper=[{"filters": 9, "se": True}])
    with pytest.raises(ValueError, match=r"^it is a Citrinet"):
        settings_of(settings)


def test_kinds_without_a_target():
    without = settings_with(target=None)
    assert settings_of(without) == settings_of(settings_with())
    with pytest.raises(ValueError, match=r"^it is a transducer"):
        settings_of({**without, "joint": {"vocabulary": PIECES}})


@pytest.mark.parametrize("settings", [{}, {"encoder": []}, {"target": 3}, {"encoder": {"_target_": None}}])
def test_what_is_no_model(settings):
    with pytest.raises(ValueError, match=r"it has no encoder|_target_ is None"):
        settings_of(settings)
