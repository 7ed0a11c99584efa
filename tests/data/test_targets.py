"""Labels of each kind of head: what cannot be learnt, how pieces are joined, and that the models take them."""

import numpy as np
import pytest
from tiny_checkpoints import HEAD_NAMES, MODELS, make_config

import npconformer
from npconformer import AutoFeatureExtractor, Wav2Vec2CTCTokenizer
from npconformer.data import Example, Targets, targets_for
from npconformer.data.examples import UnknownToModel
from npconformer.data.targets import ClassTargets, FrameTargets, Layout, Piece, TextTargets, frames_needed
from npconformer.models.auto import model_class
from npconformer.models.frame_clock import FrameClock, Stage
from npconformer.segments.diarization import Segment

RANDOM = np.random.default_rng(0)
PRETRAINING = {
    "num_codevectors_per_group": 4,
    "codevector_dim": 8,
    "proj_codevector_dim": 6,
    "num_negatives": 5,
    "mask_time_prob": 0.3,
    "mask_time_length": 3,
}


CLOCK = FrameClock(16000, Stage(1, 1), (Stage(320, 320),))


@pytest.fixture(scope="module")
def tokenizer():
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *"EFHINOTVW"]
    return Wav2Vec2CTCTokenizer({token: i for i, token in enumerate(tokens)})


@pytest.fixture
def texts(tokenizer):
    return TextTargets(tokenizer, CLOCK, vocab_size=14, blank=0, shortest=320)


def labels_of(targets, utterances, lengths, padded=None):
    return targets.collate(utterances, Layout(lengths, padded or max(lengths)), RANDOM)["labels"]


class TestTexts:
    def test_ids_are_those_of_the_tokenizer(self, texts, tokenizer):
        ids = texts.encode(Example("a.wav", text=" two  Five"))
        assert ids.tolist() == tokenizer("TWO FIVE").input_ids

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, "no text"),
            ("", "no text"),
            ("two, six", r"has ',', 'S', 'X', which the vocabulary has not"),
            ("one <pad>", "has '<', 'P', 'A', 'D', '>'"),
        ],
    )
    def test_what_cannot_be_learnt(self, texts, text, message):
        with pytest.raises(ValueError, match=message):
            texts.encode(Example("a.wav", text=text))

    def test_ids_must_be_the_models(self, tokenizer):
        with pytest.raises(ValueError, match=r"outside 0\.\.9"):
            TextTargets(tokenizer, CLOCK, vocab_size=10, blank=0).encode(Example("a.wav", text="WTO"))

    def test_the_blank_cannot_be_said(self):
        letters = Wav2Vec2CTCTokenizer({"<pad>": 0, "|": 1, "A": 2, "a": 3})
        with pytest.raises(ValueError, match="holds the blank"):
            TextTargets(letters, CLOCK, 4, 0).encode(Example("", text="a <pad>"))

    def test_joined_by_a_space_and_padded(self, texts, tokenizer):
        two, five, one = (texts.encode(Example("", text=text)) for text in ("TWO", "FIVE", "ONE"))
        labels = labels_of(texts, [[Piece(two), Piece(five, 4000)], [Piece(one)]], [9000, 3000])
        assert labels.dtype == np.int64
        assert labels[0].tolist() == tokenizer("TWO FIVE").input_ids
        assert labels[1].tolist() == tokenizer("ONE").input_ids + [-100] * 5

    def test_frames_needed(self):
        assert [frames_needed(np.array(ids)) for ids in ([], [3], [3, 3], [3, 4, 3], [3, 3, 3])] == [0, 1, 3, 3, 5]

    def test_fits(self, texts):
        three = texts.encode(Example("", text="THREE".replace("R", "H")))  # T H H E E: two blanks between
        assert not texts.fits([Piece(three)], 6 * 320)
        assert texts.fits([Piece(three)], 7 * 320)
        assert not texts.fits([Piece(three), Piece(three)], 14 * 320)  # the space needs one more
        assert texts.fits([Piece(three), Piece(three)], 15 * 320)

    def test_without_a_space_nothing_is_joined(self):
        letters = Wav2Vec2CTCTokenizer({"<pad>": 0, "<unk>": 1, "A": 2}, word_delimiter_token=None)
        targets = TextTargets(letters, CLOCK, 3, 0)
        assert not targets.joins
        assert targets.encode(Example("", text="AA")).tolist() == [2, 2]


