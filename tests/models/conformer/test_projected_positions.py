"""What is kept of projected positions is what the projection gives, whatever came before, as long as W is the same."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import npconformer
from npconformer import Tensor, Wav2Vec2ConformerConfig
from npconformer.arrays import threads
from npconformer.arrays.int8_weights import quantize
from npconformer.models.conformer import projected_positions
from npconformer.models.conformer.attention import SelfAttention
from npconformer.models.conformer.positions import BLOCK, RelativePositionalEmbedding, relative_position_table
from npconformer.models.conformer.projected_positions import ProjectedPositions, bits_of
from npconformer.nn import Linear
from npconformer.nn.stored_layers import store

CHANNELS = 16


@pytest.fixture
def linear():
    npconformer.set_seed(0)
    return Linear(CHANNELS, CHANNELS, bias=False)


@pytest.fixture
def embed():
    return RelativePositionalEmbedding(Wav2Vec2ConformerConfig(hidden_size=CHANNELS, num_attention_heads=2))


def positions_of(embed, time, dtype=np.float32):
    return embed(Tensor(np.zeros((1, time, CHANNELS), dtype)))


def direct(linear, time):
    return relative_position_table(time, CHANNELS).astype(np.float64) @ linear.weight.data.astype(np.float64).T


def project(kept, linear, positions):
    with npconformer.no_grad():
        return np.asarray(kept.project(linear, positions))


@pytest.mark.parametrize("lengths", [[5], [5, 3, 64, 65, 200, 7], [130, 1, 64, 500]])
def test_each_recording_gets_its_own_rows(linear, embed, lengths):
    kept = ProjectedPositions()
    for time in lengths:
        rows = project(kept, linear, positions_of(embed, time))
        assert rows.shape == (1, 2 * time - 1, CHANNELS) and rows.dtype == np.float32
        np.testing.assert_allclose(rows, direct(linear, time), atol=1e-6)


def test_bits_depend_neither_on_what_came_before_nor_on_threads(linear, embed, monkeypatch):
    wide = Linear(256, 256, bias=False)
    embed.channels = 256

    def rows(lengths, count):
        monkeypatch.setattr(threads, "_threads", count)
        kept = ProjectedPositions()
        for time in lengths:
            frames = Tensor(np.zeros((1, time, 256), np.float32))
            found = project(kept, wide, embed(frames))
        return found

    expected = rows([300], 1)
    for lengths, count in [([300], 2), ([300], 3), ([10, 70, 300], 1), ([10, 200, 500, 300], 2)]:
        np.testing.assert_array_equal(rows(lengths, count), expected)


def test_the_projection_is_asked_once_for_each_block(linear, embed, monkeypatch):
    kept, asked = ProjectedPositions(), []
    forward = Linear.forward
    monkeypatch.setattr(Linear, "forward", lambda self, x: asked.append(x.shape[1]) or forward(self, x))
    for time, blocks in [(BLOCK, 2), (3, 0), (BLOCK + 1, 2), (BLOCK + 2, 0), (3 * BLOCK, 2)]:
        asked.clear()
        project(kept, linear, positions_of(embed, time))
        assert asked == [BLOCK] * blocks


def one_number(weight):
    weight[3, 4] += 0.01


def rows_swapped(weight):
    weight[[2, 5]] = weight[[5, 2]]


def columns_swapped(weight):
    weight[:, [0, 1]] = weight[:, [1, 0]]


def sign_of_all(weight):
    weight *= -1


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("change", [one_number, rows_swapped, columns_swapped, sign_of_all])
@pytest.mark.parametrize("copied", [0, projected_positions.COPIED])
def test_weights_that_have_changed_in_place_are_noticed(linear, embed, change, order, copied, monkeypatch):
    monkeypatch.setattr(projected_positions, "COPIED", copied)
    kept = ProjectedPositions()
    linear.weight.data = np.array(linear.weight.data, order=order)
    before = project(kept, linear, positions_of(embed, 9)).copy()
    assert kept._kept is not None
    change(linear.weight.data)
    after = project(kept, linear, positions_of(embed, 9))
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(after, project(ProjectedPositions(), linear, positions_of(embed, 9)))


def test_the_last_bit_of_a_number_changes_a_sum(monkeypatch):
    monkeypatch.setattr(projected_positions, "COPIED", 0)
    weight = np.ones((4, 6), np.float32)
    before = bits_of([weight])
    weight[2, 3] = np.nextafter(weight[2, 3], 2)
    changed = [np.flatnonzero(a != b).tolist() for a, b in zip(before, bits_of([weight]))]
    assert changed == [[2], [1]]  # the third row, and the second word of two numbers


def test_another_dtype_is_not_mixed_up(linear, embed):
    kept = ProjectedPositions()
    project(kept, linear, positions_of(embed, 9))
    linear.to("float64")
    rows = project(kept, linear, positions_of(embed, 9, np.float64))
    assert rows.dtype == np.float64
    np.testing.assert_allclose(rows, direct(linear, 9), atol=1e-14)


def test_what_is_too_long_is_foreign_or_recorded_is_projected_each_time(linear, embed, monkeypatch):
    kept = ProjectedPositions()
    recorded = kept.project(linear, positions_of(embed, 9))
    recorded.backward(np.ones(recorded.shape, np.float32))
    assert linear.weight.grad is not None and kept._kept is None
    foreign = np.ones((1, 17, CHANNELS), np.float32)
    np.testing.assert_allclose(project(kept, linear, foreign)[0, 3], linear.weight.data.sum(axis=1), rtol=1e-5)
    monkeypatch.setattr(projected_positions, "MOST", 2 * BLOCK * CHANNELS)
    np.testing.assert_allclose(project(kept, linear, positions_of(embed, 65)), direct(linear, 65), atol=1e-6)
    assert kept._kept is None
    project(kept, linear, positions_of(embed, 64))
    assert kept._kept is not None


def test_the_bits_of_weights_of_any_width_are_summed():
    for array in (np.arange(6, dtype=np.uint16).reshape(2, 3), np.arange(3, dtype=np.int8), np.float32(7)):
        sums = bits_of([np.array(array)])
        assert sum(one.sum() for one in sums) > 0
    assert bits_of([np.zeros((4, 4))[:, ::2]]) is None


def attention():
    npconformer.set_seed(0)
    config = Wav2Vec2ConformerConfig(hidden_size=CHANNELS, num_attention_heads=2, position_embeddings_type="relative")
    return SelfAttention(config, CHANNELS, "relative").eval()


def test_a_hook_sees_every_recording(embed):
    layer, seen, frames = attention(), [], Tensor(np.zeros((1, 9, CHANNELS), np.float32))
    layer.linear_pos.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    with npconformer.no_grad():
        for _ in range(2):
            layer(frames, positions=embed(frames))
    assert seen == [(1, 17, CHANNELS)] * 2


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "int8"])
def test_stored_weights_are_kept_too(embed, kind):
    layer, frames = attention(), Tensor(np.zeros((1, 9, CHANNELS), np.float32))
    weight = layer.linear_pos.weight.data
    arrays = {
        "float16": {"": weight.astype(np.float16)},
        "bfloat16": {"": (weight.view(np.uint32) >> 16).astype(np.uint16)},
        "int8": quantize(weight).arrays,
    }
    store(layer, "linear_pos", kind, arrays[kind], "linear_pos.weight")
    with npconformer.no_grad():
        rows = layer.project_positions(embed(frames))
        np.testing.assert_allclose(rows, layer.linear_pos(np.array(embed(frames))).data, atol=1e-6)
    assert layer.projected._kept is not None


def test_other_threads_record_nothing_either(embed, monkeypatch):
    def in_another_thread(work, parts, count):
        with ThreadPoolExecutor(1) as thread:
            list(thread.map(work, range(parts)))

    layer, frames = attention(), Tensor(np.zeros((1, 9, CHANNELS), np.float32))
    store(layer, "linear_pos", "float16", {"": layer.linear_pos.weight.data.astype(np.float16)}, "linear_pos.weight")
    monkeypatch.setattr(projected_positions.pool, "share", in_another_thread)
    layer.train()
    with npconformer.no_grad():  # where gradients are recorded, a stored weight refuses to be trained
        assert layer.project_positions(embed(frames)).shape == (1, 17, CHANNELS)


def test_nothing_that_is_kept_is_saved_or_counted():
    layer = attention()
    with npconformer.no_grad():
        embed = RelativePositionalEmbedding(Wav2Vec2ConformerConfig(hidden_size=CHANNELS, num_attention_heads=2))
        frames = Tensor(np.zeros((1, 9, CHANNELS), np.float32))
        before = sorted(layer.state_dict())
        layer(frames, positions=embed(frames))
    assert sorted(layer.state_dict()) == before and layer.projected._kept is not None
