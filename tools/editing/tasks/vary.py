"""Variations of an input: noise it part of the way, and sample from there (SDEdit, Meng et al. 2022)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from core.operators.identity import Identity
from tools.editing.bench import Bench, Edited, measured, said, solved


@dataclass(frozen=True)
class Vary:
    """strength: share of the steps that are taken, 0 the input and 1 a new sample; several give a row of pictures.

    Raises ValueError outside of 0 to 1.
    """

    MEDIA: ClassVar = ("image", "audio", "video")
    SETTINGS: ClassVar = ("sampler=heun", "sampler.steps=18")
    """A sampler that draws noise on the way has forgotten the input at half the strength."""
    strength: float | tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)

    def __call__(self, bench: Bench) -> Edited:
        if bench.solver is not None and bench.solver["name"] != "sdedit":
            raise ValueError(f"solver={bench.solver['name']} does not vary an input, sdedit does: leave solver out")
        signal = bench.signal()
        results, each = [], []
        strengths = self.strength if isinstance(self.strength, tuple) else (self.strength,)
        for strength in strengths:
            solver: dict[str, Any] = {"name": "sdedit", "strength": strength}
            results.append(solved(bench, measured(bench, Identity(), signal), solver))
            each += [{"strength": strength, "caption": f"{strength:g}"}] * len(bench.samples)
        return Edited(before=[("input", signal)], results=torch.cat(results), facts=said({"name": "sdedit"}), each=each)


vary = Vary
