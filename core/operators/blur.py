"""Convolution with a kernel along some axes of a periodic signal, the same along each: diagonal in Fourier space.

The Gaussian of standard deviation `std` elements has the gain exp(-2 pi^2 std^2 f^2) at f cycles per element.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from core.operators._axes import check_axes, check_rank
from core.operators._circulant import filtered, frequencies, inverse_filtered


@dataclass(frozen=True)
class Blur:
    """A Gaussian, or the odd-length `kernel` where one is given: its middle is at offset 0, it need not be symmetric.

    `axes` are counted from the end. A frequency whose gain is below `floor` counts as lost altogether: what is left of
    it no float holds, and the pseudo-inverse, which would amplify it, is exact for the operator with the gain 0.
    Raises ValueError for std <= 0, an even kernel, a negative floor, or axes that are not such.
    """

    std: float = 1.0
    axes: tuple[int, ...] = (-1,)
    kernel: tuple[float, ...] = ()
    floor: float = 1e-3

    def __post_init__(self) -> None:
        check_axes("blur", self.axes)
        if not self.std > 0 or not self.floor >= 0:
            raise ValueError(f"operator blur: needs std > 0 and floor >= 0, got {self.std} and {self.floor}")
        if self.kernel and len(self.kernel) % 2 == 0:
            raise ValueError(f"operator blur: the kernel needs a middle, got {len(self.kernel)} entries")

    def _along(self, f: Tensor) -> Tensor:
        if not self.kernel:
            return torch.exp(-2 * (torch.pi * self.std * f) ** 2)
        phases = [torch.polar(torch.ones_like(f), -2 * torch.pi * (j - len(self.kernel) // 2) * f)
                  for j in range(len(self.kernel))]  # fmt: skip
        return sum((k * p for k, p in zip(self.kernel, phases, strict=True)), torch.zeros_like(phases[0]))

    def _gain(self, x: Tensor) -> Tensor:
        check_rank("blur", x, -min(self.axes))
        gain = functools.reduce(torch.mul, map(self._along, frequencies(x, self.axes)))
        return torch.where(gain.abs() >= self.floor, gain, 0.0)

    def __call__(self, x0: Tensor) -> Tensor:
        return filtered(x0, self._gain(x0), self.axes)

    def adjoint(self, y: Tensor) -> Tensor:
        return filtered(y, self._gain(y).conj(), self.axes)

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        return inverse_filtered(y, self._gain(y), self.axes, rho)


blur = Blur
