"""Single-step methods: several calls of the denoiser per step, and every inner x a linear combination of

    (x, x0_1, x0_2, …),     x0_k the answer of stage k.

So a method is a table of weights over these, computed for all steps at once. The probability-flow ODE itself has that
form in any time variable, dx/dt = on_x x + on_x0 x0_hat, which makes every Runge-Kutta tableau such a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.samplers._steps import Weight, combine, per_step
from core.schedule import Denoise, Schedule, velocity_weights

Weights = list[Tensor]
"""Weights of (x, x0_1, x0_2, …), each `(steps,)`."""


@dataclass(frozen=True)
class SingleStep:
    """`step(denoise, x, i)` -> (x at the end of step i, x0_hat at its start).

    `stages` are the time `(steps,)` and the weights of each inner x (the first is x itself), `final` the weights of the
    result, `direct` those of the step of one call that the steps in `ends` take instead.
    """

    stages: list[tuple[tuple[Tensor, ...], list[tuple[Weight, ...]]]]
    final: list[tuple[Weight, ...]]
    direct: list[tuple[Weight, ...]]
    ends: tuple[int, ...]

    def __call__(self, denoise: Denoise, x: Tensor, i: int) -> tuple[Tensor, Tensor]:
        terms = [x]
        for time, weights in self.stages:
            y = combine(weights[i], terms) if len(terms) > 1 else x
            terms.append(denoise(y, time[i]))
            if i in self.ends:
                return combine(self.direct[i], terms), terms[1]
        return combine(self.final[i], terms), terms[1]


def single_step(
    x: Tensor, stages: Sequence[tuple[Tensor, Weights]], final: Weights, direct: Weights, ends: tuple[int, ...]
) -> SingleStep:
    """The tables unbound into () tensors, once, before the loop."""
    inner = [(time.unbind(), per_step(x, *weights)) for time, weights in stages]
    return SingleStep(inner, per_step(x, *final), per_step(x, *direct), ends)


def add(weights: Weights, more: Weights, factor: Tensor | float) -> Weights:
    """weights + factor more, where the shorter is filled with zeros."""
    n, zero = max(len(weights), len(more)), torch.zeros_like(weights[0])
    padded = [w + [zero] * (n - len(w)) for w in (weights, more)]
    return [a + factor * b for a, b in zip(*padded, strict=True)]


def runge_kutta(
    schedule: Schedule,
    x: Tensor,
    t: Tensor,
    s: Tensor,
    nodes: Sequence[float],
    inner: Sequence[Sequence[float]],
    outer: Sequence[float],
    *,
    clean: bool,
) -> SingleStep:
    """An explicit Runge-Kutta method on the probability-flow ODE from t to s, both `(steps,)`, by its Butcher tableau.

    In the time variable of the schedule. Where the last step lands on sigma = 0 (`clean`), eps is undefined and
    d sigma/dt may be infinite: that step is alpha_s x0_hat.
    """
    dt, one = s - t, torch.ones_like(t)
    slopes: list[Weights] = []
    stages: list[tuple[Tensor, Weights]] = []
    for node, row in zip(nodes, inner, strict=True):
        time = s if node == 1 else t + node * dt
        y: Weights = [one]
        for factor, slope in zip(row, slopes, strict=True):
            y = add(y, slope, factor * dt)
        stages.append((time, y))
        on_x, on_x0 = velocity_weights(schedule, time)
        slope = [on_x * weight for weight in y] + [torch.zeros_like(one)] * (len(stages) - len(y))
        slopes.append(slope + [on_x0])
    final: Weights = [one]
    for factor, slope in zip(outer, slopes, strict=True):
        final = add(final, slope, factor * dt)
    ends = (len(t) - 1,) if clean else ()
    return single_step(x, stages, final, [torch.zeros_like(t), schedule.alpha(s)], ends)
