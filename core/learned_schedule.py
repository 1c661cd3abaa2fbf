"""A schedule whose pace is learned (Kingma et al. 2021, app. H): monotone whatever its parameters are.

    level(t)^2 = sigma_min^2 (r^(2 w(t)) - 1),    r = sigma_max / sigma_min,    alpha^2 = 1 / (1 + level^2)
    w(t) = (g(t) - g(0)) / (g(1) - g(0)),         g(t) = a t + sum_i v_i sigmoid(k_i (t - c_i)),    a, v, k > 0

The paper's log-SNR is linear in w; so it is here, but for the bend below sigma_min that takes it to a clean t = 0 as in
`ve`. Its ends are given and not learned: the paper learns them from two terms of the bound that know finite ends.

It is not among the schedules that a recipe can name. A loss weighed by log-SNR alone falls if the schedule runs to
where it is easy; the expected ELBO does not depend on w at all, and w is trained on the *variance* of its one-draw
estimate (Kingma et al. 2021, sec. 5 and app. I).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from core.monotone import time_by_search


class LearnedSchedule(nn.Module):
    """Variance-preserving, on t in [0, 1]; starts near w(t) = t. Gradients flow to its parameters through
    alpha, sigma and time, in the dtype of t. A submodule of `Denoiser`, so checkpoints and optimisers see it.

    `sigma_min` and `sigma_max` are levels (the paper's log-SNR 13.3 ... -5); `units` is the number of sigmoids.
    Raises ValueError unless 0 < sigma_min < sigma_max and units >= 2.
    """

    t_max = 1.0

    def __init__(
        self, *, sigma_min: float = math.exp(-6.65), sigma_max: float = math.exp(2.5), units: int = 32
    ) -> None:
        super().__init__()
        if not (0 < sigma_min < sigma_max and units >= 2):
            raise ValueError(
                f"learned schedule: needs 0 < sigma_min < sigma_max and units >= 2, "
                f"got {sigma_min}, {sigma_max} and {units}"
            )
        self.sigma_min, self.sigma_max, self.units = sigma_min, sigma_max, units
        step = 1.2 / (units - 1)  # evenly spaced sigmoids, as wide as their distance, sum to a straight line
        self.centre = nn.Parameter(torch.linspace(-0.1, 1.1, units))
        self.sharpness = nn.Parameter(torch.full((units,), _before_softplus(2 / step)))
        self.height = nn.Parameter(torch.full((units,), _before_softplus(step)))
        self.slope = nn.Parameter(torch.tensor(_before_softplus(0.01)))

    def extra_repr(self) -> str:
        return f"sigma_min={self.sigma_min:.4g}, sigma_max={self.sigma_max:.4g}, units={self.units}"

    def _rise(self, t: Tensor) -> Tensor:
        """g(t) - g(0), as products: S(x) - S(y) = S(x) S(-y) (1 - e^(y - x))."""
        k, c = softplus(self.sharpness.to(t.dtype)), self.centre.to(t.dtype)
        v, a = softplus(self.height.to(t.dtype)), softplus(self.slope.to(t.dtype))
        x = k * t[..., None]
        rises = torch.sigmoid(x - k * c) * torch.sigmoid(k * c) * -torch.expm1(-x)
        return a * t + (v * rises).sum(-1)

    def _level_squared(self, t: Tensor) -> Tensor:
        w = self._rise(t) / self._rise(torch.ones_like(t))
        return self.sigma_min**2 * torch.expm1(2 * math.log(self.sigma_max / self.sigma_min) * w)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.rsqrt(1 + self._level_squared(t))

    def sigma(self, t: Tensor) -> Tensor:
        level = self._level_squared(t)
        return torch.sqrt(level / (1 + level))

    def time(self, log_snr: Tensor) -> Tensor:
        return time_by_search(self, log_snr)


def _before_softplus(x: float) -> float:
    """The inverse of softplus."""
    return x + math.log(-math.expm1(-x))
