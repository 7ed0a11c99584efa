"""What code for transformers asks of a model beside its outputs."""

import numpy as np
import pytest
from tiny_checkpoints import MODELS, make_config

import npconformer
from npconformer.models.auto import model_class


@pytest.fixture(params=MODELS)
def model(request):
    config = make_config(request.param)
    return model_class(config.model_type, "ctc")(config).eval()


def test_where_it_is(model):
    assert model.device == "cpu" and model.device.type == "cpu" and model.device.index is None
    assert model.to(model.device) is model and model.double().dtype == np.float64


def test_recomputation_is_switched(model):
    assert not model.is_gradient_checkpointing
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    assert model.is_gradient_checkpointing
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing
    with pytest.raises(ValueError, match="'context_fn' has no meaning"):
        model.gradient_checkpointing_enable({"context_fn": 1})


def test_memory(model):
    parameters = 4 * model.num_parameters()
    assert model.get_memory_footprint(return_buffers=False) == parameters
    assert model.get_memory_footprint() == parameters + sum(array.nbytes for array in model.buffers())


def test_lengths_have_item(model):
    frames = model._get_feat_extract_output_lengths(3200)
    assert frames.item() == frames == model._get_feat_extract_output_lengths(np.array([3200]))[0]


def test_mask_of_frames():
    config = make_config("layer", add_adapter=True, num_adapter_layers=1)
    model = npconformer.Wav2Vec2ConformerModel(config)
    rows = np.arange(1600) < np.array([[1600], [960]])
    assert model._get_feature_vector_attention_mask(5, rows, add_adapter=False).sum(axis=1).tolist() == [5, 3]
    assert model._get_feature_vector_attention_mask(3, rows).sum(axis=1).tolist() == [3, 2]


def test_freezing_by_the_reference_name():
    model = npconformer.Wav2Vec2ConformerModel(make_config("layer"))
    model.feature_extractor._freeze_parameters()
    assert not any(p.requires_grad for p in model.feature_extractor.parameters())
    assert all(p.requires_grad for p in model.encoder.parameters())


def test_built_from_a_config(model):
    built = type(model)._from_config(model.config, torch_dtype="float64", attn_implementation="eager")
    assert built.dtype == np.float64 and built.config._attn_implementation == "eager"
    assert type(model).from_config(model.config).dtype == np.float32
    with pytest.raises(ValueError, match="attn_implementation is 'flash_attention_2'"):
        type(model).from_config(model.config, attn_implementation="flash_attention_2")
