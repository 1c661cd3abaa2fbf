"""L1 over a Laplacian pyramid (Bojanowski et al. 2018, after Ling & Okada 2006): every octave counts alike.

    sum_j mean |L_j(x_hat) - L_j(x0)|,       L_j = G_j - up(G_{j+1}), the last L = G;   G_{j+1} = down(G_j)

(their 2^2j times the sum over a level is the mean over it, for pictures). Of the ways to weigh what the eye sees
without the features of a downloaded network this is the plainest: a mean square over pixels is ruled by the lowest
octaves, in which natural media have most of their energy, and blurs the rest; here an edge costs as much as a shade.
It is made for any number of axes. down: the binomial filter (1 4 6 4 1)/16 along each axis and every second value (Burt
& Adelson 1983); up repeats.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


@dataclass(frozen=True)
class Laplacian:
    """levels: octaves, the last one included; axes shorter than 4 are not halved. Raises ValueError below 1."""

    levels: int = 4

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ValueError(f"loss laplacian: levels must be at least 1, got {self.levels}")

    def __call__(self, x_hat: Tensor, x0: Tensor) -> Tensor:
        return sum_of([band.abs().flatten(1).mean(1) for band in pyramid(x_hat - x0, self.levels)])


def pyramid(x: Tensor, levels: int) -> list[Tensor]:
    """The bands of x (B, C, *size), finest first: their sum, each brought to the size of x by repetition, is x."""
    bands = []
    for _ in range(levels - 1):
        axes = [a for a in range(2, x.ndim) if x.shape[a] >= 4]
        if not axes:
            break
        small = x
        for axis in axes:
            small = halved(small, axis)
        bands.append(x - repeated(small, axes, x.shape))
        x = small
    return [*bands, x]


def halved(x: Tensor, axis: int) -> Tensor:
    """Filtered along one axis, every second value kept; the edges are repeated outwards."""
    x = x.movedim(axis, -1)
    n = x.shape[-1]
    x = functional.pad(x.flatten(0, -2).unsqueeze(1), (2, 2), mode="replicate").squeeze(1).reshape(*x.shape[:-1], n + 4)
    y = torch.stack([tap * x[..., k : k + n : 2] for k, tap in enumerate(TAPS)]).sum(0)
    return y.movedim(-1, axis)


def repeated(x: Tensor, axes: list[int], shape: torch.Size) -> Tensor:
    """Every value twice along the axes, cropped to `shape`."""
    for axis in axes:
        x = x.repeat_interleave(2, axis).narrow(axis, 0, shape[axis])
    return x


def sum_of(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).sum(0)


laplacian = Laplacian
