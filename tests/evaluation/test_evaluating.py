"""Going through examples with a pipeline: what is compared, what fails, what it comes to."""

import numpy as np
import pytest
import soundfile
from tiny_checkpoints import MODELS, SHORTEST, make_waveforms, save_checkpoint

import npconformer
from npconformer.data import Example
from npconformer.data.segments import active_frames
from npconformer.evaluation import evaluate, scorer_for
from npconformer.evaluation.evaluating import task_of
from npconformer.metrics import equal_error_rate, frame_errors
from npconformer.pipelines import cosine_similarity
from npconformer.segments.diarization import Segment

LENGTHS = [9000, 16000, 12000, 7000, 20000, 8000]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for i, waveform in enumerate(make_waveforms(LENGTHS)):
        soundfile.write(folder / f"{i}.wav", waveform, 16000)
    return [str(folder / f"{i}.wav") for i in range(len(LENGTHS))]


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def load(kind, tmp_path_factory):
    def load(task, head, **settings):
        return npconformer.pipeline(task, save_checkpoint(head, tmp_path_factory.mktemp(head), kind, **settings))

    return load


@pytest.fixture(scope="module")
def classify(load):
    return load("audio-classification", "ForSequenceClassification", id2label={0: "a", 1: "b", 2: "c"})


@pytest.fixture(scope="module")
def embed(load):
    return load("speaker-embedding", "ForXVector", num_labels=3)


@pytest.fixture(scope="module")
def diarize(load):
    names = {0: "anna", 1: "ben"}
    settings = {"id2label": names, "problem_type": "multi_label_classification"}
    return load("speaker-diarization", "ForAudioFrameClassification", **settings)


def run(pipeline, examples, **options):
    scorer = scorer_for(pipeline)
    results = list(evaluate(pipeline, examples, scorer, **options))
    assert [example for example, _ in results] == examples
    return scorer, [failure for _, failure in results]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_accuracy(classify, recordings, batch_size):
    answers = [answer[0] for answer in classify(recordings)]
    labels = [answers[0]["label"], "a", "b", "c", answers[4]["label"], "a"]
    examples = [Example(path, label=label) for path, label in zip(recordings, labels)]
    scorer, failures = run(classify, examples, batch_size=batch_size)
    assert failures == [None] * 6
    right = [answer["label"] == label for answer, label in zip(answers, labels)]
    assert [row["correct"] for row in scorer.rows] == right
    summary = scorer.summary()
    assert (summary["accuracy"], summary["correct"]) == (sum(right) / 6, sum(right))
    assert summary["accuracy_interval"][0] < summary["accuracy"] <= summary["accuracy_interval"][1]
    assert set(summary["accuracy_of_label"]) == set(labels)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_failures_stand_in_their_places(classify, kind, recordings, tmp_path, batch_size):
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    examples = [
        Example(recordings[0], label="a"),
        Example(str(tmp_path / "empty.wav"), label="a"),
        Example(recordings[1]),
        Example(recordings[1], label="z", source="test.csv, line 5"),
        Example(str(tmp_path / "short.wav"), label="a"),
        Example(str(tmp_path / "none.wav"), label="a"),
        Example(recordings[2], label="a", start=5.0),
        Example(recordings[2], label="b"),
    ]
    scorer, failures = run(classify, examples, batch_size=batch_size)
    assert [row["file"] for row in scorer.rows] == [recordings[0], recordings[2]]
    assert [failure and failure.reason for failure in failures] == [
        None,
        "is empty (0 bytes)",
        "no label is given",
        "its label 'z' is none of the model's",
        f"100 samples at 16000 Hz are too short: the model needs {SHORTEST[kind]} ({SHORTEST[kind] / 16000:.3f} s)",
        "no such file",
        "the recording ends before this stretch starts",
        None,
    ]
    assert str(failures[3]) == f"{recordings[1]}: its label 'z' is none of the model's (test.csv, line 5)"


def test_stretches(classify, recordings):
    waveform = soundfile.read(recordings[4], dtype="float32")[0][4000:12000]
    expected = classify(waveform, sampling_rate=16000)[0]
    scorer, _ = run(classify, [Example(recordings[4], label="a", start=0.25, end=0.75)])
    assert scorer.rows[0]["answer"] == expected["label"]
    assert scorer.rows[0]["score"] == pytest.approx(expected["score"], abs=1e-6)
    assert scorer.rows[0]["file"].endswith("4.wav [0.25 to 0.75 s]")


@pytest.mark.parametrize(("settings", "problem"), [({"num_labels": 1}, "regression"), (
    {"num_labels": 2, "problem_type": "multi_label_classification"}, "multi_label")])  # fmt: skip
def test_accuracy_is_for_single_labels(load, settings, problem):
    with pytest.raises(ValueError, match=f"this one does {problem}"):
        scorer_for(load("audio-classification", "ForSequenceClassification", **settings))


@pytest.mark.parametrize("most_trials", [100, 12])
def test_equal_error_rate(embed, recordings, monkeypatch, most_trials):
    monkeypatch.setattr("npconformer.evaluation.speaker_scorer.MOST_TRIALS", most_trials)
    speakers = ["anna", "ben", "anna", "carl", "ben", "anna"]
    scorer, _ = run(embed, [Example(path, speaker=who) for path, who in zip(recordings, speakers)])
    summary = scorer.summary()
    vectors = embed(recordings)
    pairs = [(i, j) for i in range(6) for j in range(i)]
    scores = {pair: cosine_similarity(vectors[pair[0]], vectors[pair[1]]) for pair in pairs}
    if most_trials == 100:
        expected = equal_error_rate(list(scores.values()), [speakers[i] == speakers[j] for i, j in pairs])
        assert summary["equal_error_rate"] == pytest.approx(expected.rate)
        assert summary["threshold"] == pytest.approx(expected.threshold, abs=1e-5)
        assert (summary["trials"], summary["trials_of_one_speaker"], summary["speakers"]) == (15, 4, 3)
    else:
        assert summary["trials"] == 12
        assert summary == scorer.summary()
    for i, row in enumerate(scorer.rows):
        others = {j: scores[max(i, j), min(i, j)] for j in range(6) if j != i}
        nearest = max(others, key=others.get)
        assert (row["nearest"], row["nearest_speaker"]) == (recordings[nearest], speakers[nearest])
        assert row["correct"] == (speakers[nearest] == speakers[i])


