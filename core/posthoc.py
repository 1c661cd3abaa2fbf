"""Averages of any length after the training is over (Karras et al. 2024b, sec. 3.2 and algorithm 3).

Two power-function averages are tracked and stored now and then. Any other average, of another width or ending at
another update, is then a linear combination of the snapshots: the one whose weights over time are nearest,

    min_x int (p(t) - sum_i x_i p_i(t))^2 dt,   sum_i x_i = 1,     p_i(t) = (g_i + 1) t^g_i / t_i^(g_i + 1) on [0, t_i].

The paper leaves the sum free; held at 1, weights that do not change come out as they are, to rounding. With snapshots
of widths 0.05 and 0.10 at 20 times, widths from 0.04 to 0.2 are met to 2 % of the profile, 0.25 to 6 %.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from core.averages.power import Power, exponent
from core.ema import EMA


class Profile(NamedTuple):
    """What a snapshot averages: a power function of relative width `sigma_rel` that ends at update `step`."""

    step: int
    sigma_rel: float


class Tracked:
    """Power-function averages of one module, `{sigma_rel: EMA}` in `.averages`, to be stored as snapshots."""

    def __init__(self, module: nn.Module, sigma_rels: Sequence[float] = (0.05, 0.10)) -> None:
        if len(set(sigma_rels)) != len(sigma_rels) or not sigma_rels:
            raise ValueError(f"post-hoc averages: needs different widths sigma_rel, got {list(sigma_rels)}")
        self.averages = {s: EMA(module, Power(s)) for s in sigma_rels}

    def update(self, module: nn.Module) -> None:
        for ema in self.averages.values():
            ema.update(module)

    def snapshots(self) -> dict[Profile, dict[str, Tensor]]:
        """The averages as they stand: state dicts whose tensors are the averages' own, to be stored or copied."""
        return {Profile(e.updates, s): e.module.state_dict() for s, e in self.averages.items()}

    def state_dict(self) -> dict[float, dict[str, Any]]:
        return {s: e.state_dict() for s, e in self.averages.items()}

    def load_state_dict(self, state: Mapping[float, Mapping[str, Any]]) -> None:
        """Continue exactly where `state` was taken."""
        for s, e in self.averages.items():
            e.load_state_dict(state[s])


def inner(a: Profile, b: Profile) -> float:
    """int p_a(t) p_b(t) dt, per update (Karras et al. 2024b, app. C.3)."""
    if a.step > b.step:
        a, b = b, a
    g, h = exponent(a.sigma_rel), exponent(b.sigma_rel)
    return (g + 1) * (h + 1) / (g + h + 1) * (a.step / b.step) ** h / b.step


def coefficients(snapshots: Sequence[Profile], wanted: Profile) -> tuple[Tensor, float]:
    """(x (n,) float64 that sums to 1, relative error of the profile |p - sum x p_i| / |p|).

    Snapshots after `wanted.step` may be given, and help nothing. Raises ValueError where there are none, or one has no
    update or a width out of range.
    """
    if not snapshots or min(*(s.step for s in snapshots), wanted.step) < 1:
        raise ValueError(f"post-hoc average: needs snapshots of at least one update, got {list(snapshots)}, {wanted}")
    n = len(snapshots)
    gram = torch.tensor([[inner(a, b) for b in snapshots] for a in snapshots], dtype=torch.float64)
    seen = torch.tensor([inner(a, wanted) for a in snapshots], dtype=torch.float64)
    scale = gram.diagonal().sqrt()  # to unit length, or early snapshots would dwarf late ones
    system = torch.zeros(n + 1, n + 1, dtype=torch.float64)
    system[:n, :n] = gram / scale / scale[:, None]
    system[n, :n] = system[:n, n] = 1 / scale
    right = torch.cat([seen / scale, torch.ones(1, dtype=torch.float64)])
    x = torch.linalg.lstsq(system, right[:, None], rcond=1e-14, driver="gelsd").solution[:n, 0] / scale
    whole = inner(wanted, wanted)
    missed = (whole - 2 * seen @ x + x @ gram @ x) / whole
    return x, float(missed.clamp_min(0).sqrt())


def rebuild(x: Tensor, states: Iterable[Mapping[str, Tensor]], *, copied: Iterable[str] = ()) -> dict[str, Tensor]:
    """sum_i x_i states[i], one state in memory at a time, in the dtype of the states.

    Entries that are no floating-point numbers, and those named in `copied` (buffers), are the last state's.
    Raises ValueError unless there is one state per coefficient.
    """
    total: dict[str, Tensor] = {}
    kept, count = frozenset(copied), 0
    for weight, state in zip(x.tolist(), states, strict=False):
        count += 1
        for name, value in state.items():
            if name in kept or not value.is_floating_point():
                total[name] = value.clone()
            elif name in total:
                total[name].add_(value, alpha=weight)
            else:
                total[name] = value * weight
    if count != len(x):
        raise ValueError(f"post-hoc average: {len(x)} coefficients for {count} snapshots")
    return total
