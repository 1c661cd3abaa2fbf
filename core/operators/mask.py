"""Hide a part of the signal (inpainting): y = keep * x0 with keep 0 or 1, of the shape of x0 and 0 where it is hidden.

A is a projection, so A = A^T = A^+. `Mask` hides a box of the last axes, `Keep` takes any mask as a tensor; `interval`
and `frames` are boxes by name. Whatever y holds in the hidden part, nan included, is not looked at.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.measurement import damped
from core.operators._axes import check_rank

Range = tuple[int | None, int | None]
"""From the first to before the second, as in a slice: None is the end, negative counts from it."""


@dataclass(frozen=True)
class Keep:
    """`keep`, a boolean tensor that broadcasts against (B, *event): True where the signal is seen."""

    keep: Tensor
    gram = 1.0

    def __post_init__(self) -> None:
        if self.keep.dtype != torch.bool:
            raise ValueError(f"operator mask: keep must be a tensor of bool, got {self.keep.dtype}")

    def __call__(self, x0: Tensor) -> Tensor:
        return torch.where(self.keep, x0, 0.0)

    def adjoint(self, y: Tensor) -> Tensor:
        return torch.where(self.keep, y, 0.0)

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        return damped(self.adjoint(y), rho)

    def project(self, x0: Tensor, y: Tensor) -> Tensor:
        """y where the signal is seen, bit for bit, x0 elsewhere."""
        return torch.where(self.keep, y, x0)


@dataclass(frozen=True)
class Mask:
    """`box` gives a range for each of the last axes, None for a whole axis. `inside` says what becomes of the box:
    "hidden", or "kept" with everything else hidden. Raises ValueError for any other word."""

    box: tuple[tuple[int | None, int | None] | None, ...] = ((0, 1),)
    inside: str = "hidden"
    gram = 1.0

    def __post_init__(self) -> None:
        if self.inside not in ("hidden", "kept"):
            raise ValueError(f"operator mask: inside must be hidden or kept, got {self.inside!r}")
        if not self.box:
            raise ValueError("operator mask: box needs a range for at least one axis, got none")

    def _on(self, x: Tensor) -> Keep:
        check_rank("mask", x, len(self.box))
        inside = torch.zeros(x.shape[-len(self.box) :], dtype=torch.bool, device=x.device)
        inside[tuple(slice(*r) if r else slice(None) for r in self.box)] = True
        return Keep(inside if self.inside == "kept" else ~inside)

    def __call__(self, x0: Tensor) -> Tensor:
        return self._on(x0)(x0)

    def adjoint(self, y: Tensor) -> Tensor:
        return self._on(y).adjoint(y)

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        return self._on(y).pinv(y, rho)

    def project(self, x0: Tensor, y: Tensor) -> Tensor:
        return self._on(x0).project(x0, y)


mask = Mask


def interval(start: int | None, stop: int | None) -> Mask:
    """Hide elements start to before stop of the last axis: a gap in a recording."""
    return Mask(((start, stop),))


def frames(start: int | None, stop: int | None) -> Mask:
    """Hide frames start to before stop of clips (B, C, T, H, W)."""
    return Mask(((start, stop), None, None))
