"""Rescaled guidance (Lin et al. 2024, sec. 3.4): the guided prediction with the spread of the conditional one."""

import torch
from torch import Tensor

from core.guidance._events import inner, wide
from core.schedule import Denoise


def rescale(guided: Denoise, conditional: Denoise, *, phi: float = 0.7) -> Denoise:
    """`guided * (phi * std(conditional) / std(guided) + 1 - phi)`, x0_hat of shape (B, *event).

    std is over the event of each example, about its mean. phi 0 is off. The paper rescales what its network predicts
    (v), this x0_hat, where over-exposure shows. Where both go back to one `shared` denoiser, it is called once.
    Raises ValueError for phi outside [0, 1].
    """
    if not 0 <= phi <= 1:
        raise ValueError(f"rescale: phi must lie in [0, 1], got {phi}")
    if phi == 0:
        return guided

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        x0 = guided(x, t)
        ratio = _spread(conditional(x, t)) / _spread(x0)
        return (x0 * (phi * torch.where(ratio.isfinite(), ratio, 1.0) + 1 - phi)).to(x.dtype)  # 0 / 0: nothing to scale

    return denoise


def _spread(x: Tensor) -> Tensor:
    """The root of each example's sum of squares about its mean: std up to a factor that cancels."""
    one = torch.ones_like(wide(x))
    gap = wide(x) - inner(x, one) / inner(one, one)
    return inner(gap, gap).sqrt()
