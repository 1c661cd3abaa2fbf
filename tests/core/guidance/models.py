"""Models to guide: exact ones of Gaussians, constants, and those that count their calls or must not be called."""

from typing import Any

import pytest
import torch
from torch import Tensor

from core.analytic import Mixture1D
from core.schedule import Denoise
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.linear import Linear
from core.schedules.rectified import Rectified

SCHEDULES = [Cosine(), Linear(), EDM(t_max=20.0), Rectified()]
schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)


def gaussian(mean: float, std: float = 0.6) -> Mixture1D:
    return Mixture1D(torch.ones(1), torch.tensor([mean]), torch.tensor([std]))


def rows(n: int = 3, shape: tuple[int, ...] = (2, 5), seed: int = 0) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def never(x: Tensor, t: Tensor) -> Tensor:
    raise AssertionError("called, and should not have been")


def counted(denoise: Denoise) -> Any:
    """The same model, with the number of its calls so far in `calls`."""

    def f(x: Tensor, t: Tensor) -> Tensor:
        f.calls += 1
        return denoise(x, t)

    f.calls = 0
    return f


def constant(value: Tensor) -> Denoise:
    return lambda x, t: value
