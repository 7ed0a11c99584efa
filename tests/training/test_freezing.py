"""Frozen parts: which weights a name takes, that these stay and the rest is trained, and names of nothing."""

import pytest
from tiny_training import KINDS, tiny_model, tiny_trainer

from npconformer.training.freezing import freeze


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("parts", "begins"),
    [
        (["feature_projection"], ["feature_projection."]),
        (["encoder"], ["encoder."]),
        (["encoder.layers.0-1"], ["encoder.layers.0.", "encoder.layers.1."]),
        (["encoder.layers.1.ffn1"], ["encoder.layers.1.ffn1."]),
        (["masked_spec_embed", "encoder.layers.0"], ["masked_spec_embed", "encoder.layers.0."]),
        (["base"], [""]),
    ],
)
def test_what_a_name_takes(kind, parts, begins):
    model = tiny_model(kind=kind)
    prefix = model.base_model_prefix + "."
    expected = {name for name, _ in model.named_parameters() if name.startswith(tuple(prefix + b for b in begins))}
    assert set(freeze(model, parts)) == expected
    assert {name for name, parameter in model.named_parameters() if not parameter.requires_grad} == expected
    assert freeze(model, [prefix + part for part in parts if part != "base"]) == (
        [] if parts == ["base"] else [name for name, _ in model.named_parameters() if name in expected]
    )


def test_the_head_and_blocks_from_ten_on():
    model = tiny_model(num_hidden_layers=12)
    assert set(freeze(model, ["lm_head"])) == {"lm_head.weight", "lm_head.bias"}
    frozen = freeze(model, ["encoder.layers.9-11"])
    assert {name.split(".")[3] for name in frozen} == {"9", "10", "11"}
    frozen = freeze(model, ["encoder.layers.1"])
    assert {name.split(".")[3] for name in frozen} == {"1"}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            ["encodr"],
            "BertForCTC has no weights in 'encodr'; its parts are base, .*feature_projection, encoder",
        ),
        (["encoder.layer"], "'encoder.layer'"),
        (["encoder.layers.1-2"], "'encoder.layers.2' of 'encoder.layers.1-2'.*encoder.layers.0-1"),
        (["encoder.layers.1-0"], "'encoder.layers.1-0'"),
        (["adapter"], "'adapter'"),
        ([""], "''"),
        (["base", "lm_head"], "nothing is left to train"),
    ],
)
def test_names_of_nothing(parts, message):
    with pytest.raises(ValueError, match=f"freeze: .*{message}"):
        freeze(tiny_model(kind="bert"), parts)


@pytest.mark.parametrize(("kind", "parts"), [("conformer", ["feature_extractor"]), ("bert-adapter", ["encoder"])])
def test_a_frozen_part_stays_when_a_training_goes_on(kind, parts, tmp_path):
    before = {name: array.copy() for name, array in tiny_model(kind=kind).state_dict().items()}
    for steps in (3, 6):
        trainer = tiny_trainer(tmp_path, kind=kind, steps=steps)
        frozen = freeze(trainer.model, parts)
        trainer.optimizer = trainer.settings.make_optimizer(trainer.model)
        trainer.train(resume=True)
    for name, array in trainer.model.state_dict().items():
        if name in dict(trainer.model.named_parameters()):
            assert (array == before[name]).all() == (name in frozen or "pos_conv_embed" in name), name
