"""A NeMo archive behind every door: models, processors and pipelines load it as they load a checkpoint folder."""

from pathlib import Path

import numpy as np
import pytest
from nemo_archives import PIECES, arrays, members, packed, settings_with, write_archive
from safetensors.numpy import save_file
from tiny_nemo import batch_of

import npconformer
from npconformer.commands.convert_nemo import convert_nemo_folder

pytest.importorskip("yaml", reason="needs PyYAML, which the extra `nemo` brings")
SENTENCEPIECE = Path(__file__).parents[1] / "reference_cases/sentencepiece/bpe.model"
WAVEFORM = np.sin(np.arange(16000.0)).astype("float32")


@pytest.fixture
def archive(tmp_path):
    return write_archive(tmp_path / "x.nemo")


@pytest.fixture
def converted(tmp_path):
    """The same arrays, converted from a folder."""
    (tmp_path / "arrays").mkdir()
    save_file(arrays(), tmp_path / "arrays/model.safetensors")
    (tmp_path / "arrays/tokens.txt").write_text("".join(f"{p} {i}\n" for i, p in enumerate([*PIECES, "<blk>"])))
    convert_nemo_folder(tmp_path / "arrays", tmp_path / "folder")
    return tmp_path / "folder"


def test_the_model(archive, converted, tmp_path):
    features, mask = batch_of([41, 30])
    expected = npconformer.AutoModelForCTC.from_pretrained(converted)
    kinds = (npconformer.AutoModelForCTC, npconformer.NemoConformerForCTC)
    for path in (archive, write_archive(tmp_path / "z.nemo", mode="w:gz")):
        for kind in kinds:
            model, report = kind.from_pretrained(path, output_loading_info=True)
            assert type(model).__name__ == "NemoConformerForCTC" and model.config.name_or_path == str(path)
            assert not report.missing and not report.unexpected and not report.mismatched
            logits = model(features.astype(np.float32), mask).logits.numpy()
            np.testing.assert_array_equal(logits, expected(features.astype(np.float32), mask).logits.numpy())


def test_its_configuration(archive):
    config = npconformer.AutoConfig.from_pretrained(str(archive), final_dropout=0.5)
    assert (config.model_type, config.architectures) == ("nemo-conformer", ["NemoConformerForCTC"])
    assert (config.dtype, config.vocab_size, config.pad_token_id) == ("float32", 7, 6)
    assert (config.hidden_dropout, config.attention_dropout, config.final_dropout) == (0.2, 0.3, 0.5)
    assert (config.freq_masks, config.time_masks, config.time_width) == (1, 2, 0.1)


def test_the_processor(archive, converted):
    processor, expected = (npconformer.AutoProcessor.from_pretrained(path) for path in (archive, converted))
    assert type(processor) is type(expected)
    assert processor.tokenizer.get_vocab() == expected.tokenizer.get_vocab()
    assert processor.feature_extractor.to_dict() == expected.feature_extractor.to_dict()
    assert npconformer.AutoTokenizer.from_pretrained(archive).get_vocab() == expected.tokenizer.get_vocab()
    assert npconformer.AutoFeatureExtractor.from_pretrained(archive).num_mel_bins == 8


def test_a_pipeline(archive, converted, tmp_path):
    texts = [npconformer.pipeline("automatic-speech-recognition", path)(WAVEFORM) for path in (archive, converted)]
    assert texts[0] == texts[1] and texts[0]["text"]
    (tmp_path / "alone").mkdir()
    archive.rename(tmp_path / "alone/y.nemo")
    assert npconformer.pipeline(model=tmp_path / "alone")(WAVEFORM) == texts[0]


def test_saving_makes_a_folder(archive, tmp_path):
    npconformer.AutoModelForCTC.from_pretrained(archive).save_pretrained(tmp_path / "saved")
    npconformer.AutoProcessor.from_pretrained(archive).save_pretrained(tmp_path / "saved")
    assert npconformer.pipeline("automatic-speech-recognition", tmp_path / "saved")(WAVEFORM)["text"]


def test_settings_of_the_archive_reach_the_model(tmp_path):
    features, _ = batch_of([41])
    with_scale, without = (
        npconformer.AutoModelForCTC.from_pretrained(
            write_archive(tmp_path / f"{value}.nemo", settings_with(encoder__xscaling=value))
        )(features).logits.numpy()
        for value in (True, False)
    )
    assert np.abs(with_scale - without).max() > 0.01


