"""NeMo's Conformer-CTC as a plain torch program, under NeMo's names: written from the facts, for comparison only.

Nothing of the package is used. Convolutions over time have their channels first, distances are looked up one by one,
and utterances are run one after the other, so that no padding exists.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (nn.Linear(width, width) for _ in range(4))
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(T, C) -> (T, C)"""
        time, width = x.shape
        query, key, value = (
            layer(x).view(time, self.heads, -1) for layer in (self.linear_q, self.linear_k, self.linear_v)
        )
        distances = torch.arange(time)[:, None] - torch.arange(time)  # query minus key
        table = sinusoids(distances.flatten(), width).to(x.dtype)
        places = self.linear_pos(table).view(time, time, self.heads, -1)
        content = torch.einsum("ihd,jhd->hij", query + self.pos_bias_u, key)
        position = torch.einsum("ihd,ijhd->hij", query + self.pos_bias_v, places)
        weights = torch.softmax((content + position) / math.sqrt(width / self.heads), dim=-1)
        return self.linear_out(torch.einsum("hij,jhd->ihd", weights, value).reshape(time, width))


def sinusoids(distances: torch.Tensor, width: int) -> torch.Tensor:
    """(N,) -> (N, C): sines at even channels, cosines at odd ones; in float32, as NeMo's table."""
    frequencies = torch.exp(torch.arange(0, width, 2).float() * -(math.log(10000.0) / width))
    angles = distances[:, None].float() * frequencies
    table = torch.stack([torch.sin(angles.double()), torch.cos(angles.double())], dim=-1).flatten(1)
    return table.float()


class Convolution(nn.Module):
    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.pointwise_conv1 = nn.Conv1d(width, 2 * width, 1)
        self.depthwise_conv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.batch_norm = nn.BatchNorm1d(width)
        self.pointwise_conv2 = nn.Conv1d(width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.glu(self.pointwise_conv1(x.T[None]), dim=1)
        return self.pointwise_conv2(F.silu(self.batch_norm(self.depthwise_conv(x))))[0].T


class FeedForward(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear2(F.silu(self.linear1(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, inner: int, kernel: int) -> None:
        super().__init__()
        self.norm_feed_forward1, self.feed_forward1 = nn.LayerNorm(width), FeedForward(width, inner)
        self.norm_self_att, self.self_attn = nn.LayerNorm(width), Attention(width, heads)
        self.norm_conv, self.conv = nn.LayerNorm(width), Convolution(width, kernel)
        self.norm_feed_forward2, self.feed_forward2 = nn.LayerNorm(width), FeedForward(width, inner)
        self.norm_out = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.feed_forward1(self.norm_feed_forward1(x)) / 2
        x = x + self.self_attn(self.norm_self_att(x))
        x = x + self.conv(self.norm_conv(x))
        x = x + self.feed_forward2(self.norm_feed_forward2(x)) / 2
        return self.norm_out(x)


class Subsampling(nn.Module):
    def __init__(self, kind: str, bands: int, channels: int, width: int, halvings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(halvings):
            before = channels if index else 1
            if kind == "vggnet":
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
                layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2, ceil_mode=True)]
            elif kind == "dw_striding" and index:
                layers += [nn.Conv2d(channels, channels, 3, 2, 1, groups=channels), nn.Conv2d(channels, channels, 1)]
                layers += [nn.ReLU()]
            else:
                layers += [nn.Conv2d(before, channels, 3, 2, 1), nn.ReLU()]
            bands = (bands - 1) // 2 + 1
        self.conv = nn.Sequential(*layers)
        self.out = nn.Linear(channels * bands, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(T, J) -> (T', C)"""
        x = self.conv(x[None, None])[0]  # (channels, T', bands)
        return self.out(x.transpose(0, 1).flatten(1))


class Encoder(nn.Module):
    def __init__(self, sizes: dict[str, int], kind: str) -> None:
        super().__init__()
        width = sizes["hidden_size"]
        halvings = sizes["subsampling_factor"].bit_length() - 1
        self.pre_encode = Subsampling(kind, sizes["num_mel_bins"], sizes["subsampling_conv_channels"], width, halvings)
        of_block = (sizes["num_attention_heads"], sizes["intermediate_size"], sizes["conv_depthwise_kernel_size"])
        self.layers = nn.ModuleList(Block(width, *of_block) for _ in range(sizes["num_hidden_layers"]))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(T, J) -> the input of the first block, and what each block gives, (T', C) each."""
        x = self.pre_encode(x)
        states = [x * math.sqrt(x.shape[1])]
        for layer in self.layers:
            states.append(layer(states[-1]))
        return states


class Decoder(nn.Module):
    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.decoder_layers = nn.Sequential(nn.Conv1d(width, classes, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder_layers(x.T[None])[0].T


class Recogniser(nn.Module):
    """Features (T, J) of one utterance to the states of the encoder and the logits (T', V)."""

    def __init__(self, sizes: dict[str, int], kind: str = "striding") -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(sizes, kind), Decoder(sizes["hidden_size"], sizes["vocab_size"])

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        states = self.encoder(x)
        return states, self.decoder(states[-1])
