"""`npconformer train`: what is said of size, time and too few steps before the first of them."""

import re

import pytest
from train_command import CONFIGS, FAST, train

import npconformer
from npconformer.commands.train_outlook import _time, multiplications, seconds_of_step, too_few


@pytest.mark.parametrize("kind", CONFIGS)
def test_what_is_said(kind, capsys, configs, folder, tmp_path):
    argv = ("--task", "sequence", "--from", configs[kind], "--train", folder, *FAST, "--freeze", "feature_projection")
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0, err
    model = npconformer.AutoModelForAudioClassification.from_pretrained(tmp_path / "out/model")
    sizes = {name: p.data.size for name, p in model.named_parameters()}
    frozen = sum(size for name, size in sizes.items() if "feature_projection" in name)
    assert f"model: {sum(sizes.values()):,} weights, of which {sum(sizes.values()) - frozen:,} are trained; " in err
    said = re.search(r"; 4 steps of (\S+) s of sound, roughly (\S+) s each, (\S+) s in all\n", err)
    assert float(said[1]) == pytest.approx(7 / 3, rel=0.01)  # 4 of 1 s, 4 of 0.75 s, in batches of up to 3 s
    assert 0 < float(said[2]) < float(said[3]) < 60
    assert err.index("model: ") < err.index("step 1 of 4")
    status, _, err = train(capsys, tmp_path / "out", "--resume")
    assert status == 0 and "model: " not in err


def test_multiplications_of_a_model_counted_by_hand():
    """The released models' front end, and one block."""
    config = npconformer.Wav2Vec2ConformerConfig(num_hidden_layers=1, intermediate_size=3072, vocab_size=32)
    with npconformer.nn.init.no_init():
        model = npconformer.Wav2Vec2ConformerForCTC(config)
        deeper = npconformer.Wav2Vec2ConformerForCTC(
            npconformer.Wav2Vec2ConformerConfig(num_hidden_layers=3, vocab_size=32)
        )
    steps = [3200, 1600, 800, 400, 200, 100, 50]
    front = sum(n * 512 * (512 if i else 1) * (10, 3, 3, 3, 3, 2, 2)[i] for i, n in enumerate(steps))
    projection, head = 50 * 512 * 768, 50 * 768 * 32
    ffn, attention, convolution = 4 * 768 * 3072, 5 * 768 * 768 + 2 * 768, 3 * 768 * 768 + 31 * 768
    pairs = 3 * 768 * 50 * 2  # 100 frames in 2 s
    block = 50 * (ffn + attention + convolution + pairs)
    count = multiplications(model, 16000, 1.0, 2.0)
    assert count == pytest.approx(front + projection + head + block, rel=1e-3)
    assert multiplications(deeper, 16000, 1.0, 2.0) - count == pytest.approx(2 * block, rel=1e-3)
    assert multiplications(model, 16000, 60.0, 2.0) == pytest.approx(60 * count)
    plain, again = (seconds_of_step(model, 16000, 60.0, 2.0, recomputed) for recomputed in (False, True))
    assert plain < 2 * again


def test_multiplications_of_nemos_model_counted_by_hand():
    """Its front end over time and bands, and one block; a row is 10 ms, a frame 40."""
    config = npconformer.NemoConformerConfig(num_hidden_layers=1, vocab_size=1025)
    with npconformer.nn.init.no_init():
        model = npconformer.NemoConformerForCTC(config)
    front = 9 * 176 * 50 * 40 + 9 * 176 * 176 * 25 * 20 + 25 * 176 * 20 * 176
    ffn, attention, convolution = 4 * 176 * 704, 5 * 176 * 176 + 2 * 176, 3 * 176 * 176 + 31 * 176
    block = 25 * (ffn + attention + convolution + 3 * 176 * 25 * 2)  # 50 frames in 2 s
    head = 25 * 176 * config.vocab_size
    assert multiplications(model, 100, 1.0, 2.0) == pytest.approx(front + block + head, rel=1e-3)


def test_too_few_steps():
    assert too_few(99, 100, False)[0].startswith("too few steps for the data: 99 of the 100 that see all of it once")
    assert too_few(100, 100, False) == []
    assert "few steps: 100, where a training from random weights takes 200 or more" in too_few(100, 100, True)[0]
    assert too_few(200, 1, True) == []
    assert "--batch-seconds" in too_few(10, 1, False)[0]


def test_too_few_steps_are_said(capsys, config, folder, tmp_path):
    argv = ("--task", "ctc", "--from", config, "--train", folder, "--steps", 2, "--batch-size", 1)
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0 and "too few steps for the data: 2 of the 8 that see all of it once" in err
    argv = ("--task", "ctc", "--from", tmp_path / "out/model", "--train", folder)
    status, _, err = train(capsys, tmp_path / "more", *argv)
    assert status == 0 and "few steps: 10, where a training from a checkpoint takes 50 or more" in err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.004, "0.004 s"), (1.4, "1 s"), (3.14, "3.1 s"), (300, "5 min"), (9000, "2.5 h"),
     (864000, "10 days"), (1e8, "1157 days")],
)  # fmt: skip
def test_times(seconds, words):
    assert _time(seconds) == words