def with_classes(count):
    weights = arrays()
    random = np.random.default_rng(0)
    weights["decoder.decoder_layers.0.weight"] = random.standard_normal((count, 12, 1)).astype(np.float32)
    weights["decoder.decoder_layers.0.bias"] = np.zeros(count, np.float32)
    return weights


def test_sentencepiece(tmp_path):
    """Its pieces come before those of the list; its file is kept, for encoding."""
    from npconformer.text.sentencepiece_model import read_sentencepiece_pieces

    pieces = read_sentencepiece_pieces(SENTENCEPIECE.read_bytes(), "x")
    settings = settings_with(decoder__num_classes=len(pieces), decoder__vocabulary=[])
    files = members(settings, with_classes(len(pieces) + 1))
    (tmp_path / "x.nemo").write_bytes(packed({**files, "./5b_tokenizer.model": SENTENCEPIECE.read_bytes()}))
    tokenizer = npconformer.AutoTokenizer.from_pretrained(tmp_path / "x.nemo")
    assert tokenizer.get_vocab() == {piece: number for number, piece in enumerate([*pieces, "<blk>"])}
    from npconformer.processors.checkpoint_files import checkpoint_folder
    from npconformer.storage.hub_options import AS_USUAL

    folder = checkpoint_folder(tmp_path / "x.nemo", AS_USUAL)
    assert (folder / "tokenizer.model").read_bytes() == SENTENCEPIECE.read_bytes()


def test_letters(tmp_path):
    settings = settings_with(tokenizer=None, decoder__vocabulary=[" ", "a", "b", "c", "d", "'"])
    settings["target"] = "nemo.collections.asr.models.ctc_models.EncDecCTCModel"
    tokenizer = npconformer.AutoTokenizer.from_pretrained(write_archive(tmp_path / "x.nemo", settings))
    assert tokenizer.decode([1, 6, 1, 0, 0, 2]) == "aa b"


# ---- what is refused, naming the archive


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder__n_layers": 3}, "contradicts its weights: encoder.n_layers is 3 in the one, 2 in the other"),
        ({"encoder__d_model": 24, "decoder__feat_in": 24}, "encoder.d_model is 24 in the one, 12"),
        ({"encoder__subsampling": "dw_striding"}, "encoder.subsampling is dw_striding in the one, striding"),
        ({"encoder__subsampling_factor": 2}, "encoder.subsampling_factor is 2 in the one, 4"),
        (
            {"encoder__feat_in": 80, "preprocessor__features": 80},
            "its front end is another one: preprocessor.featurizer",
        ),
        ({"decoder__num_classes": 5, "decoder__vocabulary": PIECES[1:]}, "decoder.num_classes and a blank is 6 in the"),
        ({"decoder__num_classes": -1, "decoder__vocabulary": []}, "it has no word pieces"),
        ({"encoder__self_attention_model": "abs_pos"}, "encoder.self_attention_model is 'abs_pos'"),
        ({"target": "a.EncDecRNNTBPEModel"}, "it is a transducer"),
        ({"encoder__dropout": 1.5}, "'hidden_dropout' is 1.5"),
    ],
)
def test_what_is_refused(tmp_path, changes, message):
    path = write_archive(tmp_path / "x.nemo", settings_with(**changes))
    for load in (npconformer.AutoModelForCTC, npconformer.AutoConfig, npconformer.AutoProcessor):
        with pytest.raises(ValueError, match=rf"x\.nemo cannot be loaded: .*{message}"):
            load.from_pretrained(path)


