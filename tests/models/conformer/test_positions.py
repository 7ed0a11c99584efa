"""Position tables against the formulas, written out with Python's own arithmetic."""

import math

import numpy as np
import pytest

from npconformer import Tensor, Wav2Vec2ConformerConfig
from npconformer.models.conformer.positions import (
    BLOCK,
    RelativePositionalEmbedding,
    RotaryPositionalEmbedding,
    relative_position_table,
    table_of,
)


def test_relative_table_runs_from_the_farthest_past_to_the_farthest_future():
    time, channels = 5, 6
    table = relative_position_table(time, channels)
    assert table.shape == (1, 9, 6) and table.dtype == np.float32
    for row, distance in enumerate(range(time - 1, -time, -1)):
        for channel in range(channels):
            angle = distance * 10000 ** (-2 * (channel // 2) / channels)
            expected = math.cos(angle) if channel % 2 else math.sin(angle)
            assert table[0, row, channel] == pytest.approx(expected, abs=1e-6)


def test_relative_embedding_gives_the_middle_of_the_longest_table():
    embed = RelativePositionalEmbedding(Wav2Vec2ConformerConfig(hidden_size=16, num_attention_heads=2))
    long, short = Tensor(np.zeros((1, 70, 16), np.float32)), Tensor(np.zeros((1, 4, 16), np.float32))
    first = embed(short)
    np.testing.assert_array_equal(embed(long), relative_position_table(70, 16))
    again = embed(short)
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(again, relative_position_table(4, 16))
    assert np.shares_memory(again, embed(long)) and not np.shares_memory(again, first)
    assert embed(Tensor(np.zeros((1, 4, 16)))).dtype == np.float64


def test_only_the_middle_of_an_own_table_is_known_as_such():
    embed = RelativePositionalEmbedding(Wav2Vec2ConformerConfig(hidden_size=16, num_attention_heads=2))
    positions = embed(Tensor(np.zeros((1, 5, 16), np.float32)))
    assert table_of(positions) is positions.base and positions.base.shape == (1, 2 * BLOCK, 16)
    with pytest.raises(ValueError, match="read-only"):
        positions[:] = 0
    assert table_of(positions[:, 1:-1]) is positions.base  # of 4 frames
    for other in (
        positions[:, 1:],
        positions[:, 2:],
        positions[:, 2:-1],
        positions[:, ::-1],
        positions[..., :8],
        positions.copy(),
    ):
        assert table_of(other) is None
    assert table_of(np.zeros((1, 10, 16), np.float32)[:, :9]) is None
    assert table_of([1.0]) is None


@pytest.mark.parametrize("kind", [RelativePositionalEmbedding, RotaryPositionalEmbedding])
def test_a_thread_with_a_recording_of_another_length_changes_nothing(kind):
    class Overtaken:
        """Another thread leaves its table as soon as this one has left its own."""

        found = property(lambda self: (None, "another's"), lambda self, value: None)

    config = Wav2Vec2ConformerConfig(hidden_size=16, num_attention_heads=2)
    frames = Tensor(np.zeros((1, 5, 16), np.float32))
    embed = kind(config)
    embed.latest = Overtaken()
    np.testing.assert_array_equal(embed(frames), kind(config)(frames))


@pytest.mark.parametrize("base", [10000, 10])
def test_rotary_angles(base):
    config = Wav2Vec2ConformerConfig(
        hidden_size=16, num_attention_heads=2, position_embeddings_type="rotary", rotary_embedding_base=base
    )
    cos, sin = RotaryPositionalEmbedding(config)(Tensor(np.zeros((1, 7, 16), np.float32)))
    angles = np.array([[t * base ** (-2 * i / 8) for i in range(4)] for t in range(7)])
    np.testing.assert_allclose(cos, np.cos(angles), atol=2e-6)
    np.testing.assert_allclose(sin, np.sin(angles), atol=2e-6)
    assert cos.dtype == sin.dtype == np.float32


def test_rotary_frequencies_of_the_checkpoint_are_used():
    config = Wav2Vec2ConformerConfig(
        hidden_size=4, num_attention_heads=1, position_embeddings_type="rotary", num_conv_pos_embedding_groups=1
    )
    embed = RotaryPositionalEmbedding(config)
    embed(Tensor(np.zeros((1, 3, 4))))
    embed.set_buffer("inv_freq", np.array([1.0, 0.5]))
    cos, _ = embed(Tensor(np.zeros((1, 3, 4))))
    np.testing.assert_allclose(cos, np.cos([[0, 0], [1, 0.5], [2, 1]]), rtol=1e-12)
