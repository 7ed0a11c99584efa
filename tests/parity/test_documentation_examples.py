"""The examples of transformers' documentation run with npconformer in place of transformers, and give its numbers."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.utils import doc  # noqa: E402

import npconformer  # noqa: E402

from . import documentation, reference  # noqa: E402
from .compare import relative_difference  # noqa: E402
from .families import BERT, CONFORMER, FAMILIES, Family  # noqa: E402
from .head_cases import HeadCase  # noqa: E402

LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
SETTINGS = {
    "vocab_size": len(LETTERS),
    "ctc_loss_reduction": "mean",
    "id2label": {0: "up", 1: "down", 2: "left"},
    "label2id": {"up": 0, "down": 1, "left": 2},
    "mask_time_prob": 0.0,
    "mask_feature_prob": 1e-9,
}
SETTINGS_OF = {
    CONFORMER: {"position_embeddings_type": "relative"},
    BERT: {"position_embeddings_type": "relative_key", "feature_projection_input_dim": 160},
}
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Call it with a family and a head: a folder with a small model and its processor, as transformers saves them."""

    def write(family: Family, head: str) -> Path:
        folder = tmp_path_factory.mktemp(head)
        case = HeadCase(head, "documentation", {**SETTINGS, **SETTINGS_OF[family]}, family=family)
        reference.build(case).save_pretrained(folder)
        (folder / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(LETTERS)}))
        tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
        if family is BERT:
            extractor = transformers.SeamlessM4TFeatureExtractor()
            transformers.Wav2Vec2BertProcessor(extractor, tokenizer).save_pretrained(folder)
        else:
            extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
            transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)
        return folder

    return write


def both(sample: str, family: Family, head: str, folder: Path):
    """The names and displays of the example in transformers and in npconformer."""
    text = sample.replace("{model_class}", family.name + head).replace("{checkpoint}", str(folder))
    return documentation.run(text, ours=False), documentation.run(text, ours=True)


def assert_close(ours, theirs, limit: float = 2e-5) -> None:
    """As in float32 elsewhere; features differ by more where the reference rounds its spectrum."""
    assert relative_difference(np.asarray(ours), theirs.detach().numpy()) < limit


@every_family
def test_hidden_states(family: Family, checkpoint) -> None:
    (theirs, shown), (ours, mine) = both(doc.PT_SPEECH_BASE_MODEL_SAMPLE, family, "Model", checkpoint(family, "Model"))
    assert_close(ours["last_hidden_states"], theirs["last_hidden_states"])
    assert mine == shown and len(mine[0]) == 3


@every_family
def test_recognition_with_a_loss(family: Family, checkpoint) -> None:
    (theirs, shown), (ours, mine) = both(doc.PT_SPEECH_CTC_SAMPLE, family, "ForCTC", checkpoint(family, "ForCTC"))
    assert_close(ours["logits"], theirs["logits"])
    np.testing.assert_array_equal(ours["predicted_ids"], theirs["predicted_ids"].numpy())
    assert ours["loss"].item() == pytest.approx(theirs["loss"].item(), rel=2e-5)
    assert ours["transcription"] == theirs["transcription"] and mine[0] == shown[0]
    assert mine[1] == pytest.approx(shown[1], abs=0.011)


@every_family
def test_classes_of_utterances(family: Family, checkpoint) -> None:
    head = "ForSequenceClassification"
    (theirs, shown), (ours, mine) = both(doc.PT_SPEECH_SEQ_CLASS_SAMPLE, family, head, checkpoint(family, head))
    assert_close(ours["logits"], theirs["logits"])
    assert ours["loss"].item() == pytest.approx(theirs["loss"].item(), rel=2e-5)
    assert ours["predicted_label"] == theirs["predicted_label"] in ("up", "down", "left")
    assert mine[0] == shown[0] and mine[1] == pytest.approx(shown[1], abs=0.011)


@every_family
def test_several_labels_for_an_utterance(family: Family, checkpoint) -> None:
    """As documented for `problem_type`; the loss is torch's own, which the reference's heads for speech leave out."""
    folder = checkpoint(family, "ForSequenceClassification")
    settings = {"problem_type": "multi_label_classification"}
    sound, labels = documentation.speech(0.8, 3), [[1.0, 0.0, 1.0]]
    extractor = npconformer.AutoFeatureExtractor.from_pretrained(folder)
    model = npconformer.AutoModelForAudioClassification.from_pretrained(folder, **settings)
    out = model(**extractor(sound, sampling_rate=16000, return_tensors="np"), labels=np.array(labels))
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    theirs = transformers.AutoModelForAudioClassification.from_pretrained(folder, **settings)
    logits = theirs(**extractor(sound, sampling_rate=16000, return_tensors="pt")).logits
    assert_close(out.logits, logits)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(labels))
    assert out.loss.item() == pytest.approx(expected.item(), rel=2e-5)


