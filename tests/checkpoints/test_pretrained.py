"""from_pretrained and save_pretrained of whole models, also against transformers in both directions."""

import gc
import itertools
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from strict_device import STRICT

from npconformer import Wav2Vec2ConformerForCTC
from npconformer.checkpoints import pretrained
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.models.wav2vec2_conformer.modeling import Wav2Vec2ConformerModel
from npconformer.optim import SGD

DIGITS = Path(__file__).parents[3] / "shared/models/digits-hf"
TINY = dict(
    vocab_size=12,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    conv_dim=(8, 8),
    conv_stride=(5, 2),
    conv_kernel=(10, 3),
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=2,
    conv_depthwise_kernel_size=5,
    num_adapter_layers=1,
    max_source_positions=50,
)
KINDS = [
    dict(
        position_embeddings_type=position,
        feat_extract_norm=norm,
        conv_bias=norm == "layer",
        add_adapter=adapter,
    )
    for position, norm, adapter in itertools.product(("relative", "rotary", None), ("group", "layer"), (False, True))
]


def kind_name(kind):
    adapter = "-adapter" if kind["add_adapter"] else ""
    return f"{kind['position_embeddings_type']}-{kind['feat_extract_norm']}{adapter}"


every_kind = pytest.mark.parametrize("kind", KINDS, ids=kind_name)


def small_model(cls=Wav2Vec2ConformerForCTC, **settings):
    return cls(Wav2Vec2ConformerConfig(**{**TINY, **settings}))


@pytest.fixture
def folder(tmp_path):
    small_model().save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def edit_weights(folder, edit):
    """Rewrite the file with ``edit(dict of arrays)`` applied."""
    file = SafetensorsFile(folder / "model.safetensors")
    arrays = {name: file.read(name) for name in file}
    arrays = edit(arrays) or arrays
    write_safetensors(folder / "model.safetensors", arrays)


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def assert_same_state(ours, theirs):
    assert set(ours) == set(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(np.asarray(array), np.asarray(theirs[name]), err_msg=name, strict=True)


# ---- within npconformer ----


@every_kind
def test_round_trip(tmp_path, kind):
    model = small_model(**kind)
    model.save_pretrained(tmp_path)
    again, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert_same_state(model.state_dict(), again.state_dict())
    assert not report.missing and not report.unexpected and not report.computed and not report.mismatched
    assert set(report.loaded) == set(model.state_dict())
    assert len(report.unused_by_design) == 3
    assert all("pos_conv_embed" in name for name in report.unused_by_design)
    assert again.load_report is report and "3 unused by design" in str(report)
    assert not any(module.training for module in again.modules())


def test_large_float32_weights_are_views_of_the_file(folder, monkeypatch):
    monkeypatch.setattr("npconformer.nn.layout.LARGEST_MATRIX", 0)
    monkeypatch.setattr("npconformer.nn.layout.LARGEST_KERNEL", 0)
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    for name, parameter in model.named_parameters():
        base = parameter.data
        while isinstance(base.base, np.ndarray):
            base = base.base
        assert isinstance(base, np.memmap), name
        assert type(parameter.data) is np.ndarray and not parameter.data.flags.writeable
        assert parameter.requires_grad


def test_kernels_and_small_matrices_lie_transposed_and_are_read_only(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    saved = SafetensorsFile(folder / "model.safetensors")
    assert {parameter.ndim for parameter in model.parameters()} == {1, 2, 3}
    for name, parameter in model.named_parameters():
        assert parameter.data.flags.f_contiguous and not parameter.data.flags.writeable, name
        np.testing.assert_array_equal(parameter.data, saved.read(name))


def test_a_model_that_lies_transposed_gives_the_same_training(folder):
    losses = []
    for largest in (2**18, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("npconformer.nn.layout.LARGEST_MATRIX", largest)
            patch.setattr("npconformer.nn.layout.LARGEST_KERNEL", largest)
            model = Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype="float64")
        optimizer = SGD(model, lr=1e-5)
        x = np.random.default_rng(0).standard_normal((2, 4000))
        steps = []
        for _ in range(3):
            loss = model(x, labels=np.array([[1, 2], [3, 1]])).loss
            loss.backward()
            optimizer.step()
            model.zero_grad()
            steps.append(loss.item())
        losses.append(steps)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)
    assert losses[0][2] < losses[0][0]


def test_a_model_may_be_saved_over_its_own_file(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    before = {name: np.array(array) for name, array in model.state_dict().items()}
    model.lm_head.bias.data = model.lm_head.bias.data + 1
    model.save_pretrained(folder)
    before["lm_head.bias"] = before["lm_head.bias"] + 1
    assert_same_state(before, model.state_dict())
    assert_same_state(before, Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict())


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64")])
@pytest.mark.parametrize("position", ["relative", "rotary"])
def test_float64(tmp_path, dtype, position):
    small_model(position_embeddings_type=position).save_pretrained(tmp_path)
    model = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, dtype=dtype)
    single = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path).state_dict()
    for name, array in model.state_dict().items():
        expected = single[name].astype(np.float64) if single[name].dtype.kind == "f" else single[name]
        np.testing.assert_array_equal(array, expected, strict=True)
    assert all(array.dtype != np.float32 for array in model.buffers())
    assert model.config.dtype == "float64"


