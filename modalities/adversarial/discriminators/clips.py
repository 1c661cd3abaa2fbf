"""Judges of clips (B, C, T, H, W): one of single frames, one of motion (Clark et al. 2019, here on all frames).

The first sees how a frame looks and not the others; the second sees 2^(motion_depth+2) frames in patches of clips.
"""

from modalities.adversarial.discriminators._judge import Panel
from modalities.adversarial.discriminators._patches import frames, patches, whole


def clips(
    channels: int, *, width: int = 16, depth: int = 3, motion_width: int = 8, motion_depth: int = 2, classes: int = 0
) -> Panel:
    """width and depth of the judge of frames, motion_width and motion_depth of that of motion; classes as for maps."""
    looks = patches(frames, channels, rank=2, width=width, depth=depth, classes=classes)
    moves = patches(whole, channels, rank=3, width=motion_width, depth=motion_depth, classes=classes)
    return Panel([looks, moves])
