"""Prints the text of recordings of 16 kHz: `python nemo_torch.py FOLDER RECORDING ...`, with torch and nothing of ours.

A plain program of NeMo's Conformer-CTC, as one writes it with torch's layers: mel features by torch.stft, nn.Conv2d,
nn.Linear, nn.Conv1d, nn.BatchNorm1d, attention with relative positions by the shift of a table; float32, one utterance
at a time, under inference_mode. FOLDER holds the arrays under NeMo's names, model.safetensors, and tokens.txt.

Letters: T mel frames, T' encoder frames, J mel bands, C width, H heads, D = C / H.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

BANDS, WIDTH, HEADS, INNER, KERNEL, BLOCKS, CHANNELS = 80, 176, 4, 704, 31, 16, 176
RATE, HOP, WINDOW, POINTS = 16000, 160, 400, 512


def mel_filters() -> torch.Tensor:
    """(J, 257): Slaney's triangles of one area between 0 and 8,000 Hz."""
    step = math.log(6.4) / 27
    top = 15 + math.log(RATE / 2 / 1000) / step
    mel = torch.linspace(0, top, BANDS + 2, dtype=torch.float64)
    edges = torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp(step * (mel - 15)))
    bins = torch.linspace(0, RATE / 2, POINTS // 2 + 1, dtype=torch.float64)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return (torch.minimum(rising, falling).clamp(min=0) * area[:, None]).float()


class MelFeatures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False), persistent=False)
        self.register_buffer("filters", mel_filters(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N,) -> (T, J)"""
        x = torch.cat([x[:1], x[1:] - 0.97 * x[:-1]])
        spectrum = torch.stft(x, POINTS, HOP, WINDOW, self.window, center=True, pad_mode="reflect", return_complex=True)
        mel = torch.log(self.filters @ spectrum.abs().square() + 2.0**-24)  # (J, T)
        deviation = mel.std(dim=1, keepdim=True) + 1e-5
        return ((mel - mel.mean(dim=1, keepdim=True)) / deviation).T


class Subsampling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, CHANNELS, 3, 2, 1), nn.ReLU(), nn.Conv2d(CHANNELS, CHANNELS, 3, 2, 1), nn.ReLU()
        )
        self.out = nn.Linear(CHANNELS * BANDS // 4, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(1, T, J) -> (1, T', C)"""
        x = self.conv(x[:, None])  # (1, channels, T', J / 4)
        return self.out(x.transpose(1, 2).flatten(2))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.linear_pos = nn.Linear(WIDTH, WIDTH, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(HEADS, WIDTH // HEADS))
        self.pos_bias_v = nn.Parameter(torch.zeros(HEADS, WIDTH // HEADS))

    def forward(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """(1, T', C), (1, 2 T' - 1, C) -> (1, T', C)"""
        query, key, value = (
            layer(x).unflatten(-1, (HEADS, -1)) for layer in (self.linear_q, self.linear_k, self.linear_v)
        )  # (1, T', H, D)
        places = self.linear_pos(positions).unflatten(-1, (HEADS, -1)).permute(0, 2, 3, 1)  # (1, H, D, 2 T' - 1)
        content = (query + self.pos_bias_u).transpose(1, 2) @ key.permute(0, 2, 3, 1)  # (1, H, T', T')
        position = shift((query + self.pos_bias_v).transpose(1, 2) @ places)[..., : x.shape[1]]
        weights = torch.softmax((content + position) / math.sqrt(WIDTH // HEADS), dim=-1)
        return self.linear_out((weights @ value.transpose(1, 2)).transpose(1, 2).flatten(2))


def shift(scores: torch.Tensor) -> torch.Tensor:
    """(1, H, T', 2 T' - 1), by distance -> the same, row i moved to the left by T' - 1 - i: by key."""
    batch, heads, time, places = scores.shape
    padded = F.pad(scores, (1, 0)).view(batch, heads, places + 1, time)
    return padded[:, :, 1:].reshape(batch, heads, time, places)


def sinusoids(time: int) -> torch.Tensor:
    """(1, 2 T' - 1, C): of distances from T' - 1 to 1 - T'."""
    distances = torch.arange(time - 1, -time, -1.0)[:, None]
    angles = distances * torch.exp(torch.arange(0, WIDTH, 2.0) * -(math.log(10000.0) / WIDTH))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[None]


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pointwise_conv1 = nn.Conv1d(WIDTH, 2 * WIDTH, 1)
        self.depthwise_conv = nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2, groups=WIDTH)
        self.batch_norm = nn.BatchNorm1d(WIDTH)
        self.pointwise_conv2 = nn.Conv1d(WIDTH, WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.glu(self.pointwise_conv1(x.transpose(1, 2)), dim=1)  # (1, C, T')
        x = F.silu(self.batch_norm(self.depthwise_conv(x)))
        return self.pointwise_conv2(x).transpose(1, 2)


class FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear2(F.silu(self.linear1(x)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_feed_forward1, self.feed_forward1 = nn.LayerNorm(WIDTH), FeedForward()
        self.norm_self_att, self.self_attn = nn.LayerNorm(WIDTH), Attention()
        self.norm_conv, self.conv = nn.LayerNorm(WIDTH), Convolution()
        self.norm_feed_forward2, self.feed_forward2 = nn.LayerNorm(WIDTH), FeedForward()
        self.norm_out = nn.LayerNorm(WIDTH)

    def forward(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        x = x + 0.5 * self.feed_forward1(self.norm_feed_forward1(x))
        x = x + self.self_attn(self.norm_self_att(x), positions)
        x = x + self.conv(self.norm_conv(x))
        x = x + 0.5 * self.feed_forward2(self.norm_feed_forward2(x))
        return self.norm_out(x)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pre_encode = Subsampling()
        self.layers = nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pre_encode(x) * math.sqrt(WIDTH)
        positions = sinusoids(x.shape[1])
        for layer in self.layers:
            x = layer(x, positions)
        return x


class Decoder(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.decoder_layers = nn.Sequential(nn.Conv1d(WIDTH, classes, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder_layers(x.transpose(1, 2)).transpose(1, 2)


class Recogniser(nn.Module):
    """Samples to text. The last class is the blank; a piece of `tokens` that begins with ▁ begins a word."""

    def __init__(self, pieces: list[str]) -> None:
        super().__init__()
        self.pieces, self.features = pieces, MelFeatures()
        self.encoder, self.decoder = Encoder(), Decoder(len(pieces) + 1)

    @classmethod
    def from_folder(cls, folder: str | Path) -> Recogniser:
        from safetensors.torch import load_file

        lines = Path(folder, "tokens.txt").read_text(encoding="utf-8").splitlines()
        arrays = load_file(Path(folder, "model.safetensors"))
        classes = len(arrays["decoder.decoder_layers.0.bias"])
        model = cls([line.split(" ")[0] for line in lines][: classes - 1])
        missing, unexpected = model.load_state_dict(arrays, strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or unexpected:
            raise ValueError(f"{folder}: missing {missing[:3]}, unexpected {unexpected[:3]}")
        return model.eval()

    @torch.inference_mode()
    def recognise(self, samples: torch.Tensor) -> str:
        """(N,) float32 -> text, by the most probable class of each frame."""
        best = self.decoder(self.encoder(self.features(samples)[None]))[0].argmax(dim=-1)
        labels = [label for label in torch.unique_consecutive(best).tolist() if label < len(self.pieces)]
        return "".join(self.pieces[label] for label in labels).replace("▁", " ").strip()


if __name__ == "__main__":
    import soundfile

    model = Recogniser.from_folder(sys.argv[1])
    for path in sys.argv[2:]:
        audio, _ = soundfile.read(path, dtype="float32")
        print(model.recognise(torch.from_numpy(audio)))