LABELS = {"yes": 0, "no": 1, "maybe": 2}


class TestClasses:
    def test_one_label(self):
        targets = ClassTargets(LABELS, CLOCK)
        pieces = [[Piece(targets.encode(Example("", label=name)))] for name in ("no", "yes")]
        labels = labels_of(targets, pieces, [1000, 1000])
        assert (labels.tolist(), labels.dtype) == ([1, 0], np.int64)
        assert not targets.joins

    def test_several_labels(self):
        targets = ClassTargets(LABELS, CLOCK, problem_type="multi_label_classification")
        encoded = targets.encode(Example("", label="yes | maybe"))
        assert (encoded.tolist(), encoded.dtype) == ([1, 0, 1], np.float32)

    def test_numbers(self):
        targets = ClassTargets({"LABEL_0": 0}, CLOCK)  # a single label is regression
        labels = labels_of(targets, [[Piece(targets.encode(Example("", label="2.5")))]], [1000])
        assert (labels.tolist(), labels.dtype) == ([[2.5]], np.float32)

    @pytest.mark.parametrize(
        ("problem_type", "label", "message"),
        [
            (None, None, "no label is given"),
            (None, "Yes", "its label 'Yes' is none of the model's: 'yes', 'no', 'maybe'"),
            ("multi_label_classification", "yes|x", "'x' is none"),
            ("regression", "1|2", "must be 3 numbers"),
            ("regression", "1|2|x", "must be 3 numbers"),
            ("regression", "1|2|inf", "must be 3 numbers"),
        ],
    )
    def test_what_cannot_be_learnt(self, problem_type, label, message):
        with pytest.raises(ValueError, match=message.replace("|", r"\|")):
            ClassTargets(LABELS, CLOCK, problem_type=problem_type).encode(Example("", label=label))

    def test_speakers(self):
        targets = ClassTargets({"anna": 0, "ben": 1}, CLOCK, "speaker", "single_label_classification")
        assert targets.encode(Example("", speaker="ben", label="x")) == 1
        with pytest.raises(ValueError, match="no speaker is given"):
            targets.encode(Example("", label="anna"))


