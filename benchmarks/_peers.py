"""The samplers of diffusers and k-diffusion behind one signature: `run(denoise, x, levels) -> x` at the end.

`denoise(x, level) -> x0_hat` in EDM's coordinates, x = x0 + level eps; `levels` (steps + 1,) fall to 0. Both libraries
are given the very same levels, written over the table that a diffusers scheduler would have made itself, so that a grid
never decides for or against one of them.
"""

import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.schedule import Denoise

Run = Callable[[Denoise, Tensor, Tensor], Tensor]


def diffusers_samplers() -> dict[str, Run]:
    """The deterministic schedulers that take any noise levels, in the orders that they offer. KDPM2 is `sample_dpm_2`
    of k-diffusion; DDIM and PNDM know only the steps of a table: DDIM is `DPMSolverMultistep 1`."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    import diffusers as d

    d.utils.logging.set_verbosity_error()  # it comments on every small number of steps

    return {
        "Euler": _sigma_space(lambda: d.EulerDiscreteScheduler()),
        "Heun": _sigma_space(lambda: d.HeunDiscreteScheduler(), doubled=True),
        "LMS": _sigma_space(lambda: d.LMSDiscreteScheduler()),
        "EDMEuler": _edm(lambda: d.EDMEulerScheduler(sigma_data=1.0)),
        **{
            f"EDMDPMSolverMultistep {order}": _edm(
                lambda order=order: d.EDMDPMSolverMultistepScheduler(sigma_data=1.0, solver_order=order)
            )
            for order in (2, 3)
        },
        **{
            f"DPMSolverMultistep {order}": _unit_variance(
                lambda order=order: d.DPMSolverMultistepScheduler(solver_order=order)
            )
            for order in (1, 2, 3)
        },
        **{
            f"DPMSolverSinglestep {order}": _unit_variance(
                lambda order=order: d.DPMSolverSinglestepScheduler(solver_order=order)
            )
            for order in (2, 3)
        },
        **{
            f"DEISMultistep {order}": _to_the_last_level(
                _unit_variance(lambda order=order: d.DEISMultistepScheduler(solver_order=order))
            )
            for order in (2, 3)
        },
        **{
            f"UniPCMultistep {order} bh1": _to_the_last_level(
                _unit_variance(lambda order=order: d.UniPCMultistepScheduler(solver_order=order, solver_type="bh1"))
            )
            for order in (1, 2, 3)
        },
        **{
            f"UniPCMultistep {order} bh2": _unit_variance(
                lambda order=order: d.UniPCMultistepScheduler(solver_order=order, solver_type="bh2")
            )
            for order in (1, 2, 3)
        },
        "FlowMatchEuler": _flow(lambda: d.FlowMatchEulerDiscreteScheduler()),
        "FlowMatchHeun": _flow(lambda: d.FlowMatchHeunDiscreteScheduler(), doubled=True),
    }


def k_diffusion_samplers() -> dict[str, Run]:
    """The deterministic ones; empty where k-diffusion is not installed. Noise options are at 0."""
    sampling = _k_diffusion()
    if sampling is None:
        return {}

    def plain(name: str, **options: Any) -> Run:
        def run(denoise: Denoise, x: Tensor, levels: Tensor) -> Tensor:
            return getattr(sampling, name)(_batched(denoise), x, levels, disable=True, **options)

        return run

    def fast(denoise: Denoise, x: Tensor, levels: Tensor) -> Tensor:
        ends = levels[-2].item(), levels[0].item()
        return denoise(sampling.sample_dpm_fast(_batched(denoise), x, *ends, len(levels) - 2, disable=True), levels[-2])

    noiseless = {"eta": 0.0, "noise_sampler": lambda *_: 0.0}
    return {
        "sample_euler": plain("sample_euler"),
        "sample_heun": plain("sample_heun"),
        "sample_dpm_2": plain("sample_dpm_2"),
        "sample_lms": plain("sample_lms"),
        "sample_dpm_fast": fast,
        "sample_dpmpp_2s": plain("sample_dpmpp_2s_ancestral", **noiseless),
        "sample_dpmpp_2m": plain("sample_dpmpp_2m"),
        "sample_dpmpp_2m_sde, eta 0": plain("sample_dpmpp_2m_sde", **noiseless),
        "sample_dpmpp_3m_sde, eta 0": plain("sample_dpmpp_3m_sde", **noiseless),
    }


def _k_diffusion() -> Any:
    """`k_diffusion.sampling` alone: the package's own import asks for everything that its training needs."""
    found = importlib.util.find_spec("k_diffusion")
    if found is None or found.submodule_search_locations is None:
        return None
    package = sys.modules.setdefault("k_diffusion", types.ModuleType("k_diffusion"))
    package.__path__ = list(found.submodule_search_locations)
    return importlib.import_module("k_diffusion.sampling")


