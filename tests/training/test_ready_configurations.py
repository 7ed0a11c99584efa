"""The configurations that have a name: of the sizes that are documented, and good for every task."""

import re
from pathlib import Path

import pytest

import npconformer
from npconformer.models.auto import FAMILIES, model_class
from npconformer.nn.init import no_init
from npconformer.training import TASKS, ready_configurations
from npconformer.training.ready_configurations import READY, is_ready, ready_configuration

DOCUMENT = Path(__file__).parents[2] / "docs/training.md"


@pytest.mark.parametrize("name", READY)
def test_documented_sizes(name):
    config = ready_configuration(name)
    with no_init():
        count = sum(p.data.size for p in model_class(config.model_type)(config).parameters())
    size = f"{count / 1e6:.1f} M"
    assert re.search(rf"^    {name} +{size} +", ready_configurations.__doc__, re.MULTILINE)
    shape = f"{config.hidden_size}, {config.num_hidden_layers}, {config.num_attention_heads}"
    assert f"| `{name}` | {size} | {shape} |" in DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READY)
def test_every_task(name):
    config = ready_configuration(name, vocab_size=8, num_hidden_layers=1)
    heads = FAMILIES[config.model_type].models
    assert config.initializer_range == pytest.approx(config.hidden_size**-0.5, rel=0.1)
    for task in TASKS.values():
        if task.head_name in heads:
            with no_init():
                model = model_class(config.model_type, task.head_name)(config)
            assert sum(p.data.size for p in model.parameters()) < 6e6
    assert config.inputs_to_logits_ratio == 320


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_ready("tiny") and not is_ready("huge") and not is_ready(tmp_path) and not is_ready("tiny/")
    (tmp_path / "tiny").mkdir()
    assert not is_ready("tiny")


def test_overrides():
    assert ready_configuration("tiny", num_hidden_layers=2).num_hidden_layers == 2
    with pytest.raises(ValueError, match="did you mean 'num_hidden_layers'"):
        ready_configuration("tiny", num_hiden_layers=2)
    assert isinstance(ready_configuration("base-bert"), npconformer.Wav2Vec2BertConfig)