@every_family
def test_classes_of_frames(family: Family, checkpoint) -> None:
    head = "ForAudioFrameClassification"
    (theirs, shown), (ours, mine) = both(doc.PT_SPEECH_FRAME_CLASS_SAMPLE, family, head, checkpoint(family, head))
    assert_close(ours["logits"], theirs["logits"])
    np.testing.assert_array_equal(ours["labels"], theirs["labels"].numpy())
    assert mine == shown and len(mine[0]) == 3


@every_family
def test_speaker_vectors(family: Family, checkpoint, capsys) -> None:
    head = "ForXVector"
    (theirs, shown), (ours, mine) = both(doc.PT_SPEECH_XVECTOR_SAMPLE, family, head, checkpoint(family, head))
    vectors = ours["embeddings"] / np.linalg.norm(ours["embeddings"], axis=-1, keepdims=True)
    assert_close(vectors, theirs["embeddings"])
    assert float(ours["similarity"]) == pytest.approx(theirs["similarity"].item(), abs=2e-5)
    assert mine[0] == pytest.approx(shown[0], abs=0.011)
    said = capsys.readouterr().out.splitlines()
    assert len(said) in (0, 2) and len(set(said)) <= 1


def test_pretraining(checkpoint) -> None:
    head = "ForPreTraining"
    sample = inspect.getdoc(transformers.Wav2Vec2ConformerForPreTraining.forward)
    for name in ("facebook/wav2vec2_conformer-base", "hf-internal-testing/librispeech_asr_dummy"):
        assert name in sample
    folder = checkpoint(CONFORMER, head)
    sample = sample.replace("facebook/wav2vec2_conformer-base", str(folder))
    # The reference's own example imports one function from a module that does not have it.
    home = "from transformers.models.wav2vec2.modeling_wav2vec2 import _sample_negative_indices\n"
    possible = sample.replace("_indices, _sample_negative_indices\n", f"_indices\n>>> {home}")
    assert possible != sample
    (theirs, shown), (ours, mine) = documentation.run(possible, ours=False), documentation.run(sample, ours=True)
    for name in ("mask_time_indices", "sampled_negative_indices"):
        np.testing.assert_array_equal(ours[name], theirs[name].numpy(), err_msg=name)
    for name in ("projected_states", "projected_quantized_states", "codevector_perplexity"):
        assert_close(ours["outputs"][name], theirs["outputs"][name])
    assert_close(ours["cosine_sim"], theirs["cosine_sim"])
    assert bool(mine[0]) == bool(shown[0])
    assert np.isfinite(ours["loss"].item()) and np.isfinite(theirs["loss"].item())  # of random codewords


@pytest.mark.parametrize("program", [transformers, npconformer], ids=lambda program: program.__name__)
@every_family
def test_auto_classes(family: Family, program, checkpoint) -> None:
    folder = checkpoint(family, "ForCTC")
    assert type(program.AutoConfig.from_pretrained(folder)).__name__ == family.name + "Config"
    assert type(program.AutoModelForCTC.from_pretrained(folder)).__name__ == family.name + "ForCTC"
    assert type(program.AutoModel.from_pretrained(folder)).__name__ == family.name + "Model"
    expected = "Wav2Vec2BertProcessor" if family is BERT else "Wav2Vec2Processor"
    processor = program.AutoProcessor.from_pretrained(folder)
    assert type(processor).__name__ == expected
    assert processor.decode([5, 6, 4, 7]) == "AB C"


def test_pipelines(checkpoint) -> None:
    sound = documentation.speech(0.9, 1)
    folder = str(checkpoint(CONFORMER, "ForCTC"))
    theirs, ours = (p.pipeline("automatic-speech-recognition", model=folder) for p in (transformers, npconformer))
    assert ours(sound)["text"] == theirs(sound)["text"] != ""
    folder = str(checkpoint(CONFORMER, "ForSequenceClassification"))
    theirs, ours = (p.pipeline("audio-classification", model=folder) for p in (transformers, npconformer))
    for mine, other in zip(ours(sound), theirs(sound), strict=True):
        assert mine["label"] == other["label"] and mine["score"] == pytest.approx(other["score"], rel=1e-4)
