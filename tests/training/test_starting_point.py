"""What a training starts from: vocabularies and classes of the data, heads that a checkpoint has or lacks."""

import json

import pytest
from tiny_training import BERT_SIZES, KINDS, SIZES, tiny_model, tiny_processor

import npconformer
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.data import Example
from npconformer.training.new_heads import build_tokenizer, class_names
from npconformer.training.starting_point import starting_point

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


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_keeps_its_head(kind, tmp_path):
    model = tiny_model(kind=kind)
    model.save_pretrained(tmp_path)
    tiny_processor(kind).save_pretrained(tmp_path)
    same, processor, said = start("ctc", tmp_path)
    assert said == ""
    assert all((a.data == b.data).all() for a, b in zip(same.parameters(), model.parameters(), strict=True))
    assert type(processor) is type(tiny_processor(kind))
    assert processor.tokenizer.get_vocab() == tiny_processor().tokenizer.get_vocab()
    assert processor.feature_extractor.to_dict() == tiny_processor(kind).feature_extractor.to_dict()
    options = {"overrides": {"add_adapter": False}} if model.config.add_adapter else {}
    other, extractor, said = start("sequence", tmp_path, **options)
    assert other.config.id2label == {0: "9", 1: "10"} and "projector.weight" in said
    assert ("weights that add_adapter left out: 22 in wav2vec2_bert.adapter" in said) == bool(options)
    assert extractor.model_input_names[0] == other.main_input_name
    block = other.base_model.encoder.layers[1].self_attn.linear_q.weight.data
    assert (block == model.base_model.encoder.layers[1].self_attn.linear_q.weight.data).all()


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


def test_a_configuration_of_the_other_model(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps({**BERT_SIZES, "vocab_size": None, "model_type": "wav2vec2-bert"}))
    model, processor, said = start("ctc", path)
    assert isinstance(model, npconformer.Wav2Vec2BertForCTC) and model.config.vocab_size == 10
    assert isinstance(processor, npconformer.Wav2Vec2BertProcessor) and "all weights start at random" in said
    features = processor([0.1] * 1600, sampling_rate=16000, return_tensors="np")["input_features"]
    assert features.shape[2] == model.config.feature_projection_input_dim
    with pytest.raises(ValueError, match=r"feature_projection_input_dim is 7; expected an even number"):
        start("ctc", path, overrides={"feature_projection_input_dim": 7})
    with pytest.raises(ValueError, match="wav2vec2-bert has no model for pretraining"):
        start("pretraining", path)


@pytest.fixture
def without_head(tmp_path):
    """A pre-trained Wav2Vec2-BERT as it is given out: no head, no vocabulary, one file for the feature extractor."""
    tiny_model("Model", kind="bert", vocab_size=None).save_pretrained(tmp_path / "pretrained")
    extractor = tiny_processor("bert").feature_extractor
    extractor.padding_value = 1
    extractor.save_pretrained(tmp_path / "pretrained")
    return tmp_path / "pretrained"


def test_a_checkpoint_without_a_head(without_head):
    model, processor, said = start("ctc", without_head)
    assert said.splitlines() == [
        "vocabulary of the training texts: A B D E É",
        "these start at random: lm_head.weight, lm_head.bias",
    ]
    assert model.config.vocab_size == model.lm_head.weight.shape[0] == len(processor.tokenizer) == 10
    assert isinstance(processor, npconformer.Wav2Vec2BertProcessor)
    assert processor.feature_extractor.padding_value == 1
    own = npconformer.Wav2Vec2BertModel.from_pretrained(without_head)
    kept = dict(model.base_model.named_parameters())
    assert all((kept[name].data == parameter.data).all() for name, parameter in own.named_parameters())


FINE_TUNING = {
    "attention_dropout": 0.0,
    "hidden_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "layerdrop": 0.0,
    "ctc_loss_reduction": "mean",
    "add_adapter": True,
}


def test_a_new_adapter(without_head):
    model, _, said = start("ctc", without_head, overrides=FINE_TUNING)
    assert "ctc_loss_reduction and add_adapter added, which start at random: 22 in wav2vec2_bert.adapter\n" in said
    assert model.base_model.masked_spec_embed is None  # nothing is masked
    assert {name: getattr(model.config, name) for name in FINE_TUNING} == FINE_TUNING
    again, _, _ = start("ctc", without_head, overrides=FINE_TUNING)
    other, _, _ = start("ctc", without_head, overrides=FINE_TUNING, seed=1)
    first, same, different = (
        one.base_model.adapter.layers[0].residual_conv.weight.data for one in (model, again, other)
    )
    assert (first == same).all() and (first != different).any() and 0 < abs(first).max() < 10
    kept, too = (one.base_model.encoder.layers[0].ffn1.output_dense.weight.data for one in (model, other))
    assert (kept == too).all()


def test_only_what_was_added_may_be_missing(without_head):
    file = SafetensorsFile(without_head / "model.safetensors")
    arrays = {name: file.read(name).copy() for name in file if "encoder.layers.1.ffn1." not in name}
    write_safetensors(without_head / "model.safetensors", arrays)
    with pytest.raises(ValueError, match=r"lacks 4 weights of the model itself, such as .*encoder.layers.1.ffn1"):
        start("ctc", without_head, overrides={"add_adapter": True})
    settings = json.loads((without_head / "config.json").read_text())
    (without_head / "config.json").write_text(json.dumps({**settings, "add_adapter": True}))
    with pytest.raises(ValueError, match=r"lacks 26 weights of the model itself"):  # nobody asked for a new adapter
        start("ctc", without_head)


