"""What makes a U-Net on frames one on clips: mixing along time, which starts as the identity.

    x + keep * conv_t(silu(norm(x)))               convolution along time
    x + keep * W_o softmax(q k^T / sqrt(d)) v      attention over the frames, rotary positions (Su 2021)

Maps are (B*T, C, H, W), the frames of a clip one after the other. `keep` (B,) is 0 for a batch entry whose frames are
independent stills, else 1. conv_t and W_o start at zero (as in Ho 2022 and Blattmann 2023): at the start, and always
for stills and for clips of one frame, the network is the image network on each frame.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.nn.attention import heads_of
from modalities.nn.convolution import linear
from modalities.nn.norm import Norm, normalise


class Clip(NamedTuple):
    frames: int  # T
    keep: Tensor | None  # (B,), None: mix all


def rotate(x: Tensor, base: float = 100.0) -> Tensor:
    """Rotary positions: pairs (2i, 2i+1) of (..., T, d) turned by the frame's number times base^(-2i/d)."""
    T, d = x.shape[-2:]
    exponent = torch.arange(0, d, 2, device=x.device) / d
    angle = torch.arange(T, device=x.device)[:, None] * torch.exp(-math.log(base) * exponent)
    cos, sin = angle.cos(), angle.sin()  # (T, d/2)
    a, b = x.float().unflatten(-1, (d // 2, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2).to(x.dtype)


class TemporalConv(nn.Module):
    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.norm = Norm(channels)
        self.taps = linear(kernel * channels, channels, zero=True)  # one matrix product: 3 times a (k, 1) convolution

    def forward(self, x: Tensor, clip: Clip) -> Tensor:
        N, C, H, W = x.shape
        y = functional.silu(self.norm(x)).permute(0, 2, 3, 1)  # no copy where x is channels-last
        y = y.reshape(N // clip.frames, clip.frames, H * W, C)  # axes: B T position C
        y = functional.pad(y, (0, 0, 0, 0, self.kernel // 2, self.kernel // 2))  # zero frames before and after
        y = torch.cat([y[:, j : j + clip.frames] for j in range(self.kernel)], dim=-1)
        y = self.taps(y).reshape(N, H, W, C)
        return add_kept(x, y.permute(0, 3, 1, 2), clip)


class TemporalAttention(nn.Module):
    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.heads = heads_of(channels, head_channels)
        self.norm = Norm(channels)
        self.qkv = linear(channels, 3 * channels)
        self.gain = nn.Parameter(torch.ones(channels // self.heads))
        self.out = linear(channels, channels, zero=True)

    def forward(self, x: Tensor, clip: Clip) -> Tensor:
        N, C, H, W = x.shape
        B, T = N // clip.frames, clip.frames
        qkv = self.qkv(self.norm(x).permute(0, 2, 3, 1))
        qkv = qkv.view(B, T, H * W, 3, self.heads, -1).permute(3, 0, 2, 4, 1, 5).flatten(1, 2)
        q, k, v = qkv.unbind(0)  # axes: B*position head T d
        q, k = rotate(normalise(q, self.gain)), rotate(normalise(k))
        y = functional.scaled_dot_product_attention(q, k, v)
        y = y.unflatten(0, (B, H * W)).permute(0, 3, 1, 2, 4).reshape(N, H, W, C)  # axes: B T position head d
        return add_kept(x, self.out(y).permute(0, 3, 1, 2), clip)


class Temporal(nn.Module):
    """The temporal layers after one block: convolution (kernel 1: none), attention where asked for."""

    def __init__(self, channels: int, *, kernel: int, attention: bool, head_channels: int) -> None:
        super().__init__()
        self.conv = TemporalConv(channels, kernel) if kernel > 1 else None
        self.attention = TemporalAttention(channels, head_channels) if attention else None

    def forward(self, x: Tensor, clip: Clip) -> Tensor:
        if clip.frames == 1:
            return x
        if self.conv is not None:
            x = self.conv(x, clip)
        return x if self.attention is None else self.attention(x, clip)


def add_kept(x: Tensor, y: Tensor, clip: Clip) -> Tensor:
    """x + keep * y: an entry with keep 0 comes out bit for bit as it went in."""
    if clip.keep is None:
        return x + y
    keep = clip.keep.to(y.dtype).repeat_interleave(clip.frames)[:, None, None, None]
    return torch.addcmul(x, keep, y)
