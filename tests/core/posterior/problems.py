"""What the tests of solvers share: draws that repeat, a solver's answer at one time, and the exact posterior."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from core.analytic import Mixture
from core.discover import names
from core.measurement import Measurement
from core.sampling import Sampler, last
from core.schedule import Denoise, Schedule
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified
from core.state import State

samplers = pytest.mark.parametrize("sampler", names("core.samplers"))
schedules = pytest.mark.parametrize("schedule", [Cosine(), EDM(), Rectified()], ids=lambda s: type(s).__name__)


def seeded(seed: int = 1) -> Callable[[Tensor], Tensor]:
    g = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=g)


def answer(solver: Callable[[Sampler], Sampler], denoise: Denoise, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
    """What a solver that replaces `denoise` makes of it at (x, t): a sampler that returns it unchanged."""

    def ask(denoise: Denoise, schedule: Schedule, x: Tensor, times: Tensor, **options: Any) -> Iterator[State]:
        yield State(times[1], denoise(x, times[0]))

    return last(solver(ask)(denoise, schedule, x, torch.stack([t, t / 2])))


def matrix(operator: Callable[[Tensor], Tensor], d: int) -> tuple[Tensor, Tensor]:
    """The rows of A that are not 0, and which they are."""
    a = operator(torch.eye(d)).T
    seen = a.abs().sum(1) > 0
    return a[seen], seen


def exact_posterior(data: Mixture, measurement: Measurement) -> Mixture:
    a, seen = matrix(measurement.operator, 6)
    return data.posterior(a, measurement.y[0][seen], measurement.noise_std)