def test_a_tokenizer_that_does_not_fit(tmp_path):
    more = {"_5b_tokenizer__model": b""}
    path = tmp_path / "x.nemo"
    path.write_bytes(packed({**members(), "./5b_tokenizer.model": SENTENCEPIECE.read_bytes(), **more}))
    with pytest.raises(
        ValueError, match=r"x\.nemo cannot be loaded: 5b_tokenizer\.model: \d+ pieces do not fit a model of 7 classes"
    ):
        npconformer.AutoModelForCTC.from_pretrained(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joint.enc.weight": np.zeros((2, 2))}, r"'joint\.enc\.weight' is no array of a Conformer-CTC"),
        ({"encoder.layers.1.norm_out.bias": None}, r"x\.nemo lacks 1 of the \d+ weights"),
        ({"encoder.layers.0.conv.depthwise_conv.weight": np.zeros(12)}, r"is of shape \(12,\); expected 3 dimensions"),
        ({"preprocessor.featurizer.window": np.ones(400)}, r"its front end is another one: .*window is not what"),
        ({"preprocessor.featurizer.fb": np.zeros((1, 8, 129))}, r"its front end is another one: .*fb is not what"),
    ],
)
def test_weights_of_another_model(tmp_path, changes, message):
    weights = {name: array for name, array in {**arrays(), **changes}.items() if array is not None}
    (tmp_path / "x.nemo").write_bytes(packed(members(weights=weights)))
    with pytest.raises(ValueError, match=message):
        npconformer.AutoModelForCTC.from_pretrained(tmp_path / "x.nemo")


def test_damaged_weights(tmp_path):
    files = members()
    (tmp_path / "x.nemo").write_bytes(packed({**files, "./model_weights.ckpt": files["./model_weights.ckpt"][:-9]}))
    with pytest.raises(ValueError, match=r"x\.nemo cannot be loaded: its model_weights\.ckpt: it is truncated"):
        npconformer.AutoModelForCTC.from_pretrained(tmp_path / "x.nemo")


def test_weights_that_would_run_a_program(tmp_path):
    import pickle

    (tmp_path / "x.nemo").write_bytes(packed({**members(), "./model_weights.ckpt": pickle.dumps(print)}))
    with pytest.raises(ValueError, match=r"its model_weights\.ckpt: it is no file of torch\.save"):
        npconformer.AutoModelForCTC.from_pretrained(tmp_path / "x.nemo")


def test_safetensors_alone(archive):
    with pytest.raises(FileNotFoundError, match="holds no safetensors file"):
        npconformer.AutoModelForCTC.from_pretrained(archive, use_safetensors=True)


def test_a_name_that_is_misspelt(tmp_path):
    """It is no repository's."""
    with pytest.raises(FileNotFoundError, match=r"a/model\.nemo"):
        npconformer.AutoModelForCTC.from_pretrained("a/model.nemo")


# ---- the real one


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """An archive as NeMo writes it, by torch, of real weights."""
    torch = pytest.importorskip("torch")
    import io
    import json

    import yaml
    from safetensors.torch import load_file

    folder = shared / "models/conformer-ctc-small"
    weights = load_file(folder / "model.safetensors")
    for layer in range(16):
        weights[f"encoder.layers.{layer}.conv.batch_norm.num_batches_tracked"] = torch.tensor(9)
    weights["preprocessor.featurizer.window"] = torch.hann_window(400, periodic=False)
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    settings = yaml.safe_load((folder / "model_config.yaml").read_text(encoding="utf-8"))
    lines = (folder / "tokens.txt").read_text(encoding="utf-8").splitlines()
    settings["decoder"]["vocabulary"] = [line.rsplit(maxsplit=1)[0] for line in lines][:-1]
    files = {"./model_config.yaml": json.dumps(settings).encode(), "./model_weights.ckpt": buffer.getvalue()}
    path = tmp_path_factory.mktemp("real") / "stt_en_conformer_ctc_small.nemo"
    path.write_bytes(packed(files))
    return path


@pytest.mark.slow
def test_the_real_one(real, shared, tmp_path):
    convert_nemo_folder(shared / "models/conformer-ctc-small", tmp_path / "folder")
    recording = shared / "data/jfk.flac"
    results = []
    for path in (real, tmp_path / "folder"):
        model = npconformer.AutoModelForCTC.from_pretrained(path)
        processor = npconformer.AutoProcessor.from_pretrained(path)
        recognise = npconformer.pipeline("automatic-speech-recognition", path)
        results.append((recognise(str(recording))["text"], model, processor))
    assert results[0][0] == results[1][0] and results[0][0].startswith("and so my fellow americans ask not")
    features = np.random.default_rng(0).standard_normal((1, 200, 80)).astype(np.float32)
    logits = [model(features).logits.numpy() for _, model, _ in results]
    np.testing.assert_array_equal(*logits)
    assert results[0][2].tokenizer.get_vocab() == results[1][2].tokenizer.get_vocab()
