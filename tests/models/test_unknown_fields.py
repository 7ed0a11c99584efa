"""Fields of a configuration that are none: slips are told from what others write."""

import json
import time
import warnings

import pytest

import npconformer
from npconformer.models.unknown_fields import NEAR, OF_OTHERS, unknown_fields_of

CLASSES = [npconformer.Wav2Vec2ConformerConfig, npconformer.Wav2Vec2BertConfig]
SLIPS = {
    "hidden_sise": "hidden_size",
    "hiden_size": "hidden_size",
    "num_hiden_layers": "num_hidden_layers",
    "attention_dropuot": "attention_dropout",
    "mask_time_prop": "mask_time_prob",
    "layer_drop": "layerdrop",
    "id2labels": "id2label",
    "hiddenSize": "hidden_size",
}


@pytest.mark.parametrize("kind", CLASSES)
def test_slips(kind, tmp_path):
    for slip, meant in SLIPS.items():
        assert unknown_fields_of(kind(**{slip: 1}), NEAR) == {slip: meant}
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind.model_type, slip: 1}))
        with pytest.warns(UserWarning, match=rf"config.json: '{slip}' is no field .* did you mean '{meant}'\?") as got:
            config = kind.from_pretrained(tmp_path)
        assert len(got) == 1 and config.to_dict()[slip] == 1  # and it is kept


@pytest.mark.parametrize("kind", CLASSES)
def test_a_far_cry_is_a_slip_only_where_a_person_writes(kind):
    config = kind(num_layers=3, my_notes="x")
    assert unknown_fields_of(config) == {"num_layers": "num_hidden_layers", "my_notes": None}
    assert unknown_fields_of(config, NEAR) == {"num_layers": None, "my_notes": None}


@pytest.mark.parametrize("kind", CLASSES)
def test_what_others_write_is_no_slip(kind, tmp_path):
    settings = {
        name: None for name in OF_OTHERS if name not in kind.__dataclass_fields__ and name != "num_feat_extract_layers"
    }
    settings |= {"model_type": kind.model_type, "torch_dtype": "float32", "num_labels": 2, "another_tool": {}}
    settings.pop("tie_last_hidden_states")
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind.from_pretrained(tmp_path)


@pytest.mark.parametrize("kind", CLASSES)
def test_nothing_of_our_own_is_unknown(kind, tmp_path):
    kind(id2label={0: "a"}, dtype="float32").save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unknown_fields_of(kind.from_pretrained(tmp_path)) == {}


def test_a_file_full_of_names():
    started = time.perf_counter()
    config = npconformer.Wav2Vec2BertConfig(**{f"hidden_siz{i}": i for i in range(50000)}, **{"hidden_size" * 50000: 1})
    assert len(unknown_fields_of(config)) == 100
    assert time.perf_counter() - started < 10
