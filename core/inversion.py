"""From a signal to the noise that it would be sampled from, and back: the probability-flow ODE, run upwards.

    code = encode(sampler, denoise, schedule, x0, times),      x0 = decode(sampler, denoise, schedule, code, times)

With DDIM this is DDIM inversion (Song et al. 2021a, sec. 5.4). Any deterministic one-step sampler serves, since it is
given the times in rising order (`ode`, which chooses its steps itself, goes down alone). The error of `encode` against
the exact flow falls with the sampler's order. The way back undoes the error of the way there in part: the round trip of
a one-step method of even order p is of order p + 1.

Samplers are not made to start at sigma = 0, where eps is undefined, or to arrive at alpha = 0; there the first and the
last step are taken here. In y = x / alpha against the level l = sigma / alpha the ODE is dy / dl = -l score(y), and in
z = x / sigma against u = alpha / sigma it is dz / du = x0_hat:

    y(l) = x0 - l^2 score / 2 = x0 + (x0 - denoise(y, l)) / 2         one call,  an error of order l^4
    z(0) = z(u) - u (x0_hat at u + x0_hat at 0) / 2                   two calls, an error of order u^3
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.sampling import Sampler, last
from core.schedule import Denoise, Schedule, scales
from core.state import State


def encode_states(sampler: Sampler, denoise: Denoise, schedule: Schedule, x0: Tensor, times: Tensor) -> Iterator[State]:
    """The states on the way up: `times` (steps + 1,) is the falling grid of sampling; one State for each but the last.

    x0 (B, *event) is at times[-1], which is 0 or, to encode from the middle of the way, later. Raises ValueError for
    less than two times, or where all there is lies between sigma = 0 and alpha = 0.
    """
    inside = (schedule.alpha(times) > 0) & (schedule.sigma(times) > 0)
    if len(times) < 2 or not inside.any():
        raise ValueError(f"encode: `times` needs two entries, one where alpha and sigma are positive, got {len(times)}")
    rising = times.flip(0)
    end = rising[-1] if schedule.alpha(rising[-1]) == 0 else None
    rising = rising if end is None else rising[:-1]
    x = x0
    if schedule.sigma(rising[0]) == 0:
        x = leave_zero(denoise, schedule, x0, rising[1])
        yield State(rising[1], x)
        rising = rising[1:]
    if len(rising) > 1:
        for state in sampler(denoise, schedule, x, rising, randn_like=_refuse):
            x = state.x
            yield state
    if end is not None:
        yield State(end, reach_noise(denoise, schedule, x, rising[-1], end))


def encode(sampler: Sampler, denoise: Denoise, schedule: Schedule, x0: Tensor, times: Tensor) -> Tensor:
    """The code of x0 (B, *event) at times[0], of its shape and dtype; `times` as in `encode_states`."""
    return last(encode_states(sampler, denoise, schedule, x0, times))


def decode(sampler: Sampler, denoise: Denoise, schedule: Schedule, code: Tensor, times: Tensor) -> Tensor:
    """x0 (B, *event) at times[-1] from its code at times[0]: the sampler itself, with nothing drawn."""
    return last(sampler(denoise, schedule, code, times, randn_like=_refuse))


def round_trip_error(sampler: Sampler, denoise: Denoise, schedule: Schedule, x0: Tensor, times: Tensor) -> Tensor:
    """Root mean square of decode(encode(x0)) - x0 over each example, `(B,)`, in the units of x0."""
    code = encode(sampler, denoise, schedule, x0, times)
    gap = decode(sampler, denoise, schedule, code, times) - x0
    return gap.flatten(1).to(torch.promote_types(x0.dtype, torch.float32)).square().mean(1).sqrt()


def leave_zero(denoise: Denoise, schedule: Schedule, x0: Tensor, t: Tensor) -> Tensor:
    """The flow from x0 at time 0 to a small t > 0, `()`: one call of the denoiser, error of order (sigma / alpha)^4."""
    alpha, _ = scales(schedule, t, x0)
    return (alpha * (1.5 * x0 - 0.5 * denoise((alpha * x0).to(x0.dtype), t))).to(x0.dtype)


def reach_noise(denoise: Denoise, schedule: Schedule, x: Tensor, t: Tensor, end: Tensor) -> Tensor:
    """The flow from x at a noisy time t > 0 to the time `end` where alpha = 0, both `()`: two calls of the denoiser."""
    alpha, sigma = scales(schedule, t, x)
    _, noise = scales(schedule, end, x)
    x0 = denoise(x, t)
    straight = noise * (x - alpha * x0) / sigma
    mean = denoise(straight.to(x.dtype), end)
    return (straight + noise * alpha / sigma * (x0 - mean) / 2).to(x.dtype)


def slerp(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """On the great circle from a (weight 0) to b (weight 1), the length in proportion (Shoemake 1985), each example.

    a, b (B, *event), weight a number, `()` or `(B,)`. A line between two codes passes through lengths that noise does
    not have, the arc does not. Where a and b point the same way, or opposite ways, it is the line. Raises ValueError
    for unequal shapes.
    """
    if a.shape != b.shape:
        raise ValueError(f"slerp: needs two tensors of one shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    wide = torch.promote_types(a.dtype, torch.float32)
    u, v = a.to(wide).flatten(1), b.to(wide).flatten(1)
    w = torch.as_tensor(weight, dtype=wide, device=a.device).reshape(-1, 1)
    length_u, length_v = (z.norm(dim=1, keepdim=True) for z in (u, v))
    tiny = torch.finfo(wide).tiny
    unit_u, unit_v = u / length_u.clamp_min(tiny), v / length_v.clamp_min(tiny)
    angle = 2 * torch.atan2((unit_u - unit_v).norm(dim=1, keepdim=True), (unit_u + unit_v).norm(dim=1, keepdim=True))
    sine = angle.sin()
    curved = sine > torch.finfo(wide).eps ** 0.5
    safe = torch.where(curved, sine, 1.0)
    arc = ((1 - w) * angle).sin() / safe * unit_u + (w * angle).sin() / safe * unit_v
    out = torch.where(curved, ((1 - w) * length_u + w * length_v) * arc, (1 - w) * u + w * v)
    return out.reshape(a.shape).to(a.dtype)


def blend(
    sampler: Sampler,
    denoise: Denoise,
    schedule: Schedule,
    first: Tensor,
    second: Tensor,
    times: Tensor,
    *,
    weight: Tensor | float = 0.5,
) -> Tensor:
    """The signal between two, first (B, *event) at weight 0 and second at 1, through their codes and `slerp`."""
    a, b = (encode(sampler, denoise, schedule, x0, times) for x0 in (first, second))
    return decode(sampler, denoise, schedule, slerp(a, b, weight), times)


def _refuse(x: Tensor) -> Tensor:
    raise ValueError("inversion needs a sampler that draws no noise")
