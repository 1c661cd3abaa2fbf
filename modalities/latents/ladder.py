"""One half of an autoencoder: residual blocks level by level, shrinking on the way down, growing on the way up.

Maps are (B*T, C, H, W), the frames of a clip one after the other, T = 1 where there is no time. Between levels a window
of t frames of h x w positions becomes one position, as a strided convolution over t * C channels; up is the transpose.
"""

import enum

from torch import Tensor, nn

from modalities.latents.shape import AutoencoderShape
from modalities.nn.attention import Attention
from modalities.nn.layout import square
from modalities.nn.resampling import learned_down, learned_up
from modalities.nn.residual import Residual
from modalities.nn.temporal import Clip, Temporal


class Way(enum.Enum):
    DOWN = "down"
    UP = "up"


class Rung(nn.Module):
    """A residual block, attention and mixing along time where asked for."""

    def __init__(self, residual: Residual, attention: Attention | None, temporal: Temporal | None) -> None:
        super().__init__()
        self.residual, self.attention, self.temporal = residual, attention, temporal

    def forward(self, x: Tensor, condition: Tensor, frames: int) -> Tensor:
        x = self.residual(x, condition.repeat_interleave(frames, dim=0))
        if self.attention is not None:
            x = self.attention(x)
        return x if self.temporal is None else self.temporal(x, Clip(frames, None))


class Ladder(nn.Module):
    """`forward(maps (B*T, C, H, W), condition (B, condition), T) -> (maps (B*T', C', H', W'), T')`."""

    def __init__(self, shape: AutoencoderShape, *, rank: int, condition: int, way: Way) -> None:
        super().__init__()
        self.way, self.steps = way, shape.steps(rank)
        channels, taps, last = shape.channels, square(shape.kernel, rank), len(shape.multipliers) - 1

        def rung(level: int) -> Rung:
            C = channels[level]
            attend = shape.attention and level == last
            return Rung(
                Residual(C, C, condition, kernel=taps, dropout=0.0),
                Attention(C, shape.head_channels) if attend else None,
                Temporal(C, kernel=shape.temporal_kernel, attention=False, head_channels=shape.head_channels)
                if rank == 3 and shape.temporal_kernel > 1
                else None,
            )

        self.levels = nn.ModuleList(
            nn.ModuleList(rung(level) for _ in range(count)) for level, count in enumerate(shape.depth)
        )
        self.between = nn.ModuleList(
            learned_down(t * channels[i], channels[i + 1], f)
            if way is Way.DOWN
            else learned_up(channels[i + 1], t * channels[i], f)
            for i, (f, t) in enumerate(self.steps)
        )

    def forward(self, x: Tensor, condition: Tensor, frames: int) -> tuple[Tensor, int]:
        order = range(len(self.levels)) if self.way is Way.DOWN else range(len(self.levels) - 1, -1, -1)
        for level in order:
            for rung in self.levels[level]:  # type: ignore[attr-defined]
                x = rung(x, condition, frames)
            if self.way is Way.DOWN and level < len(self.steps):
                t = self.steps[level][1]
                x, frames = self.between[level](x.unflatten(0, (-1, t)).flatten(1, 2)), frames // t
            elif self.way is Way.UP and level > 0:
                t = self.steps[level - 1][1]
                x, frames = self.between[level - 1](x).unflatten(1, (t, -1)).flatten(0, 1), frames * t
        return x, frames