def test_stored_in_float16(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    model.save_pretrained(folder, dtype="float16")
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"
    assert SafetensorsFile(folder / "model.safetensors").entries["lm_head.weight"].dtype == "F16"
    again = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    for name, array in again.state_dict().items():
        if array.dtype.kind == "f":
            expected = np.asarray(model.state_dict()[name]).astype(np.float16).astype(np.float32)
            np.testing.assert_array_equal(array, expected, strict=True)


def test_dtype_auto(folder):
    for named in ("float16", "bfloat16"):
        edit_config(folder, dtype=named)
        assert Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype="auto").dtype == np.float32
    assert Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype="auto").dtype == np.float32
    Wav2Vec2ConformerForCTC.from_pretrained(folder).save_pretrained(folder, dtype="float64")
    assert Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype="auto").dtype == np.float64


@pytest.mark.parametrize("dtype", ["float16", "int32", "float3", None, 7])
def test_refused_dtypes(folder, dtype):
    with pytest.raises(ValueError, match=r"dtype is .*expected one of float32, float64"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype=dtype)


def test_old_weight_norm_names(folder):
    expected = Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict()

    def rename(arrays):
        return {
            name.replace("parametrizations.weight.original0", "weight_g").replace(
                "parametrizations.weight.original1", "weight_v"
            ): array
            for name, array in arrays.items()
        }

    edit_weights(folder, rename)
    assert sum(name.endswith(("weight_g", "weight_v")) for name in SafetensorsFile(folder / "model.safetensors")) == 2
    assert_same_state(expected, Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict())


def test_head_is_left_out_and_missed(tmp_path):
    small_model().save_pretrained(tmp_path / "ctc")
    model, report = Wav2Vec2ConformerModel.from_pretrained(tmp_path / "ctc", output_loading_info=True)
    assert {"lm_head.weight", "lm_head.bias"} < set(report.unused_by_design)
    assert not report.missing and not report.unexpected
    model.save_pretrained(tmp_path / "base")
    assert json.loads((tmp_path / "base/config.json").read_text())["architectures"] == ["Wav2Vec2ConformerModel"]
    assert not any(
        name.startswith("wav2vec2_conformer.") for name in SafetensorsFile(tmp_path / "base/model.safetensors")
    )

    with pytest.raises(ValueError, match=r"lacks 2 of the .*lm_head\.weight.*allow_missing=True"):
        Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "base")
    again, report = Wav2Vec2ConformerForCTC.from_pretrained(
        tmp_path / "base", allow_missing=True, output_loading_info=True
    )
    assert sorted(report.missing) == ["lm_head.bias", "lm_head.weight"]
    assert "initialised at random" in str(report)
    assert_same_state(model.state_dict(), again.wav2vec2_conformer.state_dict())
    head = again.lm_head.weight.data
    assert np.isfinite(head).all() and 0 < np.abs(head).max() < 1


def test_missing_weight_is_named(folder):
    name = "wav2vec2_conformer.encoder.layers.1.ffn1.output_dense.weight"
    edit_weights(folder, lambda arrays: arrays.pop(name) is None)
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        Wav2Vec2ConformerForCTC.from_pretrained(folder)


def test_computed_buffers_may_be_missing(tmp_path):
    model = small_model(position_embeddings_type="rotary")
    model.save_pretrained(tmp_path)

    def without_computed(arrays):
        return {name: arrays[name] for name in arrays if not name.endswith(("inv_freq", "num_batches_tracked"))}

    edit_weights(tmp_path, without_computed)
    again, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert len(report.computed) == 3 and not report.missing
    assert_same_state(model.state_dict(), again.state_dict())


@pytest.mark.parametrize("contradiction", [{"num_hidden_layers": 1}, {"position_embeddings_type": None}], ids=str)
def test_unexpected_weights_are_an_error_unless_asked_for(folder, contradiction):
    with pytest.raises(ValueError, match=r"contradicts the weights.*have no place.*allow_unexpected=True"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, **contradiction)