def test_weights_without_a_place(tmp_path):
    tiny_model(kind="bert-adapter").save_pretrained(tmp_path)
    tiny_processor("bert").save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "add_adapter": False}))
    with pytest.raises(ValueError, match=r"holds 22 that have no place in a Wav2Vec2BertForCTC with it: .*adapter"):
        start("ctc", tmp_path)


def test_files_of_two_models(tmp_path):
    tiny_model(kind="bert").save_pretrained(tmp_path)
    tiny_processor("conformer").save_pretrained(tmp_path)
    message = "a Wav2Vec2FeatureExtractor, makes input_values, and a Wav2Vec2BertForCTC takes input_features"
    with pytest.raises(ValueError, match=message):
        start("ctc", tmp_path)


def test_a_head_with_a_part_missing(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    file = SafetensorsFile(tmp_path / "model.safetensors")
    write_safetensors(tmp_path / "model.safetensors", {n: file.read(n).copy() for n in file if n != "lm_head.bias"})
    with pytest.raises(ValueError, match=r"lacks weights of the head that it says it has: lm_head.bias; .*--new-head"):
        start("ctc", tmp_path)
    assert "lm_head.bias" in start("ctc", tmp_path, new_head=True)[2]


LABELLED = {"sequence": "ForSequenceClassification", "xvector": "ForXVector", "frame": "ForAudioFrameClassification"}
LAYERS = {"ctc": "lm_head.", "sequence": "classifier.", "xvector": "objective.", "frame": "classifier."}


@pytest.mark.parametrize("task", ["ctc", "sequence", "xvector", "frame"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_new_head(task, classes, tmp_path):
    """Of the size that the checkpoint's has (2), or of another: its last layer is new, and all else is kept."""
    settings = {"id2label": {i: "xyz"[i] for i in range(classes)}, "num_labels": classes, "vocab_size": 8 + classes}
    model = tiny_model(LABELLED.get(task, "ForCTC"), **settings)
    model.save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    options = {"overrides": {"num_labels": 2}, "speakers": "order"} if task == "frame" else {}
    made, processor, said = start(task, tmp_path, new_head=True, **options)
    assert f"these start at random: {LAYERS[task]}weight" in said
    kept = []
    for (name, before), after in zip(model.named_parameters(), made.parameters()):
        if name.startswith(LAYERS[task]):
            random = name.endswith("weight")
            assert before.shape != after.shape or (before.data != after.data).any() == random, name
        else:
            assert (before.data == after.data).all(), name
            kept.append(name)
    assert any(name.startswith("wav2vec2_conformer.encoder") for name in kept)
    if task == "ctc":
        assert made.config.vocab_size == len(processor.tokenizer) == 10 and "A B D E É" in said
    else:
        names = {"sequence": ["9", "10"], "xvector": ["anna", "ben"]}.get(task, [*made.config.id2label.values()])
        assert made.config.label2id == {name: i for i, name in enumerate(names)} and len(names) == 2


def test_when_a_new_head_is_needed_or_makes_no_sense(tmp_path):
    tiny_model("ForSequenceClassification").save_pretrained(tmp_path / "a")
    with pytest.raises(
        ValueError, match=r"classifier.bias is \(3,\) in the file and \(7,\).*another size: .*--new-head"
    ):
        start("sequence", tmp_path / "a", overrides={"num_labels": 7})
    for new_head in (False, True):  # this is no matter of the head
        with pytest.raises(
            ValueError, match=r"encoder.*intermediate_dense.bias is \(12,\) in the file and \(20,\)"
        ) as got:
            start("sequence", tmp_path / "a", overrides={"intermediate_size": 20}, new_head=new_head)
        assert "--new-head" not in str(got.value)
    with pytest.raises(ValueError, match="models for pretraining have no labels"):
        start("pretraining", tmp_path / "a", new_head=True)
    tiny_model().save_pretrained(tmp_path / "b")
    with pytest.raises(ValueError, match=r"has no vocab.json.*--new-head"):
        start("ctc", tmp_path / "b")
    assert start("ctc", tmp_path / "b", new_head=True)[0].config.vocab_size == 10


def test_the_head_of_another_kind_is_no_start(tmp_path):
    """Weights of the same name, of one size or not, and labels and losses that were the other head's."""
    settings = {"id2label": {0: "x", 1: "y"}, "num_labels": 2, "problem_type": "multi_label_classification"}
    for name, sizes in {"same": {"classifier_proj_size": 8}, "others": {}}.items():
        frames = tiny_model("ForAudioFrameClassification", **settings, **sizes)
        frames.save_pretrained(tmp_path / name)
        model, _, said = start("sequence", tmp_path / name)
        assert "classifier.weight" in said and "2 classes of the training data" in said
        assert model.config.id2label == {0: "9", 1: "10"} and model.config.problem_type is None
        old, new = frames.classifier.weight.data, model.classifier.weight.data
        assert old.shape != new.shape or (old != new).any()
    assert start("xvector", tmp_path / "same")[0].config.id2label == {0: "anna", 1: "ben"}


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
