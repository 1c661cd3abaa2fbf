"""One file per kind of x: a function of the file's name makes a `Panel` of judges for it.

    panel = make_discriminator("maps", channels, classes=10)
    panel(x (B, C, *size), label (B,)) -> [logits (B, positions), ...]         panel.verdict(x, label) adds the features

They are fully convolutional: any size of x. Layers are spectrally normalised (Miyato et al. 2018), so that logits stay
bounded without statistics of a batch. With `classes` a label enters by projection (Miyato & Koyama 2018).
"""

from collections.abc import Sequence
from typing import Any

from core import discover
from modalities.adversarial.discriminators._judge import Panel, Verdict

__all__ = ["Panel", "Verdict", "kind_of", "make_discriminator"]


def make_discriminator(kind: str, channels: int, **options: Any) -> Panel:
    """The discriminator for `maps` (B, C, H, W), `waveforms` (B, C, T) or `clips` (B, C, T, H, W).

    Raises ValueError for another kind, an unknown option or a value out of range.
    """
    return discover.build("modalities.adversarial.discriminators", kind, options)(channels)


def kind_of(event_shape: Sequence[int]) -> str:
    """The kind that fits an event (C, *size): one, two or three axes beside the channels."""
    kinds = {1: "waveforms", 2: "maps", 3: "clips"}
    rank = len(event_shape) - 1
    if rank not in kinds:
        raise ValueError(f"an event of shape {tuple(event_shape)} has {rank} axes beside its channels; allowed: 1 to 3")
    return kinds[rank]