def test_unexpected_weights_can_be_left_out(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder, num_hidden_layers=1, allow_unexpected=True)
    assert len(model.load_report.unexpected) > 20
    assert all(".layers.1." in name for name in model.load_report.unexpected)


def test_nothing_is_warned_of_otherwise(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Wav2Vec2ConformerForCTC.from_pretrained(folder)


def test_mismatched_shapes_name_both(folder):
    edit_config(folder, vocab_size=13)
    with pytest.raises(ValueError) as raised:
        Wav2Vec2ConformerForCTC.from_pretrained(folder)
    message = str(raised.value)
    assert "config contradicts the weights" in message
    assert "lm_head.bias is (12,) in the file and (13,) in the model" in message
    assert "lm_head.weight is (12, 16) in the file and (13, 16) in the model" in message


def test_a_new_head_of_another_size(folder):
    with pytest.raises(ValueError, match=r"such as num_labels.*pass ignore_mismatched_sizes=True"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, vocab_size=13)
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder, vocab_size=13, ignore_mismatched_sizes=True)
    assert {name for name, _, _ in model.load_report.mismatched} == {"lm_head.weight", "lm_head.bias"}
    assert model.lm_head.weight.shape == (13, 16) and 0 < np.abs(model.lm_head.weight.data).max() < 1
    whole = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    assert_same_state(whole.wav2vec2_conformer.state_dict(), model.wav2vec2_conformer.state_dict())


def test_truncated_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="is truncated"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder)


def test_config_argument(folder, tmp_path):
    config = Wav2Vec2ConformerConfig.from_pretrained(folder)
    (folder / "config.json").rename(tmp_path / "config.json")
    for given in (config, tmp_path, tmp_path / "config.json"):
        model = Wav2Vec2ConformerForCTC.from_pretrained(folder, config=given, final_dropout=0.25)
        assert model.config.final_dropout == 0.25 and model.config is not config
    assert config.final_dropout == 0.1
    with pytest.raises(ValueError, match="config is a dict"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, config={})
    with pytest.raises(ValueError, match="did you mean 'final_dropout'"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, config=config, finaldropout=0)


def test_what_is_looked_for_is_said(folder, tmp_path):
    for missing in ("facebook/wav2vec2-conformer-rope-large", folder / "config.json"):
        with pytest.raises(FileNotFoundError, match=r"config\.json and model\.safetensors"):
            Wav2Vec2ConformerForCTC.from_pretrained(missing)
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no model\.safetensors"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder)
    for name in ("pytorch_model.bin.index.json", "pytorch_model.bin", "model.safetensors.index.json"):
        (folder / name).write_text("{}")
        with pytest.raises(FileNotFoundError, match=f"{name}.*not supported yet"):
            Wav2Vec2ConformerForCTC.from_pretrained(folder)


def test_failed_save_leaves_both_files(folder, monkeypatch):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    model.lm_head.bias.data = model.lm_head.bias.data + 1

    def fail(path, arrays, metadata):
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pretrained, "write_safetensors", fail)
        with pytest.raises(KeyboardInterrupt):
            model.save_pretrained(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    model.config.extra["unwritable"] = object()
    with pytest.raises(TypeError):
        model.save_pretrained(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_save_refuses_a_file_as_folder(tmp_path):
    (tmp_path / "file").write_text("precious")
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(ValueError, match=r"cannot be a folder to save in: .*file is a file"):
            small_model().save_pretrained(path)
        with pytest.raises(ValueError, match=r"cannot be a folder to save in: .*file is a file"):
            small_model().config.save_pretrained(path)
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "float3", np.int32, 7])
def test_save_refuses_dtypes_that_it_cannot_write(tmp_path, dtype):
    with pytest.raises(ValueError, match=r"dtype is .*; expected one of float16, float32, float64 to save in"):
        small_model().save_pretrained(tmp_path / "new", dtype=dtype)
    assert not (tmp_path / "new").exists()


def test_both_files_are_complete_before_either_gets_its_name(folder, monkeypatch):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    complete, rename = [], os.replace

    def look(source, target):
        if Path(target).parent == folder and Path(target).name in ("config.json", "model.safetensors"):
            parts = [path for path in folder.iterdir() if path.name.startswith(".")]
            complete.append(Path(target).name)
            for part in parts:
                if part.suffix == ".json":
                    json.loads(part.read_text())
                else:
                    assert len(SafetensorsFile(part)) == len(model.state_dict())
        rename(source, target)

    monkeypatch.setattr(os, "replace", look)
    model.save_pretrained(folder)
    assert complete == ["config.json", "model.safetensors"]