class TestFrames:
    """Frames of 0.1 s at 1 kHz."""

    def make(self, names, problem_type=None, speakers="names"):
        ids = {name: i for i, name in enumerate(names)}
        return FrameTargets(ids, FrameClock(1000, Stage(1, 1), (Stage(100, 100),)), problem_type, speakers=speakers)

    def encode(self, targets, tmp_path, *segments):
        lines = (f"SPEAKER a 1 {s} {e - s} <NA> <NA> {who} <NA> <NA>\n" for s, e, who in segments)
        (tmp_path / "a.rttm").write_text("".join(lines) or "SPEAKER a 1 0 0 <NA> <NA> x <NA> <NA>\n")
        (tmp_path / "a.rttm").touch()
        return targets.encode(Example("a.wav", rttm=str(tmp_path / "a.rttm")))

    def test_several_at_once(self, tmp_path):
        targets = self.make(["S0", "S1"], "multi_label_classification", "order")
        encoded = self.encode(targets, tmp_path, (0.1, 0.3, "ben"), (0.2, 0.4, "anna"))
        labels = labels_of(targets, [[Piece(encoded)]], [500], padded=700)
        assert (labels.dtype, labels.shape) == (np.float32, (1, 7, 2))
        assert labels[0].tolist() == [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0], [-100, -100], [-100, -100]]

    def test_by_name_where_the_model_knows_names(self, tmp_path):
        targets = self.make(["anna", "ben"], "multi_label_classification")
        encoded = self.encode(targets, tmp_path, (0.0, 0.1, "ben"))
        assert labels_of(targets, [[Piece(encoded)]], [100])[0].tolist() == [[0, 1]]
        with pytest.raises(ValueError, match="its speakers 'carl' are none of the model's"):
            self.encode(targets, tmp_path, (0.0, 0.1, "ben"), (0, 1, "carl"))

    def test_names_are_never_taken_for_an_order(self, tmp_path):
        """Nor the other way round: who speaks first is class 0 where that is asked for, whatever the name."""
        with pytest.raises(UnknownToModel, match="its speakers 'carl' are none of the model's: 'S0', 'S1'"):
            self.encode(self.make(["S0", "S1"]), tmp_path, (0, 1, "carl"))
        encoded = self.encode(self.make(["anna", "ben"], speakers="order"), tmp_path, (0, 1, "ben"), (1, 2, "anna"))
        assert [segment.speaker for segment in encoded] == ["anna", "ben"]
        with pytest.raises(ValueError, match="speakers: expected one of names, order, got 'first'"):
            self.make(["S0", "S1"], speakers="first")

    def test_too_many_speakers(self, tmp_path):
        with pytest.raises(ValueError, match="2 speakers in it, and the model has 1"):
            self.encode(self.make(["S0", "silence"], speakers="order"), tmp_path, (0, 1, "x"), (1, 2, "y"))

    def test_no_frame_counts(self, tmp_path):
        """Too short a word for a frame, or always somebody else at once, where each frame is to have one label."""
        for names, fits in ((["x", "y"], [False, False, True]), (["x", "y", "silence"], [True, False, True])):
            targets, made = self.make(names), []
            for segments in ([(0.01, 0.04, "x")], [(0.0, 0.3, "x"), (0.0, 0.3, "y")], [(0.0, 0.3, "x")]):
                made.append(targets.fits([Piece(self.encode(targets, tmp_path, *segments))], 300))
            assert made == fits
        assert "does one person speak alone" in targets.misfit(300, 0.3)

    def test_one_label_in_each_frame(self, tmp_path):
        targets = self.make(["S0", "S1"], speakers="order")
        encoded = self.encode(targets, tmp_path, (0.0, 0.2, "x"), (0.1, 0.3, "y"))
        rows = labels_of(targets, [[Piece(encoded)]], [400])[0].tolist()
        assert rows == [[1, 0], [-100, -100], [0, 1], [-100, -100]]
        with pytest.raises(ValueError, match="nobody speaks"):
            self.encode(targets, tmp_path)

    def test_silence_as_a_class(self, tmp_path):
        targets = self.make(["silence", "S0"], speakers="order")
        encoded = self.encode(targets, tmp_path, (0.1, 0.2, "x"))
        assert labels_of(targets, [[Piece(encoded)]], [300])[0].tolist() == [[1, 0], [0, 1], [1, 0]]

    def test_whether_anybody_speaks(self, tmp_path):
        targets = self.make(["speech"])
        encoded = self.encode(targets, tmp_path, (0.1, 0.2, "x"), (0.3, 0.4, "y"))
        assert labels_of(targets, [[Piece(encoded)]], [400], padded=500)[0, :, 0].tolist() == [0, 1, 0, 1, 0]

    def test_pieces_move_and_stretch(self):
        targets = self.make(["S0", "S1"], "multi_label_classification")
        pieces = [Piece([Segment(0.0, 0.2, "S0")], 100, 2.0), Piece([Segment(0.1, 0.2, "S1")], 300, 0.5)]
        labels = labels_of(targets, [pieces], [800])[0]
        assert labels[:, 0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]  # 0.1 s long, from 0.1 s
        assert labels[:, 1].tolist() == [0, 0, 0, 0, 0, 1, 1, 0]  # from 0.3 + 0.2 s, 0.2 s long


