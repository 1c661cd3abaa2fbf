"""What one batch is asked: times from a density, noise, dropped conditions, and the denoising loss of the result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from core.condition import Condition, dropped
from core.couplings.independent import independent
from core.denoiser import Denoiser
from core.draws.stratified import stratified
from core.errors.squared import squared
from core.losses.denoising import Error, Loss, Weighting, denoising_loss
from core.schedule import Schedule
from core.training.times import Density, Draws, nats_per_draw

NO_LABEL = -1
"""The label that stands for «no label» in `cond["label"]`; the unconditional model of classifier-free guidance."""

Coupling = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""`coupling(x0, eps, label) -> eps`, see `core.couplings`."""


@runtime_checkable
class Resampling(Protocol):
    """Draws that are not uniform: `weight(u)` makes up for it, `observe(u, losses)` tells them what came of it."""

    def weight(self, u: Tensor) -> Tensor: ...
    def observe(self, u: Tensor, losses: Tensor) -> None: ...


@runtime_checkable
class Changing(Protocol):
    """A loss that is another one later on: `at(progress)`, progress in [0, 1] of the training."""

    def at(self, progress: float) -> Loss: ...


@runtime_checkable
class Jumping(Protocol):
    """A loss of steps: `ends(u (B, 2), t, schedule)` draws the times that they lead to, and the loss takes them as
    `to`."""

    def ends(self, u: Tensor, t: Tensor, schedule: Schedule) -> Tensor: ...


class Drawn(NamedTuple):
    """All that is random in a step: times t (B,), noise eps (B, *event), condition; u (B,) behind the times, the
    factor `weight` (B,) of each loss, and the times `to` (B,) of a loss of steps."""

    t: Tensor
    eps: Tensor
    cond: Condition
    u: Tensor
    weight: Tensor
    to: Tensor | None = None


@dataclass(frozen=True)
class Objective:
    """`drawn = objective.draw(schedule, x0, cond, generator)`, and `objective(denoiser, x0, t, eps, cond, weight, to)`.

    `loss` is what is trained on: `hybrid` teaches a variance beside the mean and needs a denoiser that has one,
    `consistency` where paths end, `mean_flow` where any step along them does.
    `density(u, schedule)` maps the uniform `draws` to times, `weighting(log_snr)` weighs the squared x0 error, `error`
    says what becomes of the weighted residual, `coupling` which noise goes with which example. `condition_dropout` is
    the share of examples whose conditions are all absent, which trains the unconditional model of guidance (Ho &
    Salimans 2022, algorithm 1); `own_dropout[name]` the share that lacks this one condition, beyond those, so that a
    model can be asked for some of its conditions (as Brooks et al. 2023, sec. 3.2.1, do with two).

    Parts that learn or remember (`nn.Module`) are the children of `modules`: their parameters are to be trained along
    with the network, their state belongs into checkpoints.
    """

    density: Density
    weighting: Weighting
    condition_dropout: float = 0.1
    draws: Draws = stratified
    coupling: Coupling = independent
    error: Error = squared
    loss: Loss = denoising_loss
    own_dropout: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def modules(self) -> nn.ModuleDict:
        """The parts with a state, by the name of their field."""
        parts: dict[str, object] = {
            "weighting": self.weighting,
            "density": self.density,
            "draws": self.draws,
            "error": self.error,
        }
        return nn.ModuleDict({name: part for name, part in parts.items() if isinstance(part, nn.Module)})

    def at(self, progress: Callable[[], float]) -> "Objective":
        """The objective of this moment; `progress`, the share of the training that is done, is asked if it counts."""
        return replace(self, loss=self.loss.at(progress())) if isinstance(self.loss, Changing) else self

    def draw(
        self,
        schedule: Schedule,
        x0: Tensor,
        cond: Condition,
        generator: torch.Generator,
        *,
        rank: int = 0,
        ranks: int = 1,
        step: int = 0,
    ) -> Drawn:
        """What step `step` asks of its batch x0 (B, *event), of which this process holds rows r, r + R, ...

        Everyone draws for the whole global batch and keeps its rows: so R processes train on the numbers that one
        would have drawn, and times are stratified over all of them. Only a coupling sees no further than its process.
        Raises ValueError where a coupling other than `independent` meets a condition that it cannot keep apart.
        """
        n, device, mine = len(x0) * ranks, x0.device, slice(rank, None, ranks)
        u = self.draws(n, generator, device, step)[mine]
        t = self.density(u, schedule)
        eps = torch.randn((n, *x0.shape[1:]), generator=generator, device=device, dtype=x0.dtype)[mine]
        if self.coupling is not independent:
            eps = self.coupling(x0, eps, _label(cond))
        cond = self._dropped(cond, n, generator, mine)
        weight = torch.ones_like(t)
        if getattr(self.weighting, "per_nat", False):
            weight = weight * nats_per_draw(self.density, schedule, u)
        if isinstance(self.draws, Resampling):
            weight = weight * self.draws.weight(u)
        to = None
        if isinstance(self.loss, Jumping):
            far = torch.rand(n, 2, generator=generator, device=device)[mine]
            to = self.loss.ends(far.to(t.dtype), t, schedule)
        return Drawn(t, eps, cond, u, weight, to)

    def _dropped(self, cond: Condition, n: int, generator: torch.Generator, mine: slice) -> Condition:
        """`cond` with conditions absent where a draw for each of the n examples of the global batch says so."""
        names = [name for name, rows in (cond or {}).items() if rows.dtype != torch.bool]
        if cond is None or not names:
            return cond
        shares = [("", self.condition_dropout), *((name, self.own_dropout.get(name, 0.0)) for name in sorted(names))]
        result = dict(cond)
        for only, share in shares:
            if share > 0:
                drop = (torch.rand(n, generator=generator, device=generator.device) < share)[mine]
                result |= {name: dropped(result[name], drop) for name in ([only] if only else names)}
        return result

    def __call__(
        self,
        denoiser: Denoiser,
        x0: Tensor,
        t: Tensor,
        eps: Tensor,
        cond: Condition,
        weight: Tensor | None = None,
        to: Tensor | None = None,
    ) -> Tensor:
        """The loss of each example, (B,): times `Drawn.weight` where that is given, to `Drawn.to` where it steps."""
        steps = {} if to is None else {"to": to}
        loss = self.loss(denoiser, x0, t, eps, self.weighting, cond, self.error, **steps)
        return loss if weight is None else weight * loss

    def observe(self, drawn: Drawn, losses: Tensor) -> None:
        """Show the losses (B,) of a step to draws that depend on them."""
        if isinstance(self.draws, Resampling):
            self.draws.observe(drawn.u, losses.detach() / self.draws.weight(drawn.u))


def _label(cond: Condition) -> Tensor | None:
    """The label that a coupling must not mix."""
    if cond is not None and set(cond) - {"label"}:
        others = ", ".join(sorted(set(cond) - {"label"}))
        raise ValueError(f"a coupling of x0 and noise keeps apart examples by label, not by {others}: use independent")
    return None if cond is None else cond.get("label")
