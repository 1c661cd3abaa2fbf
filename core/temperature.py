"""Temperature: how far from the mode samples are drawn, for every sampler, by wrapping what it is given.

    z      -> noise_scale z                             every draw, also the one that sampling starts from
    score  -> c score,  c = (alpha^2 S^2 + sigma^2) / (alpha^2 S^2 / score_scale + sigma^2),   S = sigma_data

c rises from 1 at pure noise to `score_scale` at clean data, where it is the exponent of p(x0)^score_scale (Ingraham et
al. 2023, suppl. B: «low-temperature sampling»). A constant c has no meaning at alpha = 0, where the score says nothing
of x0; this one is exact for data N(m, S^2 I): it makes them N(m, S^2 / score_scale I). Both together, in any sampler,

    standard deviation = noise_scale S / sqrt(score_scale),    mean = m

so either a noise_scale of sqrt(T) or a score_scale of 1 / T is the temperature T of a Gaussian. On other data they
differ. Less noise draws all samples towards the middle of the data. A larger score narrows each mode in its place: to
one of variance s^2 the ODE gives A^P s^(2 Q), with A = S^2 / score_scale, P = (S^2 - A) / (s^2 - A), Q = 1 - P.
"""

import math

from torch import Tensor

from core.schedule import Denoise, Schedule, scales
from core.state import Path, RandnLike


def scaled_score(denoise: Denoise, schedule: Schedule, *, score_scale: float, sigma_data: float) -> Denoise:
    """The denoiser whose score is c times that of `denoise`; 1 is `denoise` itself.

    x0_hat' = x0_hat + (c - 1) (x0_hat - x / alpha), without the division: c - 1 has a factor alpha^2. Raises ValueError
    unless score_scale and sigma_data are positive and finite.
    """
    _check(score_scale=score_scale, sigma_data=sigma_data)
    if score_scale == 1:
        return denoise

    def colder(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = scales(schedule, t, x)
        signal = sigma_data**2 * (1 - 1 / score_scale) / (alpha**2 * sigma_data**2 / score_scale + sigma**2)
        x0 = denoise(x, t)
        return (x0 + alpha * signal * (alpha * x0 - x)).to(x0.dtype)

    return colder


def scaled_noise(randn_like: RandnLike, *, noise_scale: float) -> RandnLike:
    """The noise of `randn_like`, `noise_scale` times as large, along its path if it has one; 1 is `randn_like` itself.

    Draw the noise for `core.sampling.prior` from it too. Raises ValueError unless noise_scale is positive and finite.
    """
    _check(noise_scale=noise_scale)
    if noise_scale == 1:
        return randn_like
    return _ScaledPath(randn_like, noise_scale) if isinstance(randn_like, Path) else _Scaled(randn_like, noise_scale)


class _Scaled:
    def __init__(self, randn_like: RandnLike, scale: float) -> None:
        self.randn_like, self.scale = randn_like, scale

    def __call__(self, x: Tensor) -> Tensor:
        return self.scale * self.randn_like(x)


class _ScaledPath:
    def __init__(self, path: Path, scale: float) -> None:
        self.path, self.scale = path, scale

    def __call__(self, x: Tensor) -> Tensor:
        return self.scale * self.path(x)

    def over(self, x: Tensor, start: float, end: float) -> Tensor:
        return self.scale * self.path.over(x, start, end)


def _check(**scales: float) -> None:
    for name, value in scales.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"temperature: {name} must be positive and finite, got {value}")
