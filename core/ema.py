"""Exponential moving average of a module's weights, with a warm-up of the averaging time.

    avg <- d_n avg + (1 - d_n) w,      d_n = 2^(-1 / h_n),  h_n = min(half_life, warmup n)

for the n-th update: the half-life never exceeds the share `warmup` of the training so far (Karras et al. 2022, their
published EMA ramp-up), so an average is good at any moment and the random start is forgotten at once.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class EMA:
    """The average of a module in `.module`: a copy in eval mode, without gradients, in float32 or better.

    half_life: updates after which a weight counts half. warmup: see above; `math.inf` turns it off.
    Raises ValueError unless both are positive.
    """

    def __init__(self, module: nn.Module, *, half_life: float = 2000.0, warmup: float = 0.05) -> None:
        if not (half_life > 0 and warmup > 0):
            raise ValueError(f"ema: half_life and warmup must be positive, got {half_life} and {warmup}")
        self.half_life, self.warmup, self.updates = half_life, warmup, 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        for p in self.module.parameters():
            if p.is_floating_point():
                p.data = p.data.to(torch.promote_types(p.dtype, torch.float32))

    def decay(self, n: int) -> float:
        """d_n, the weight of the past in the n-th update, n >= 1."""
        return 0.5 ** (1 / min(self.half_life, self.warmup * n))

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the weights of `module`; buffers are copied."""
        self.updates += 1
        averages: list[torch.Tensor] = list(self.module.parameters())
        weights = [w.to(a) for a, w in zip(averages, module.parameters(), strict=True)]
        if averages:
            torch._foreach_lerp_(averages, weights, 1 - self.decay(self.updates))
        for a, b in zip(self.module.buffers(), module.buffers(), strict=True):
            a.copy_(b)

    def state_dict(self) -> dict[str, Any]:
        """`{"updates": int, "module": state dict of the average}`."""
        return {"updates": self.updates, "module": self.module.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where `state` was taken; raises as `nn.Module.load_state_dict` where the weights differ."""
        self.module.load_state_dict(state["module"])
        self.updates = int(state["updates"])
