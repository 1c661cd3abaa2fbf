"""The U-Net (Ronneberger 2015; Ho 2020) on maps (N, C, H, W): one skeleton for pixels, spectrograms, waveforms, frames.

    fold -> stem -> [blocks, down] per level -> [up, blocks] per level -> norm, silu, head (zero at the start) -> unfold

Level i has width * multipliers[i] channels and `blocks[i]` residual blocks on the way down and as many on the way up;
each of these takes the result of its partner on the way down beside its own input. Between levels the maps shrink by
`factors[i]`, and `patch` folds that many pixels a side into channels before anything else. Maps that no product of
these divides are padded with zeros inside and cropped again. Where the network attends to tokens, the levels with
attention do so after it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint as recompute

from modalities.nn.attention import Attention
from modalities.nn.concat import Beside
from modalities.nn.convolution import conv
from modalities.nn.cross_attention import CrossAttention, Tokens
from modalities.nn.layout import Size, fold, pad_to, square, unfold
from modalities.nn.norm import Norm
from modalities.nn.options import at_least, odd, one_of, per_level
from modalities.nn.positions import Positions
from modalities.nn.resampling import RESAMPLINGS
from modalities.nn.residual import Residual
from modalities.nn.shape import Shape

Extra = Callable[[int, int], nn.Module | None]  # (channels, level) -> a module (x, context) -> x after each block

NOTHING = Beside()


class Layer(nn.Module):
    """Residual block, attention where asked for, and what a modality adds (a clip's temporal layers)."""

    def __init__(
        self,
        residual: Residual,
        attention: Attention | None,
        cross: CrossAttention | None,
        extra: nn.Module | None,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.attention = attention
        self.cross = cross
        self.extra = extra

    def forward(self, x: Tensor, skip: Tensor | None, condition: Tensor, context: Any, tokens: Tokens | None) -> Tensor:
        x = self.residual(x if skip is None else torch.cat([x, skip], dim=1), condition)
        if self.attention is not None:
            x = self.attention(x)
        if self.cross is not None and tokens is not None:
            x = self.cross(x, tokens)
        return x if self.extra is None else self.extra(x, context)


class UNet(nn.Module):
    """`forward(x (N, in_channels, H, W), condition (N, condition)) -> (N, out_channels, H, W)`.

    rank 1: kernels, factors and patch act along the width alone. `tokens`: channels of the tokens that it attends to,
    0: none; `folded` and `coarse`: channels of the signals beside x, see `concat`. ValueError where the lists of
    `shape` do not fit each other, or where there are tokens and no level with attention.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        rank: int,
        in_channels: int,
        out_channels: int,
        condition: int,
        tokens: int = 0,
        folded: int = 0,
        coarse: int = 0,
        extra: Extra | None = None,
    ) -> None:
        super().__init__()
        levels = at_least("the number of levels (multipliers)", len(shape.multipliers), 1)
        width = at_least("width", shape.width, 1)
        channels = [width * m for m in per_level("multipliers", shape.multipliers, levels, 1)]
        depth = per_level("blocks", shape.blocks, levels, 1)
        attend = per_level("attention", shape.attention, levels)
        if tokens and not any(attend):
            raise ValueError("a condition enters by attention, but network.attention is false at every level")
        steps = [square(f, rank) for f in per_level("factors", shape.factors, levels - 1, 1)]
        taps = square(odd("kernel", shape.kernel), rank)
        down, up = one_of("resampling", shape.resampling, RESAMPLINGS)
        self.checkpoint = shape.checkpoint
        self.patch: Size = square(at_least("patch", shape.patch, 1), rank)
        self.multiple: Size = self.patch
        for f in steps:
            self.multiple = (self.multiple[0] * f[0], self.multiple[1] * f[1])

        def layers(level: int, inputs: int) -> nn.ModuleList:
            C = channels[level]
            return nn.ModuleList(
                Layer(
                    Residual(inputs, C, condition, kernel=taps, dropout=shape.dropout),
                    Attention(C, shape.head_channels) if attend[level] else None,
                    CrossAttention(C, shape.head_channels, tokens) if attend[level] and tokens else None,
                    extra(C, level) if extra is not None else None,
                )
                for _ in range(depth[level])
            )

        area = self.patch[0] * self.patch[1]
        self.stem = conv((in_channels + folded) * area + coarse, channels[0], taps)
        octaves = at_least("positions", shape.positions, 0)
        self.positions = Positions(channels[0], octaves) if octaves else None
        self.encoder = nn.ModuleList(layers(i, channels[i]) for i in range(levels))
        self.down = nn.ModuleList(down(channels[i], channels[i + 1], f) for i, f in enumerate(steps))
        self.up = nn.ModuleList(up(channels[i + 1], channels[i], f) for i, f in enumerate(steps))
        self.decoder = nn.ModuleList(layers(i, 2 * channels[i]) for i in range(levels))
        self.norm = Norm(channels[0])
        self.head = conv(channels[0], out_channels * area, taps, zero=True)

    def forward(
        self,
        x: Tensor,
        condition: Tensor,
        context: Any = None,
        tokens: Tokens | None = None,
        signals: Beside = NOTHING,
    ) -> Tensor:
        H, W = x.shape[-2:]
        x = self.stem(self._input(x, signals))
        if self.positions is not None:
            x = self.positions(x)
        skips = []
        for i, layers in enumerate(self.encoder):
            for layer in layers:  # type: ignore[attr-defined]
                x = self._run(layer, x, None, condition, context, tokens)
                skips.append(x)
            if i < len(self.down):
                x = self.down[i](x)
        for i, layers in reversed(list(enumerate(self.decoder))):
            for layer in layers:  # type: ignore[attr-defined]
                x = self._run(layer, x, skips.pop(), condition, context, tokens)
            if i > 0:
                x = self.up[i - 1](x)
        return unfold(self.head(functional.silu(self.norm(x))), self.patch)[..., :H, :W]

    def _input(self, x: Tensor, signals: Beside) -> Tensor:
        """x and its signals, padded and folded: (N, channels of the stem, h, w)."""
        if signals.folded is not None:
            x = torch.cat([x, signals.folded], dim=1)
        x = fold(pad_to(x, self.multiple), self.patch)
        if signals.coarse is None:
            return x
        down, right = x.shape[-2] - signals.coarse.shape[-2], x.shape[-1] - signals.coarse.shape[-1]
        return torch.cat([x, functional.pad(signals.coarse, (0, right, 0, down))], dim=1)

    def _run(self, layer: nn.Module, x: Tensor, skip: Tensor | None, *given: Any) -> Tensor:
        if self.checkpoint and self.training:
            return recompute(layer, x, skip, *given, use_reentrant=False)
        return layer(x, skip, *given)
