"""Error of every deterministic sampler against the exact flow map, at equal numbers of network calls.

The network is exact: the denoiser of a mixture of 100 Gaussians in 64 dimensions, with axes of 0.03 to 0.3 standard
deviations around means of variance 1/4. The error is the root mean square distance per dimension to where the
probability-flow ODE leads from the same noise. Everyone picks the best of his grids at each number of calls.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks._peers import Run, diffusers_samplers, k_diffusion_samplers
from core.align import align, flow_error
from core.analytic import Mixture
from core.discover import build, names
from core.ode import flow
from core.sampling import Sampler, along, last
from core.schedule import Denoise, Schedule
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

CALLS = (5, 8, 12, 20, 50)
START = 80.0
SMALLEST = (0.002, 0.01, 0.02, 0.04, 0.08)
"""Last levels before 0 that every grid is tried with."""
PATHS: dict[str, Schedule | None] = {"edm": None, "rectified": Rectified(), "cosine": Cosine(t_max=1.0)}
"""In whose time and scale a step is taken; for samplers of the exponential family they agree."""


class Best(NamedTuple):
    """The least error at one number of calls, and the grid that reached it."""

    error: float
    grid: str


class Problem(NamedTuple):
    denoise: Denoise
    x: Tensor
    exact: Tensor
    data: Tensor


def problem(examples: int = 32) -> Problem:
    g = torch.Generator().manual_seed(0)
    mean = torch.randn(100, 64, generator=g) / 2
    std = torch.exp(torch.rand(100, 64, generator=g) * math.log(10)) * 0.03
    mixture = Mixture(torch.full((100,), 0.01), mean, torch.diag_embed(std**2))
    denoise = by_products(mean, std)
    x = mixture.sample(examples, g) + START * torch.randn(examples, 64, generator=g)
    for level in (START, 1.0, 0.01):
        t = torch.tensor(level)
        assert (denoise(x * level / START, t) - mixture.denoise(EDM())(x * level / START, t)).abs().max() < 1e-9
    end = torch.tensor(1e-5)  # below it x0_hat and x differ by less than 1e-8
    exact = flow(denoise, EDM(), x, torch.tensor(START), end, tolerance=1e-9)
    return Problem(denoise, x, exact, mixture.sample(256, g))


def by_products(mean: Tensor, std: Tensor) -> Denoise:
    """What `Mixture.denoise` answers for equal weights and axes along the coordinates, in matrix products: a call takes
    a tenth of a millisecond."""

    def denoise(x: Tensor, level: Tensor) -> Tensor:
        precision = 1 / (std**2 + level**2)
        square = x**2 @ precision.T - 2 * x @ (mean * precision).T + (mean**2 * precision - precision.log()).sum(-1)
        weight = torch.softmax(-square / 2, dim=-1)
        return weight @ (mean * level**2 * precision) + x * (weight @ (std**2 * precision))

    return denoise


def common_grids(steps: int) -> Iterator[tuple[str, Tensor]]:
    """The grids that all three libraries offer."""
    schedule = EDM(t_max=START)
    for sigma_min in SMALLEST:
        ends = {"sigma_min": sigma_min, "sigma_max": START}
        for rho in (2.0, 3.0, 5.0, 7.0, 10.0):
            yield f"karras {rho:g}, {sigma_min:g}", build("core.grids", "karras", {"rho": rho, **ends})(schedule, steps)
        yield f"log_snr, {sigma_min:g}", build("core.grids", "log_snr", ends)(schedule, steps)


def own_grids(at: Problem) -> Callable[[int], Iterator[tuple[str, Tensor]]]:
    """Those, and the one that `core.align` finds for this denoiser from data, which are not the examples measured."""

    @cache
    def aligned(steps: int, sigma_min: float) -> Tensor:
        g = torch.Generator().manual_seed(1)
        noise = lambda x: torch.randn(x.shape, generator=g)  # noqa: E731
        schedule = EDM(t_max=START)
        return align(
            at.denoise, schedule, at.data, steps, cost=flow_error, sigma_min=sigma_min, candidates=96, randn_like=noise
        )

    def grids(steps: int) -> Iterator[tuple[str, Tensor]]:
        yield from common_grids(steps)
        for sigma_min in SMALLEST[1:]:
            yield f"align, {sigma_min:g}", aligned(steps, sigma_min)

    return grids


def ours() -> dict[str, Run]:
    """Every sampler that draws no noise by default, on each path that changes its steps. `ode` chooses its own."""
    found: dict[str, Run] = {}
    for name in names("core.samplers"):
        if name == "ode" or _draws(name):
            continue
        ends: list[Tensor] = []
        for path, schedule in PATHS.items():
            run = _along(schedule, build("core.samplers", name))
            end = run(lambda x, t: torch.tanh(x) / (1 + t), torch.ones(1, 2), torch.tensor([2.0, 1.2, 0.6, 0.3, 0.0]))
            if not any(torch.allclose(end, other, rtol=1e-9) for other in ends):
                ends.append(end)
                found[name if schedule is None else f"{name}, {path}"] = run
    return found


def _along(path: Schedule | None, sampler: Sampler) -> Run:
    moved = sampler if path is None else along(path, sampler)
    return lambda denoise, x, levels: last(moved(denoise, EDM(t_max=START), x, levels))


def _draws(name: str) -> bool:
    heard = []
    states = build("core.samplers", name)(
        lambda x, t: x,
        EDM(),
        torch.ones(1, 1),
        torch.tensor([2.0, 1.0, 0.5]),
        randn_like=lambda x: heard.append(x) or x,
    )
    list(states)
    return bool(heard)


class Counted:
    """A denoiser that counts its calls."""

    def __init__(self, denoise: Denoise) -> None:
        self.denoise, self.calls = denoise, 0

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        return self.denoise(x, t)


def most_steps(run: Run, calls: int) -> int:
    """The most steps of `run` that take at most `calls` calls; 0 where not even one does."""
    for steps in range(calls + 1, 0, -1):
        counted = Counted(lambda x, t: x / (1 + t**2))
        try:
            run(counted, torch.full((1, 2), START), torch.cat([torch.logspace(1.9, -1, steps), torch.zeros(1)]))
        except (ValueError, IndexError, RuntimeError, ZeroDivisionError):
            continue  # a peer that refuses so few steps
        if counted.calls <= calls:
            return steps
    return 0


def errors(
    runs: Mapping[str, Run], grids: Callable[[int], Iterable[tuple[str, Tensor]]], at: Problem
) -> dict[str, dict[int, Best]]:
    """Per sampler and number of calls its best grid; what is not finite does not count."""
    table: dict[str, dict[int, Best]] = {}
    for name, run in runs.items():
        table[name] = {}
        for calls in CALLS:
            best = Best(math.inf, "-")
            steps = most_steps(run, calls)
            for grid, levels in grids(steps) if steps else ():
                error = (run(at.denoise, at.x, levels) - at.exact).square().mean().sqrt().item()
                if error < best.error:
                    best = Best(error, grid)
            table[name][calls] = best
    return table


def accuracy(print_row: Callable[[str], None] = print) -> dict[str, dict[str, dict[int, Best]]]:
    """Library -> sampler -> calls -> best."""
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)
    at = problem()
    found = {}
    libraries: dict[str, tuple[dict[str, Run], Callable[[int], Iterable[tuple[str, Tensor]]]]] = {
        "trifuse": (ours(), own_grids(at)),
        "diffusers": (diffusers_samplers(), common_grids),
        "k-diffusion": (k_diffusion_samplers(), common_grids),
    }
    for library, (runs, grids) in libraries.items():
        if not runs:
            print_row(f"{library} is not installed: left out")
            continue
        found[library] = errors(runs, grids, at)
        for name, row in found[library].items():
            cells = " ".join(f"{row[calls].error:9.2e}" for calls in CALLS)
            print_row(f"{library:12} {name:28} {cells}   {row[CALLS[2]].grid}")
    return found