def _batched(denoise: Denoise) -> Callable[..., Tensor]:
    return lambda x, sigma, **_: denoise(x, sigma[0] if sigma.ndim else sigma)


def _loop(scheduler: Any, x: Tensor, answer: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Each call of `answer` is told the level at which the scheduler stands."""
    for t in scheduler.timesteps:
        i = scheduler.step_index or 0  # None before the first step
        x = scheduler.step(answer(x, scheduler.sigmas[i]), t, x, return_dict=False)[0]
    return x


def _prepared(scheduler: Any, levels: Tensor, *, doubled: bool = False) -> Any:
    """The scheduler with `levels` in place of its own table; `doubled` where it takes two turns per step."""
    steps = len(levels) - 1
    scheduler.set_timesteps(steps)
    turns = torch.cat([levels[:1], levels[1:-1].repeat_interleave(2), levels[-1:]]) if doubled else levels
    scheduler.sigmas = turns
    scheduler.timesteps = torch.arange(len(turns) - 1, 0, -1, dtype=torch.float64)
    scheduler.num_inference_steps = steps
    scheduler.set_begin_index(0)
    return scheduler


def _sigma_space(make: Callable[[], Any], *, doubled: bool = False) -> Run:
    """x as in EDM; the model answers eps."""

    def run(denoise: Denoise, x: Tensor, levels: Tensor) -> Tensor:
        scheduler = _prepared(make(), levels, doubled=doubled)
        scheduler.is_scale_input_called = True
        return _loop(scheduler, x, lambda x, level: (x - denoise(x, level)) / level)

    return run


def _edm(make: Callable[[], Any]) -> Run:
    """x as in EDM; the model answers F of EDM's preconditioning, which the scheduler undoes."""

    def run(denoise: Denoise, x: Tensor, levels: Tensor) -> Tensor:
        scheduler = _prepared(make(), levels)
        scheduler.is_scale_input_called = True

        def answer(x: Tensor, level: Tensor) -> Tensor:
            var = level**2 + 1
            return (denoise(x, level) - x / var) / (level / var.sqrt())

        return _loop(scheduler, x, answer)

    return run


def _unit_variance(make: Callable[[], Any]) -> Run:
    """x is divided by sqrt(1 + level^2); the model answers eps."""

    def run(denoise: Denoise, x: Tensor, levels: Tensor) -> Tensor:
        scheduler = _prepared(make(), levels)

        def answer(x: Tensor, level: Tensor) -> Tensor:
            wide = x * (1 + level**2).sqrt()
            return (wide - denoise(wide, level)) / level

        return _loop(scheduler, x / (1 + levels[0] ** 2).sqrt(), answer)

    return run


def _to_the_last_level(run: Run) -> Run:
    """For schedulers that divide zero by zero on arriving at level 0: one call of the model makes that step instead."""

    def steps(denoise: Denoise, x: Tensor, levels: Tensor) -> Tensor:
        if len(levels) > 2:
            x = run(denoise, x, levels[:-1]) * (1 + levels[-2] ** 2).sqrt()
        return denoise(x, levels[-2])

    return steps


def _flow(make: Callable[[], Any], *, doubled: bool = False) -> Run:
    """x is divided by 1 + level; the table holds t = level / (1 + level) and the model answers eps - x0."""

    def run(denoise: Denoise, x: Tensor, levels: Tensor) -> Tensor:
        scheduler = _prepared(make(), levels / (1 + levels), doubled=doubled)

        def answer(x: Tensor, t: Tensor) -> Tensor:
            x0 = denoise(x / (1 - t), t / (1 - t))
            return (x - x0) / t

        return _loop(scheduler, x / (1 + levels[0]), answer)

    return run
