"""Moving average of a module's weights.

    avg <- d_n avg + (1 - d_n) w

at the n-th update; how d_n depends on n is the average's kind, see `core.averages`.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from core.averages.warm_up import WarmUp

Average = Callable[[int], float]
"""`average(n) -> d_n` in [0, 1], the weight of the past in the n-th update, n >= 1."""


class EMA:
    """The average of a module in `.module`: a copy in eval mode, without gradients, in float32 or better."""

    def __init__(self, module: nn.Module, average: Average | None = None) -> None:
        self.average = WarmUp() if average is None else average
        self.updates = 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        for p in self.module.parameters():
            if p.is_floating_point():
                p.data = p.data.to(torch.promote_types(p.dtype, torch.float32))

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the weights of `module`; buffers are copied."""
        self.updates += 1
        averages: list[torch.Tensor] = list(self.module.parameters())
        weights = [w.to(a) for a, w in zip(averages, module.parameters(), strict=True)]
        if averages:
            torch._foreach_lerp_(averages, weights, 1 - self.average(self.updates))
        for a, b in zip(self.module.buffers(), module.buffers(), strict=True):
            a.copy_(b)

    def state_dict(self) -> dict[str, Any]:
        """`{"updates": int, "module": state dict of the average}`."""
        return {"updates": self.updates, "module": self.module.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where `state` was taken; raises as `nn.Module.load_state_dict` where the weights differ."""
        self.module.load_state_dict(state["module"])
        self.updates = int(state["updates"])