def test_model_memory_is_released(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    assert str(folder) in maps.read_text()
    del model
    gc.collect()
    assert str(folder) not in maps.read_text()


def test_saving_from_a_device(folder, tmp_path):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    before = model.state_dict()
    model.to(STRICT)
    assert not isinstance(model.lm_head.weight.data, np.ndarray)
    model.save_pretrained(tmp_path)
    assert_same_state(before, Wav2Vec2ConformerForCTC.from_pretrained(tmp_path).state_dict())


# ---- against transformers ----


def their_model(name="Wav2Vec2ConformerForCTC", **kind):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = getattr(transformers, name)(transformers.Wav2Vec2ConformerConfig(**{**TINY, **kind}))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
        for buffer_name, buffer in model.named_buffers():
            if "running" in buffer_name:
                buffer.uniform_(0.5, 2)
            elif "num_batches" in buffer_name:
                buffer.fill_(7)
    return model


@every_kind
def test_from_transformers_and_back(tmp_path, kind):
    theirs = their_model(**kind)
    theirs.save_pretrained(tmp_path / "theirs")
    ours, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "theirs", output_loading_info=True)
    assert not report.missing and not report.unexpected and not report.computed
    assert_same_state(ours.state_dict(), {name: t.numpy() for name, t in theirs.state_dict().items()})

    ours.save_pretrained(tmp_path / "ours")
    again, info = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info.values()), info
    assert_same_state(ours.state_dict(), {name: t.numpy() for name, t in again.state_dict().items()})
    config = json.loads((tmp_path / "theirs/config.json").read_text())
    assert json.loads((tmp_path / "ours/config.json").read_text()) == config


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("position", ["relative", "rotary"])
def test_other_dtypes_from_transformers(tmp_path, dtype, position):
    torch = pytest.importorskip("torch")
    theirs = their_model(position_embeddings_type=position).to(getattr(torch, dtype))
    theirs.save_pretrained(tmp_path / "theirs")
    ours = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "theirs")
    expected = {name: t.float() if t.is_floating_point() else t for name, t in theirs.state_dict().items()}
    assert_same_state(ours.state_dict(), {name: t.numpy() for name, t in expected.items()})
    ours.save_pretrained(tmp_path / "ours")
    assert json.loads((tmp_path / "ours/config.json").read_text())["dtype"] == "float32"


def test_base_model_from_transformers_and_back(tmp_path):
    theirs = their_model("Wav2Vec2ConformerModel")
    theirs.save_pretrained(tmp_path / "theirs")
    ours = Wav2Vec2ConformerModel.from_pretrained(tmp_path / "theirs")
    assert_same_state(ours.state_dict(), {name: t.numpy() for name, t in theirs.state_dict().items()})
    ours.save_pretrained(tmp_path / "ours")
    _, info = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info.values()), info


@pytest.mark.parametrize(
    "task", ["ForPreTraining", "ForSequenceClassification", "ForAudioFrameClassification", "ForXVector"]
)
def test_base_of_every_task(tmp_path, task):
    theirs = their_model(
        f"Wav2Vec2Conformer{task}", use_weighted_layer_sum=True, tdnn_dim=(8, 8), tdnn_kernel=(3, 1),
        tdnn_dilation=(1, 1), xvector_output_dim=8, codevector_dim=8, proj_codevector_dim=8,
        num_codevectors_per_group=4, classifier_proj_size=8,
    )  # fmt: skip
    theirs.save_pretrained(tmp_path)
    ours, report = Wav2Vec2ConformerModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report.missing and not report.unexpected
    assert len(report.unused_by_design) > 3
    assert_same_state(
        ours.state_dict(), {name: t.numpy() for name, t in theirs.wav2vec2_conformer.state_dict().items()}
    )


@pytest.mark.skipif(not DIGITS.is_dir(), reason="no checkpoint beside the repository")
def test_real_checkpoint(tmp_path):
    model, report = Wav2Vec2ConformerForCTC.from_pretrained(DIGITS, output_loading_info=True)
    assert not report.missing and not report.unexpected and not report.computed
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == json.loads((DIGITS / "config.json").read_text())
    ours, original = (SafetensorsFile(path / "model.safetensors") for path in (tmp_path, DIGITS))
    assert ours.metadata == original.metadata
    assert_same_state({name: ours.read(name) for name in ours}, {name: original.read(name) for name in original})
