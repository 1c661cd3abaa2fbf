"""A task that every data set has, labels or not: to tell what was done to an example.

    as it is · noise · blur · halves swapped              pictures and spectrograms (of sounds: in time)
    as it is · noise · blur · frames shuffled · frames held    clips

A network that learns labels alone becomes blind to what does not change them: noise, blur, the order of frames. Those
are what samples go wrong by. Telling damages apart (in the spirit of Gidaris et al. 2018, who tell rotations apart)
keeps them visible in the features, at strengths down to what can just be seen.
"""

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d

KINDS = {2: ("as it is", "noise", "blur", "halves swapped"), 3: ("as it is", "noise", "blur", "shuffled", "held")}
"""By rank of the map."""

NOISE = (0.05, 0.6)
"""Range of the standard deviation, in map units."""


def damage(x: Tensor, kinds: Tensor, generator: torch.Generator) -> Tensor:
    """Maps (B, C, *axes), row i damaged by number kinds[i] (B,) of `KINDS[rank]`; strengths from the generator."""
    out = x.clone()
    strength = torch.rand(len(x), generator=generator).view(-1, *[1] * (x.ndim - 1))
    for kind, name in enumerate(KINDS[x.ndim - 2]):
        at = (kinds == kind).nonzero().flatten()
        if len(at) and kind:
            out[at] = _damaged(x[at], name, strength[at], generator)
    return out


def _damaged(x: Tensor, name: str, strength: Tensor, generator: torch.Generator) -> Tensor:
    if name == "noise":
        low, high = NOISE
        return x + (low + (high - low) * strength) * torch.randn(x.shape, generator=generator)
    if name == "blur":
        return x + (0.4 + 0.6 * strength) * (blurred(x) - x)
    if name == "halves swapped":
        return x.roll(x.shape[-1] // 2, -1)
    frames = x.shape[2]
    if name == "held":
        return x[:, :, torch.arange(frames) // 2 * 2]
    order = torch.stack([_shuffle(frames, generator) for _ in range(len(x))])
    return torch.stack([clip[:, at] for clip, at in zip(x, order, strict=True)])


def blurred(x: Tensor) -> Tensor:
    """Means over 3 x 3 positions of a map, within each frame of a clip; at the border of those that there are."""
    if x.ndim == 4:
        return avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    return avg_pool3d(x, (1, 3, 3), stride=1, padding=(0, 1, 1), count_include_pad=False)


def _shuffle(frames: int, generator: torch.Generator) -> Tensor:
    """An order in which frames that follow one another are seldom neighbours; the only one, of one frame."""
    order = torch.randperm(frames, generator=generator)
    kept = sum(b - a == 1 for a, b in pairwise(order.tolist()))
    return order if kept <= frames // 4 else order.flip(0)
