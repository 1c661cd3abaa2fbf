"""The line through two denoisers, which classifier-free guidance and autoguidance follow beyond the better one."""

from torch import Tensor

from core.schedule import Denoise


def extrapolated(base: Denoise, towards: Denoise, *, scale: float) -> Denoise:
    """`base + scale * (towards - base)`; at scale 1 `towards` itself, and `base` is never called."""
    if scale == 1:
        return towards

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        start = base(x, t)
        return start + scale * (towards(x, t) - start)

    return denoise