class TestOfModels:
    """Every head takes the batch that its targets make, and its loss is finite, for the shortest utterance too."""

    def make(self, head, kind="layer", **settings):
        npconformer.manual_seed(3)
        config = make_config(kind, **{"vocab_size": 14, **settings})
        return model_class(config.model_type, HEAD_NAMES.get(head))(config)

    @pytest.mark.parametrize("kind", MODELS)
    @pytest.mark.parametrize(
        ("head", "settings", "example"),
        [
            ("ForCTC", {}, Example("a.wav", text="TWO")),
            ("ForCTC", {"add_adapter": True}, Example("a.wav", text="E")),
            ("ForSequenceClassification", {"num_labels": 3}, Example("a.wav", label="LABEL_1")),
            ("ForSequenceClassification", {"num_labels": 1}, Example("a.wav", label="0.5")),
            (
                "ForSequenceClassification",
                {"num_labels": 3, "problem_type": "multi_label_classification"},
                Example("a.wav", label="LABEL_1|LABEL_2"),
            ),
            ("ForXVector", {"num_labels": 4}, Example("a.wav", speaker="LABEL_2")),
            ("ForXVector", {"num_labels": 4, "add_adapter": True}, Example("a.wav", speaker="LABEL_2")),
            (
                "ForAudioFrameClassification",
                {"num_labels": 2, "problem_type": "multi_label_classification"},
                Example("a.wav", rttm="RTTM"),
            ),
            ("ForAudioFrameClassification", {"num_labels": 2}, Example("a.wav", rttm="RTTM")),
            ("ForAudioFrameClassification", {"num_labels": 1}, Example("a.wav", rttm="RTTM")),
            ("ForPreTraining", PRETRAINING, Example("a.wav")),
            ("ForPreTraining", {**PRETRAINING, "mask_time_length": 1}, Example("a.wav")),
        ],
    )  # fmt: skip
    def test_a_batch(self, kind, head, settings, example, tokenizer, tmp_path):
        if kind == "bert" and head == "ForPreTraining":
            pytest.skip("this model has no such head")
        if example.rttm:
            (tmp_path / "a.rttm").write_text("SPEAKER a 1 0.0 0.1 <NA> <NA> x <NA> <NA>\n")
            example = Example("a.wav", rttm=str(tmp_path / "a.rttm"))
        model = self.make(head, kind, **settings)
        extractor = AutoFeatureExtractor.for_config(model.config)
        targets = targets_for(model, extractor, tokenizer, speakers="order")
        encoded = targets.encode(example)
        lengths = [targets.shortest, 16000]
        while not targets.fits([Piece(encoded)], lengths[0]):
            lengths[0] += 1
        waveforms = [RANDOM.standard_normal(length).astype(np.float32) for length in lengths]
        features = extractor(waveforms, sampling_rate=16000, padding=True, return_tensors="np")
        rows = features[extractor.model_input_names[0]].shape[1]
        batch = {**features, **targets.collate([[Piece(encoded)]] * 2, Layout(lengths, rows), RANDOM)}
        assert np.isfinite(model(**batch, padding_mode="exact").loss.item())
        if head not in ("ForPreTraining",):
            assert targets.clock.frames(lengths[0]) >= 1
            assert lengths[0] == targets.shortest or not targets.fits([Piece(encoded)], lengths[0] - 1)

    def test_without_a_head(self):
        with pytest.raises(ValueError, match="has no head that can be trained"):
            targets_for(self.make("Model"))

    @pytest.mark.parametrize("adapter", [False, True])
    def test_frames_of_a_filterbank(self, adapter, tokenizer):
        """Rows of 560 samples, 320 apart; an adapter halves them, and the text has to fit into what is left."""
        model = self.make("ForCTC", "bert", add_adapter=adapter)
        targets = targets_for(model, AutoFeatureExtractor.for_config(model.config), tokenizer)
        assert targets.shortest == 560
        two = [Piece(targets.encode(Example("", text="TWO")))]
        shortest = 560 + 320 * (4 if adapter else 2)  # three frames
        assert targets.fits(two, shortest) and not targets.fits(two, shortest - 1)
        with pytest.raises(ValueError, match="feature_extractor: Wav2Vec2BertForCTC needs one"):
            targets_for(model, tokenizer=tokenizer)

    def test_missing_pieces(self):
        with pytest.raises(ValueError, match="tokenizer: "):
            targets_for(self.make("ForCTC"))
        with pytest.raises(ValueError, match="feature_extractor: "):
            targets_for(self.make("ForAudioFrameClassification"))

    def test_only_what_is_predicted_is_masked(self):
        model = self.make("ForPreTraining", mask_time_prob=0.4, mask_time_length=4, num_negatives=7)
        targets = targets_for(model)
        batch = targets.collate([[Piece(None)]] * 3, Layout([4000, 16000, 9000], 16000), np.random.default_rng(1))
        masked, negatives = batch["mask_time_indices"], batch["sampled_negative_indices"]
        assert (masked.shape, negatives.shape) == ((3, 50), (3, 50, 7))
        counts = masked.sum(axis=1)
        assert (counts >= 4).all()
        assert not masked[0, 12:].any()
        assert not masked[2, 28:].any()
        for row in range(3):
            assert masked[row][negatives[row][masked[row]] - 50 * row].all()


def test_the_base_asks_for_nothing():
    targets = Targets(CLOCK, shortest=320)
    assert targets.encode(Example("a.wav")) is None
    assert targets.collate([[Piece(None)]], Layout([640], 640), RANDOM) == {}
    assert targets.fits([Piece(None)], 320)
    assert not targets.fits([Piece(None)], 319)
