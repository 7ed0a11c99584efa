"""The visualizer as text and as a picture, and what it refuses."""

import io
import re

import numpy as np
import pytest
from drawn_texts import assert_texts_are_apart
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint

import npconformer
from npconformer import AutoModelForCTC
from npconformer.plots import AttentionMaskVisualizer
from npconformer.plots.attention_mask_drawing import KINDS, cells_of, kinds_of, mask_text

NAMES = [name for name, *_ in KINDS]


@pytest.fixture(scope="module", params=MODELS)
def visualizer(request, tmp_path_factory):
    return AttentionMaskVisualizer(save_checkpoint("ForCTC", tmp_path_factory.mktemp("model"), request.param))


class Terminal(io.StringIO):
    """A terminal with an encoding."""

    def __init__(self, encoding="utf-8", is_terminal=True):
        super().__init__()
        self.of_terminal, self.is_terminal = encoding, is_terminal

    @property
    def encoding(self):
        return self.of_terminal

    def isatty(self):
        return self.is_terminal


WAVEFORMS = make_waveforms([5120, 3200], seed=0)


def grid_of(text, frames):
    """The marks of each row."""
    rows = [line[9:].split(" ") for line in text.splitlines() if re.match(r" *\d+\.\d\d  ", line)]
    return rows[-frames:]


def test_every_mark_is_that_of_its_pair(visualizer):
    _, mask = visualizer.masks(WAVEFORMS, padding_mode="reference")
    kinds, frames = kinds_of(mask), len(mask.own)
    grid = grid_of(mask_text(mask, columns=80), frames)
    assert len(grid) == frames <= 16
    assert grid == [[KINDS[kind][1] for kind in row] for row in kinds]
    for i in range(frames):
        for j in range(frames):
            if not (mask.own[i] and mask.own[j]):
                assert NAMES[kinds[i, j]] == ("reads padding" if mask.leaks[i, j] else "padding")
            elif i == j:
                assert NAMES[kinds[i, j]] == "itself"
            else:
                expected = "attention and convolution" if mask.convolves[i, j] else "attention"
                assert NAMES[kinds[i, j]] == expected and mask.attends[i, j]


def test_many_frames_in_few_cells():
    kinds = np.full((10, 10), NAMES.index("attention"))
    kinds[3, 9] = NAMES.index("reads padding")
    cells, size = cells_of(kinds, 4)
    assert size == 3 and cells.shape == (4, 4)
    assert NAMES[cells[1, 3]] == "reads padding" and NAMES[cells[0, 3]] == "attention"
    assert cells_of(kinds, 10)[1] == 1


@pytest.mark.parametrize("columns", [30, 61, 80, 200])
def test_it_fits_the_terminal(visualizer, columns):
    (mask,) = visualizer.masks(make_waveforms([48000], seed=0)[0], chunk_length_s=1)
    text = mask_text(mask, columns)
    marks = [line for line in text.splitlines() if re.match(r" *\d+\.\d\d  ", line)]
    assert max(map(len, marks)) <= columns and "chunks of" in text and "cell is" in text
    ruler = next(line for line in text.splitlines() if "time (s)" in line)
    assert len(ruler) <= columns


def test_colours_where_there_is_a_terminal(visualizer, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    written = {}
    for name, file in {"terminal": Terminal(), "file": Terminal(is_terminal=False), "old": Terminal("ascii")}.items():
        assert visualizer(WAVEFORMS, file=file) is None
        written[name] = file.getvalue()
    plain = re.sub(r"\033\[\d*m", "", written["terminal"])
    assert plain == written["file"] != written["terminal"]
    assert written["old"].isascii() and "O" in written["old"]
    assert plain.startswith(f"attention mask of {visualizer.config.model_type}: ")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    visualizer.visualize_attention_mask(WAVEFORMS, file=terminal)
    assert terminal.getvalue() == plain


def test_standard_output_and_a_picture(visualizer, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    visualizer(WAVEFORMS[0], output=tmp_path / "mask.png")
    assert "itself" in capsys.readouterr().out
    assert (tmp_path / "mask.png").read_bytes().startswith(b"\x89PNG")
    visualizer(WAVEFORMS[0], output=tmp_path / "mask.svg")
    assert b"<svg" in (tmp_path / "mask.svg").read_bytes()


def test_the_picture(visualizer):
    pytest.importorskip("matplotlib")
    figure = visualizer.figure(WAVEFORMS, padding_mode="reference")
    masks = visualizer.masks(WAVEFORMS, padding_mode="reference")
    for axes, mask in zip(figure.axes, masks):
        np.testing.assert_array_equal(axes.images[0].get_array(), kinds_of(mask))
        end = len(mask.own) * 0.02
        assert axes.images[0].get_extent() == pytest.approx([0, end, end, 0])
    assert_texts_are_apart(figure)
    chunked = visualizer.figure(np.tile(WAVEFORMS[0], 5), chunk_length_s=0.6)
    (mask,) = visualizer.masks(np.tile(WAVEFORMS[0], 5), chunk_length_s=0.6)
    borders = [line.get_ydata()[0] for line in chunked.axes[0].lines]
    assert borders == pytest.approx([start * 0.02 for start, _ in mask.kept[1:]]) and len(borders) >= 2


def test_a_loaded_model_says_the_same(visualizer):
    folder = visualizer.name
    model = AutoModelForCTC.from_pretrained(folder)
    other = AttentionMaskVisualizer(model, folder)
    assert other.name == type(model).__name__
    for mask, same in zip(visualizer.masks(WAVEFORMS), other.masks(WAVEFORMS)):
        np.testing.assert_array_equal(kinds_of(mask), kinds_of(same))


def test_weights_are_not_read(tmp_path):
    folder = save_checkpoint("ForCTC", tmp_path)
    (folder / "model.safetensors").unlink()
    visualizer = npconformer.AttentionMaskVisualizer(folder)
    assert len(visualizer.masks(WAVEFORMS)) == 2
    assert all(not any(parameter.data.strides) for parameter in visualizer.model.parameters())  # nor is there room


def test_lists_are_recordings_or_samples(visualizer):
    assert len(visualizer.masks(WAVEFORMS[0].tolist())) == 1
    assert len(visualizer.masks([WAVEFORMS[0]])) == 1


@pytest.mark.parametrize(
    ("recordings", "options", "message"),
    [
        ([], {}, "recordings: expected at least one"),
        (WAVEFORMS, {"padding_mode": "none"}, "padding_mode: expected one of"),
        (WAVEFORMS[0][:100], {}, "recording 0: 100 samples are too short; one frame needs"),
        (WAVEFORMS, {"chunk_length_s": -1}, "chunk_length_s must be a number"),
    ],
)
def test_bad_input(visualizer, recordings, options, message):
    with pytest.raises(ValueError, match=message):
        visualizer.masks(recordings, **options)


def test_bad_models(visualizer, tmp_path):
    with pytest.raises(FileNotFoundError):
        AttentionMaskVisualizer(tmp_path / "none")
    with pytest.raises(TypeError, match="revise: expected revision, token, subfolder"):
        AttentionMaskVisualizer(visualizer.name, revise="main")
    with pytest.raises(ValueError, match="a loaded model needs feature_extractor="):
        AttentionMaskVisualizer(visualizer.model)
    with pytest.raises(ValueError, match="columns: expected at least 30, got 29"):
        mask_text(visualizer.masks(WAVEFORMS[0])[0], 29)
    with pytest.raises(ValueError, match="ax: takes one recording, got 2"):
        visualizer.figure(WAVEFORMS, ax=object())