def test_equal_error_rate_needs_pairs(embed, recordings):
    scorer, _ = run(embed, [Example(recordings[0], speaker="anna")])
    with pytest.raises(ValueError, match="needs pairs of recordings, got 1"):
        scorer.summary()
    scorer, _ = run(embed, [Example(path, speaker="anna") for path in recordings[:2]])
    with pytest.raises(ValueError, match="trials of both kinds"):
        scorer.summary()


def write_rttm(path, segments):
    path.write_text("".join(f"SPEAKER x 1 {s} {e - s} <NA> <NA> {who} <NA> <NA>\n" for s, e, who in segments))
    return str(path)


KNOWN = [(0.0, 0.3, "ben"), (0.2, 0.6, "anna")]


@pytest.mark.parametrize("names", [{"anna": "anna", "ben": "ben"}, {"anna": "x", "ben": "y"}])
def test_diarization_error_rate(diarize, kind, recordings, tmp_path, names):
    rttm = write_rttm(tmp_path / "a.rttm", [(s, e, names[who]) for s, e, who in KNOWN])
    examples = [Example(path, rttm=rttm) for path in recordings[:3]]
    scorer, failures = run(diarize, examples, threshold=0.6)
    assert failures == [None] * 3
    errors = []
    for path, length in zip(recordings, LENGTHS[:3]):
        answer = diarize(path, threshold=0.6, min_duration=0.0, max_gap=0.0)
        frames = (length - SHORTEST[kind]) // 320 + 1
        said = active_frames([Segment(**one) for one in answer["segments"]], ["anna", "ben"], frames, 0.02)
        known = active_frames([Segment(*one) for one in KNOWN], ["anna", "ben"], frames, 0.02)
        errors.append(frame_errors(known, said, match_speakers="x" in names.values()))
    total = sum(errors[1:], errors[0])
    summary = scorer.summary()
    assert summary["diarization_error_rate"] == pytest.approx(total.rate)
    assert summary["frames"] == sum((length - SHORTEST[kind]) // 320 + 1 for length in LENGTHS[:3])
    assert [row["missed"] for row in scorer.rows] == [one.missed for one in errors]


def test_a_speaker_that_the_model_does_not_know_is_never_right(diarize, recordings, tmp_path):
    rttm = write_rttm(tmp_path / "a.rttm", [(0.0, 0.2, "anna"), (0.2, 0.6, "zoe")])
    scorer, _ = run(diarize, [Example(recordings[1], rttm=rttm)], threshold=1.0)
    assert scorer.rows[0]["missed"] == scorer.rows[0]["speech"] == 30
    scorer, _ = run(diarize, [Example(recordings[1], rttm=rttm)], threshold=0.0)
    assert (scorer.rows[0]["confused"], scorer.rows[0]["missed"]) == (20, 0)


def test_no_speech_at_all_has_no_error_rate(diarize, recordings, tmp_path):
    rttm = write_rttm(tmp_path / "a.rttm", [(9.0, 9.5, "anna")])
    scorer, _ = run(diarize, [Example(recordings[0], rttm=rttm)])
    with pytest.raises(ValueError, match="nothing"):
        scorer.summary()


def test_words_of_the_embedded_recogniser(shared):
    """As if said in lower case, with one wrong word and one too many."""
    recognise = npconformer.pipeline()
    paths = [str(shared / "data" / "fsdd" / f"{digit}_jackson_7.wav") for digit in (1, 2, 7)]
    said = [answer["text"] for answer in recognise(paths)]
    examples = [
        Example(paths[0], text=said[0].lower()),
        Example(paths[1], text="eleven"),
        Example(paths[2], text=f"{said[2]}  and"),
        Example(paths[2]),
    ]
    scorer, failures = run(recognise, examples, batch_size=2)
    assert [failure and failure.reason for failure in failures] == [None, None, None, "no text says what is said"]
    assert [row["word_errors"] for row in scorer.rows] == [0, 1, 1]
    assert [row["hypothesis"] for row in scorer.rows] == said
    summary = scorer.summary()
    assert (summary["words"], summary["substitutions"], summary["deletions"], summary["insertions"]) == (4, 1, 1, 0)
    assert summary["word_error_rate"] == 0.5
    assert summary["recordings_without_error"] == 1
    assert 0 < summary["character_error_rate"] < 1


@pytest.mark.parametrize(
    ("architectures", "task"),
    [
        (["Wav2Vec2ConformerForCTC"], "automatic-speech-recognition"),
        (["Wav2Vec2BertForCTC"], "automatic-speech-recognition"),
        (["Wav2Vec2ConformerForXVector"], "speaker-embedding"),
        (["Wav2Vec2BertForAudioFrameClassification"], "speaker-diarization"),
        (["Wav2Vec2ConformerForPreTraining"], None),
        (["Wav2Vec2ConformerModel"], None),
        ([], None),
    ],
)
def test_the_task_of_a_class(architectures, task):
    assert task_of(architectures) == task
