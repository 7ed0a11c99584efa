"""What a training starts from: vocabularies and classes of the data, heads that a checkpoint has or lacks."""

import json

import pytest
from tiny_training import SIZES, tiny_model, tiny_processor

import npconformer
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.data import Example
from npconformer.training.starting_point import build_tokenizer, class_names, starting_point

DATA = [
    Example("a.wav", text="Abba dé", label="10", speaker="anna"),
    Example("b.wav", text="bee", label="9", speaker="ben"),
    Example("c.wav"),
]


def test_vocabulary():
    tokenizer = build_tokenizer(["Abba dé", "it's\tme", ""])
    vocabulary = tokenizer.get_vocab()
    letters = sorted(vocabulary, key=vocabulary.get)
    assert letters == ["<pad>", "<s>", "</s>", "<unk>", "|", *"'ABDEIMSTÉ"]
    assert tokenizer.decode(tokenizer.encode("ABBA DÉ"), group_tokens=False) == "ABBA DÉ"
    with pytest.raises(ValueError, match="vocabulary"):
        build_tokenizer(["", " "])


def test_classes():
    assert class_names(DATA, "label") == ["9", "10"]
    assert class_names(DATA, "speaker") == ["anna", "ben"]
    several = [Example("a", label="x|y"), Example("b", label="z | x")]
    assert class_names(several, "label", "multi_label_classification") == ["x", "y", "z"]
    with pytest.raises(ValueError, match="1 different speakers"):
        class_names(DATA[1:], "speaker")


def start(task, source, **options):
    lines = []
    return *starting_point(task, source, DATA, report=lines.append, **options), "\n".join(lines)


def test_a_checkpoint_keeps_its_head(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    same, processor, said = start("ctc", tmp_path)
    assert said == ""
    assert (same.lm_head.weight.data == model.lm_head.weight.data).all()
    assert processor.tokenizer.get_vocab() == tiny_processor().tokenizer.get_vocab()
    other, _, said = start("sequence", tmp_path)
    assert other.config.id2label == {0: "9", 1: "10"} and "projector.weight" in said
    assert (other.wav2vec2_conformer.encoder.layer_norm.weight.data == 1).all()


def test_a_configuration(tmp_path):
    path = tmp_path / "tiny.json"
    settings = {name: value for name, value in SIZES.items() if name != "num_labels"}
    path.write_text(json.dumps({**settings, "vocab_size": None, "model_type": "wav2vec2-conformer"}))
    first, processor, said = start("ctc", path, seed=4)
    assert "at random" in said and "vocabulary of the training texts: A B D E É" in said
    assert first.config.vocab_size == 10 and first.config.pad_token_id == processor.tokenizer.pad_token_id == 0
    assert processor.feature_extractor.return_attention_mask
    second, third = (start("ctc", path, seed=seed)[0] for seed in (4, 5))
    weights = [model.lm_head.weight.data for model in (first, second, third)]
    assert (weights[0] == weights[1]).all() and not (weights[0] == weights[2]).all()
    model, extractor, _ = start("xvector", path, overrides={"hidden_dropout": 0.5})
    assert model.config.id2label == {0: "anna", 1: "ben"} and model.config.hidden_dropout == 0.5
    assert isinstance(extractor, npconformer.Wav2Vec2FeatureExtractor)


@pytest.mark.parametrize(
    ("names", "given", "problem_type"),
    [
        (["anna", "ben"], None, "multi_label_classification"),
        (["speech"], None, "multi_label_classification"),
        (["anna", "ben", "silence"], None, "single_label_classification"),
        (["anna", "ben"], "single_label_classification", "single_label_classification"),
    ],
)
def test_frame_classifiers_say_what_they_are_trained_for(tmp_path, names, given, problem_type):
    settings = {**SIZES, "id2label": dict(enumerate(names)), "problem_type": given, "model_type": "wav2vec2-conformer"}
    settings.pop("num_labels")
    (tmp_path / "tiny.json").write_text(json.dumps(settings))
    model, _, said = start("frame", tmp_path / "tiny.json")
    assert model.config.problem_type == problem_type
    assert (f"problem_type is {problem_type}: each" in said) == (given is None)


def test_a_checkpoint_of_another_model(tmp_path):
    tiny_model("ForPreTraining").save_pretrained(tmp_path)
    file = SafetensorsFile(tmp_path / "model.safetensors")
    arrays = {name: file.read(name).copy() for name in file if "encoder.layers.1" not in name}
    write_safetensors(tmp_path / "model.safetensors", arrays)
    with pytest.raises(ValueError, match=r"lacks .* weights of the model itself, such as .*encoder.layers.1"):
        start("sequence", tmp_path)
    with pytest.raises(FileNotFoundError):
        start("ctc", tmp_path / "nothing")
