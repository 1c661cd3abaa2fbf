"""What a recipe may choose about a U-Net: its sizes, level by level."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Lists have one entry per level, `factors` one per change of level; a single value stands for all of them.

    width: channels of the first level; multipliers: channels of each level, in widths; blocks: residual blocks per
    level and way; attention: levels with self-attention; head_channels: channels of an attention head; patch: positions
    of a side folded into channels; positions: octaves of waves per axis that tell each position where it lies, 0: none;
    factors: shrinkage between levels; kernel: taps of a side; resampling: learned or average; dropout: share of
    activations dropped; checkpoint: recompute activations in the backward pass.
    """

    width: int = 64
    multipliers: Sequence[int] = (1, 2, 2)
    blocks: int | Sequence[int] = 2
    attention: bool | Sequence[bool] = (False, False, True)
    head_channels: int = 32
    patch: int = 1
    positions: int = 0
    factors: int | Sequence[int] = 2
    kernel: int = 3
    resampling: str = "learned"
    dropout: float = 0.0
    checkpoint: bool = False


@dataclass(frozen=True, kw_only=True)
class ClipShape(Shape):
    """temporal_kernel: frames per temporal convolution (odd, 1: none), after every block; temporal_attention: levels
    with attention over time (None: where the spatial one is); temporal_patch: frames folded into channels."""

    temporal_attention: bool | Sequence[bool] | None = None
    temporal_kernel: int = 3
    temporal_patch: int = 1
