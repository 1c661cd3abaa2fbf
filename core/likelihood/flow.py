"""The exact log density of what the probability flow samples (Song et al. 2021b, eq. 39).

    log p_0(x_0) = log p_T(x_T) + int_0^T div v(x_t, t) dt,      dx/dt = v

solved for x and the integral at once, on the circle alpha = cos, sigma = sin of `core.ode`: the same for every schedule
but for the end, and smooth at both ends.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from core.likelihood.decoders import gaussian
from core.likelihood.traces import ExactTrace, Trace
from core.ode import CIRCLE, angle, integrate
from core.schedule import Denoise, Schedule, norm, scales, transport


def flow_log_density(
    denoise: Denoise,
    schedule: Schedule,
    x: Tensor,
    *,
    level: float = 1e-3,
    trace: Trace = ExactTrace(),  # noqa: B008  it holds nothing
    log_prior: Callable[[Tensor], Tensor] | None = None,
    tolerance: float = 1e-6,
    columns: int = 4,
) -> Tensor:
    """log density in nats (B,) of x0 + `level` eps at x (B, *event).

    level: noise level sigma / alpha at which the path starts, far below what matters in the data; 0 for a denoiser that
    is exact there. trace: `ExactTrace()` or `Hutchinson`. log_prior: log density (B,) of x at t_max, by default that of
    `core.sampling.prior`, N(0, sigma^2 I). tolerance, columns: see `core.ode.integrate`; path and integral share one
    error. Raises ValueError for a level out of range, ArithmeticError as `integrate`.
    """
    end = torch.tensor(schedule.t_max, dtype=torch.float64)
    start, stop, d = math.atan(level) * 2 / math.pi, angle(schedule, end), x[0].numel()
    if not 0 <= start < stop:
        raise ValueError(f"flow_log_density: level must lie in [0, {math.tan(stop * math.pi / 2):.4g}), got {level}")
    on_circle = transport(denoise, schedule, CIRCLE)

    def slope(state: Tensor, u: float) -> Tensor:
        if u == 0:
            return torch.zeros_like(state)  # eps_hat = 0 on data that have a density; its divergence is 0 too
        a, z = u * math.pi / 2, state[:, :-1].reshape(x.shape)
        time = torch.tensor(u, dtype=torch.float64)
        x0, divergence = trace(lambda z: on_circle(z, time), z)
        rate = torch.cat([math.cos(a) * state[:, :-1] - x0.flatten(1), (d * math.cos(a) - divergence)[:, None]], 1)
        return math.pi / 2 / math.sin(a) * rate.to(state.dtype)

    cos = math.cos(start * math.pi / 2)
    state = torch.cat([(x * cos).flatten(1), x.new_zeros(len(x), 1)], 1)
    state = state.to(torch.promote_types(x.dtype, torch.float32))
    state = integrate(slope, state, start, stop, tolerance=tolerance, columns=columns)
    scale = norm(schedule, end, x)
    final, gained = (state[:, :-1] * scale).reshape(x.shape), state[:, -1]
    if log_prior is None:
        sigma = scales(schedule, end, x)[1].to(final)
        log_p = gaussian(final, torch.zeros_like(final), sigma).flatten(1).sum(1)
    else:
        log_p = log_prior(final)
    return log_p + gained + d * (math.log(cos) + math.log(float(scale)))
