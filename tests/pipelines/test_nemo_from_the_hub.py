"""Repositories at the hub that hold one archive of NeMo's, and none of a checkpoint's own files."""

import numpy as np
import pytest
from nemo_archives import arrays, members, packed, settings_with

import npconformer
from npconformer.processors.checkpoint_files import checkpoint_folder
from npconformer.storage.archives import source_of
from npconformer.storage.hub_options import AS_USUAL, HubOptions

pytest.importorskip("yaml", reason="needs PyYAML, which the extra `nemo` brings")
NAME = "nvidia/stt_xx_conformer_ctc_tiny"
FILES = {"README.md": b"", ".gitattributes": b"", "stt_xx_conformer_ctc_tiny.nemo": packed(members())}


@pytest.fixture
def hub(hub):
    hub.lists = True
    hub.add(NAME, FILES)
    return hub


def test_everything(hub, tmp_path):
    model = npconformer.AutoModelForCTC.from_pretrained(NAME)
    assert model.config.name_or_path == NAME
    np.testing.assert_array_equal(model.lm_head.weight.data, arrays()["decoder.decoder_layers.0.weight"][:, :, 0])
    assert npconformer.AutoConfig.from_pretrained(NAME).hidden_size == 12
    assert len(npconformer.AutoProcessor.from_pretrained(NAME).tokenizer) == 7
    assert len(npconformer.AutoTokenizer.from_pretrained(NAME)) == 7
    assert npconformer.AutoFeatureExtractor.from_pretrained(NAME).num_mel_bins == 8
    waveform = np.sin(np.arange(16000.0)).astype("float32")
    assert npconformer.pipeline("automatic-speech-recognition", NAME)(waveform)["text"]
    assert {path.name for path in (tmp_path / "cache").rglob("snapshots/*/*")} == {"stt_xx_conformer_ctc_tiny.nemo"}
    assert sum(request.startswith("GET stt_xx") for request in hub.requests) == 1


def test_offline_afterwards(hub, monkeypatch):
    npconformer.AutoConfig.from_pretrained(NAME)
    asked = len(hub.requests)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert npconformer.AutoModelForCTC.from_pretrained(NAME).config.hidden_size == 12
    assert npconformer.AutoConfig.from_pretrained(NAME, local_files_only=True).hidden_size == 12
    assert len(hub.requests) == asked


def test_offline_before(hub):
    with pytest.raises(FileNotFoundError, match=r"the cache .* holds no config\.json"):
        npconformer.AutoConfig.from_pretrained(NAME, local_files_only=True)


def test_a_revision_and_a_subfolder(hub):
    other = packed(members(settings_with(encoder__xscaling=False)))
    hub.add(NAME, {"a/b/other.nemo": other, "x.nemo": b"?"}, "v2")
    options = {"revision": "v2", "subfolder": "a/b"}
    assert npconformer.AutoConfig.from_pretrained(NAME, **options).scale_input is False
    assert npconformer.AutoConfig.from_pretrained(NAME).scale_input is True
    assert npconformer.AutoModelForCTC.from_pretrained(NAME, **options).config.scale_input is False


def test_the_folder_is_of_one_commit(hub):
    folder = checkpoint_folder(NAME, AS_USUAL)
    assert source_of(folder).name == "stt_xx_conformer_ctc_tiny.nemo"
    assert AS_USUAL.pinned_to(folder) == HubOptions(revision=hub.commit(NAME, "main"))


def test_a_checkpoint_beside_an_archive_comes_first(hub, tmp_path):
    npconformer.AutoModelForCTC.from_pretrained(NAME, final_dropout=0.5).save_pretrained(tmp_path / "saved")
    files = {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir()}
    hub.add("owner/both", {**FILES, **files})
    assert npconformer.AutoModelForCTC.from_pretrained("owner/both").config.final_dropout == 0.5


def test_several_archives(hub):
    hub.add("owner/two", {"a.nemo": b"", "b.nemo": b""})
    with pytest.raises(FileNotFoundError, match=r"has no config\.json, and several archives: a\.nemo, b\.nemo"):
        npconformer.AutoConfig.from_pretrained("owner/two")


@pytest.mark.parametrize("files", [{"README.md": b""}, {"../x.nemo": b""}, {".nemo": b""}, {"a/x.nemo": b""}])
def test_no_archive(hub, files):
    hub.add("owner/none", files)
    with pytest.raises(FileNotFoundError, match=r"the repository owner/none \(revision main\) has no config\.json"):
        npconformer.AutoConfig.from_pretrained("owner/none")


def test_an_archive_of_another_kind(hub):
    hub.add("owner/transducer", {"x.nemo": packed(members(settings_with(target="a.EncDecRNNTBPEModel")))})
    with pytest.raises(ValueError, match=r"x\.nemo cannot be loaded: it is a transducer \('EncDecRNNTBPEModel'\)"):
        npconformer.pipeline("automatic-speech-recognition", "owner/transducer")
