"""Filters of a periodic signal, diagonal in Fourier space: A = F^-1 diag(gain) F, so that everything is exact.

A gain is complex or real, of the shape of `rfftn` over `axes`; the last of them is the halved one.
"""

import torch
from torch import Tensor

from core.measurement import damped
from core.shapes import expand_like


def frequencies(x: Tensor, axes: tuple[int, ...]) -> list[Tensor]:
    """Cycles per element along each of `axes`, in [-1/2, 1/2], each shaped to broadcast over `rfftn` of x."""
    out = []
    for axis in axes:
        make = torch.fft.rfftfreq if axis == axes[-1] else torch.fft.fftfreq
        f = make(x.shape[axis], device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))
        out.append(f.reshape((-1,) + (1,) * (-axis - 1)))
    return out


def filtered(x: Tensor, gain: Tensor, axes: tuple[int, ...]) -> Tensor:
    """F^-1 gain F x in the dtype of x, computed in float32 or better."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    spectrum = torch.fft.rfftn(wide, dim=axes) * gain
    return torch.fft.irfftn(spectrum, s=[x.shape[a] for a in axes], dim=axes).to(x.dtype)


def inverse_filtered(y: Tensor, gain: Tensor, axes: tuple[int, ...], rho: Tensor | float) -> Tensor:
    """A^T (A A^T + rho I)^-1 y; where rho and gain are both 0 the answer is 0."""
    if isinstance(rho, Tensor):
        rho = expand_like(rho, y)
    return filtered(y, damped(gain.conj(), rho, gain.abs() ** 2), axes)
