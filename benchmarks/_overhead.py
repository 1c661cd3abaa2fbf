"""What a step costs beside the network: ours against the diffusers scheduler of the same name, 64x3x32x32 on a CPU.

The network answers a constant at once, and noise is a constant in both: drawing it costs the same everywhere and more
than all the rest. Ours is measured twice: the sampler alone, given x0_hat, and the sampler with the whole `Denoiser`,
which scales the network's input and converts its output. Theirs is `scale_model_input` and `step`, which converts too.
Tables of diffusers are made outside of the timing; ours, which are part of the call, inside. Runs take turns.
"""

import collections
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks._timing import interleaved
from core.denoiser import Denoiser
from core.discover import build
from core.schedule import Denoise
from core.schedules.edm import EDM
from core.schedules.linear import Linear
from core.schedules.rectified import Rectified

SHAPE, STEPS = (64, 3, 32, 32), 24
NONE: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """One of our samplers, with the schedule and prediction that the scheduler of diffusers assumes."""

    sampler: str
    peer: str
    peer_options: Mapping[str, Any] = NONE
    options: Mapping[str, Any] = NONE
    schedule: Any = Linear()
    prediction: str = "eps"


ROWS = [
    Row("ddpm", "DDPMScheduler", {"clip_sample": False}),
    Row("ddim", "DDIMScheduler", {"clip_sample": False}),
    Row("pndm", "PNDMScheduler"),
    Row("plms", "PNDMScheduler", {"skip_prk_steps": True}),
    Row("lms", "LMSDiscreteScheduler"),
    Row("ipndm", "IPNDMScheduler"),
    Row("euler", "EulerDiscreteScheduler", schedule=EDM(14.6)),
    Row("heun", "HeunDiscreteScheduler", schedule=EDM(14.6)),
    Row("euler_ancestral", "EulerAncestralDiscreteScheduler", schedule=EDM(14.6)),
    Row("dpm_2", "KDPM2DiscreteScheduler", schedule=EDM(14.6)),
    Row("dpm_2_ancestral", "KDPM2AncestralDiscreteScheduler", schedule=EDM(14.6)),
    Row("dpmpp_2m", "DPMSolverMultistepScheduler", {"solver_order": 2}),
    Row("dpmpp_3m", "DPMSolverMultistepScheduler", {"solver_order": 3}),
    Row("dpmpp_2m_sde", "DPMSolverMultistepScheduler", {"solver_order": 2, "algorithm_type": "sde-dpmsolver++"}),
    Row("dpmpp_2s", "DPMSolverSinglestepScheduler", {"solver_order": 2}),
    Row("dpmpp_3s", "DPMSolverSinglestepScheduler", {"solver_order": 3}),
    Row("deis", "DEISMultistepScheduler", {"solver_order": 3}, {"order": 3}),
    Row("unipc", "UniPCMultistepScheduler", {"solver_order": 2}, {"order": 2}),
    Row("unipc", "UniPCMultistepScheduler", {"solver_order": 3}, {"order": 3}),
    Row("sa_solver", "SASolverScheduler"),
    Row("consistency", "CMStochasticIterativeScheduler", schedule=EDM(80.0)),
    Row("euler", "EDMEulerScheduler", schedule=EDM(80.0), prediction="edm"),
    Row("dpmpp_2m", "EDMDPMSolverMultistepScheduler", {"solver_order": 2}, schedule=EDM(80.0), prediction="edm"),
    Row("euler", "FlowMatchEulerDiscreteScheduler", schedule=Rectified(), prediction="flow"),
    Row("heun", "FlowMatchHeunDiscreteScheduler", schedule=Rectified(), prediction="flow"),
]


class Constant(nn.Module):
    """A network that costs nothing, and counts its calls."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer, self.calls = answer, 0

    def forward(self, x: Tensor, noise_label: Tensor, cond: object = None) -> Tensor:
        self.calls += 1
        return self.answer


class Measured(NamedTuple):
    """Microseconds per call of the network."""

    sampler: float
    with_denoiser: float
    peer: float


def measure(row: Row, rounds: int) -> Measured:
    g = torch.Generator().manual_seed(0)
    x, answer, noise = (torch.randn(SHAPE, generator=g) for _ in range(3))
    network = Constant(answer)
    denoiser = Denoiser(network, row.schedule, build("core.predictions", row.prediction), sigma_data=0.5).eval()
    sampler = build("core.samplers", row.sampler, row.options)
    times = build("core.grids", "uniform")(row.schedule, STEPS)

    def run(denoise: Denoise) -> Callable[[], None]:
        states = functools.partial(sampler, denoise, row.schedule, x, times, randn_like=lambda x: noise)
        return lambda: collections.deque(states(), maxlen=0).clear()

    peer, turns = peer_loop(row, x, answer, noise)
    with torch.inference_mode():
        run(denoiser)()
        calls = network.calls
        runs = {"sampler": run(lambda x, t: answer), "with_denoiser": run(denoiser), "peer": peer}
        seconds = interleaved(runs, rounds, x.device)
    return Measured(*(1e6 * seconds[name] / (turns if name == "peer" else calls) for name in runs))


def peer_loop(row: Row, x: Tensor, answer: Tensor, noise: Tensor) -> tuple[Callable[[], None], int]:
    """A whole run of the scheduler, and how often it asks the network."""
    import diffusers

    kind = getattr(diffusers, row.peer)
    module = sys.modules[kind.__module__]
    if hasattr(module, "randn_tensor"):
        module.randn_tensor = lambda *_, **__: noise
    scheduler = kind(**row.peer_options)
    scheduler.set_timesteps(STEPS)
    turns = len(scheduler.timesteps)

    def run() -> None:
        rewind(scheduler)
        sample = x
        for t in scheduler.timesteps:
            if hasattr(scheduler, "scale_model_input"):
                scheduler.scale_model_input(sample, t)
            sample = scheduler.step(answer, t, sample, return_dict=False)[0]

    return run, turns


def rewind(scheduler: Any) -> None:
    """Back to the first step, without making the table again."""
    scheduler._step_index = None
    for name, fresh in (("ets", []), ("derivatives", []), ("counter", 0), ("cur_model_output", 0), ("dt", None)):
        if hasattr(scheduler, name):
            setattr(scheduler, name, fresh)
    for name in ("lower_order_nums", "sample", "prev_derivative", "last_sample"):
        if hasattr(scheduler, name):
            setattr(scheduler, name, 0 if name == "lower_order_nums" else None)
    if hasattr(scheduler, "model_outputs"):
        scheduler.model_outputs = [None] * len(scheduler.model_outputs)
    if hasattr(scheduler, "timestep_list"):
        scheduler.timestep_list = [None] * len(scheduler.timestep_list)


def overhead(rounds: int = 15) -> Iterator[tuple[Row, Measured]]:
    torch.set_default_dtype(torch.float32)
    for row in ROWS:
        yield row, measure(row, rounds)
