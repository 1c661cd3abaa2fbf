"""Judges of maps (B, C, H, W): images, spectrograms. Patches (Isola et al. 2017) at one or more scales (Wang 2018)."""

from modalities.adversarial.discriminators._judge import Panel
from modalities.adversarial.discriminators._patches import Smaller, patches
from modalities.nn.options import at_least


def maps(channels: int, *, width: int = 32, depth: int = 3, scales: int = 1, classes: int = 0) -> Panel:
    """width: channels of the first layer; depth: halvings, of which each logit sees about 2^(depth+2) pixels a side;
    scales: judges, each at half the size of the one before; classes: labels to project on, 0: none."""
    views = [Smaller(2**i) for i in range(at_least("scales", scales, 1))]
    return Panel([patches(v, channels, rank=2, width=width, depth=depth, classes=classes) for v in views])
