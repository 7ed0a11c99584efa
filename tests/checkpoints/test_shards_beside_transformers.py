"""Shards and .bin files: what transformers and torch write is loaded, and the other way round."""

import json

import pytest
from small_checkpoints import assert_same_state, small_model
from test_pretrained_beside_transformers import their_model

from npconformer import Wav2Vec2ConformerForCTC

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.with_reference

SMALL = 6_000  # bytes


def as_arrays(model):
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def test_their_shards(tmp_path):
    theirs = their_model()
    theirs.save_pretrained(tmp_path, max_shard_size=SMALL)
    assert (tmp_path / "model.safetensors.index.json").exists() and not (tmp_path / "model.safetensors").exists()
    ours, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert not report.missing and not report.unexpected
    assert_same_state(ours.state_dict(), as_arrays(theirs))


def test_our_shards(tmp_path):
    ours = small_model()
    ours.save_pretrained(tmp_path, max_shard_size=SMALL)
    again, info = transformers.Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    assert_same_state(ours.state_dict(), as_arrays(again))


def test_our_layout_is_theirs(tmp_path):
    """The same files with the same weights in each, where no weight is larger than a shard."""
    theirs = their_model()
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size=2 * SMALL)
    Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "theirs").save_pretrained(
        tmp_path / "ours", max_shard_size=2 * SMALL
    )
    names = {folder: {path.name for path in (tmp_path / folder).iterdir()} for folder in ("ours", "theirs")}
    indexes = [
        json.loads((tmp_path / folder / "model.safetensors.index.json").read_text()) for folder in ("ours", "theirs")
    ]
    assert names["ours"] == names["theirs"] and len(names["ours"]) > 4
    assert indexes[0]["metadata"]["total_size"] == indexes[1]["metadata"]["total_size"]
    assert indexes[0]["weight_map"].keys() == indexes[1]["weight_map"].keys()


def test_a_single_file_over_which_shards_are_saved(tmp_path):
    """transformers leaves the file and would load it; here it goes, so that transformers loads the shards as well."""
    their_model().save_pretrained(tmp_path)
    ours = small_model()
    ours.save_pretrained(tmp_path, max_shard_size=SMALL)
    again = transformers.Wav2Vec2ConformerForCTC.from_pretrained(tmp_path)
    assert_same_state(ours.state_dict(), as_arrays(again))


@pytest.mark.parametrize("zip", [True, False])
@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
def test_torch_files(tmp_path, zip, wrap):
    theirs = their_model()
    theirs.config.save_pretrained(tmp_path)
    torch.save(wrap(theirs.state_dict()), tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=zip)
    ours, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert not report.missing and not report.unexpected and not report.computed
    assert_same_state(ours.state_dict(), as_arrays(theirs))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_torch_files_of_other_dtypes(tmp_path, dtype):
    theirs = their_model().to(getattr(torch, dtype))
    theirs.config.save_pretrained(tmp_path)
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    ours = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path)
    assert_same_state(ours.state_dict(), as_arrays(theirs if dtype == "float64" else theirs.float()))


def test_shards_of_torch_files(tmp_path):
    theirs = their_model()
    theirs.config.save_pretrained(tmp_path)
    state, weight_map = theirs.state_dict(), {}
    for part in range(3):
        chosen = dict(list(state.items())[part::3])
        name = f"pytorch_model-{part + 1:05d}-of-00003.bin"
        torch.save(chosen, tmp_path / name)
        weight_map |= dict.fromkeys(chosen, name)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert_same_state(Wav2Vec2ConformerForCTC.from_pretrained(tmp_path).state_dict(), as_arrays(theirs))
    again = transformers.Wav2Vec2ConformerForCTC.from_pretrained(tmp_path)
    assert_same_state(as_arrays(again), as_arrays(theirs))
