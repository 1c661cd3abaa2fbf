"""The loop never looks at a value: whole samplings compile into one graph, and nothing is moved to the host inside."""

import importlib

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.discover import build, names
from core.grids.karras import karras
from core.sampling import last
from core.schedules.edm import EDM
from core.schedules.linear import Linear
from core.schedules.rectified import Rectified


def draws_noise(name):
    """Whether a sampler is stochastic by default, found by listening."""
    draws = []
    sampler, times = build("core.samplers", name), torch.logspace(1, -2, 30)
    list(sampler(lambda x, t: x, EDM(), torch.ones(1), times, randn_like=lambda x: draws.append(x) or x))
    return bool(draws)


FIXED = [
    n for n in names("core.samplers") if not getattr(importlib.import_module(f"core.samplers.{n}"), "ADAPTIVE", False)
]
DETERMINISTIC = [n for n in FIXED if not draws_noise(n)]
STOCHASTIC = [("ddim", {"eta": 1.0}), ("ddpm", {"variance": 0.5}), ("heun", {"s_churn": 4.0, "s_min": 0.05})]
TRANSFERS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default}


class Watch(TorchDispatchMode):
    """Collects the reads of a value on the host, and whether each fell between two calls of the denoiser."""

    def __init__(self):
        super().__init__()
        self.calls, self.reads = 0, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in TRANSFERS or (func is torch.ops.aten._to_copy.default and args[0].device.type != "cpu"):
            self.reads.append(self.calls)
        return func(*args, **(kwargs or {}))


def watched(sampler, schedule, times):
    """(calls of the denoiser, how many had been made at each read)."""
    watch = Watch()

    def denoise(x, t):
        watch.calls += 1
        return x / 2

    with watch:
        last(sampler(denoise, schedule, torch.ones(3, 2), times, randn_like=torch.ones_like))
    return watch.calls, watch.reads


@pytest.mark.parametrize(("name", "options"), [(n, {}) for n in FIXED] + STOCHASTIC, ids=str)
@pytest.mark.parametrize("schedule", [Linear(), Rectified()], ids=lambda s: type(s).__name__)
def test_no_value_is_read_between_the_first_call_and_the_last(name, options, schedule):
    calls, reads = watched(build("core.samplers", name, options), schedule, karras(schedule, 6))
    assert calls >= 6
    assert [n for n in reads if n > 0] == []


def test_the_watch_sees_a_read():
    def reading(denoise, schedule, x, times, *, randn_like):
        for t in times[:-1]:
            x = denoise(x, t) if t > 0 else x
            yield type("S", (), {"x": x})

    assert watched(reading, Linear(), karras(Linear(), 3)) == (3, [0, 1, 2])


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_whole_sampling_compiles_into_one_graph(name):
    """From pure noise to sigma = 0, warm-ups included; the one graph then serves another x and other times."""
    torch._dynamo.reset()
    schedule, sampler, graphs = Rectified(), build("core.samplers", name), []

    def sample(x, times):
        return last(sampler(lambda x, t: torch.tanh(x) * (1 - t), schedule, x, times))

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(sample, fullgraph=True, backend=backend)
    for x, sigma_min in ((torch.linspace(-1, 1, 6), 0.01), (torch.linspace(-2, 1, 6), 0.1)):
        times = karras(schedule, 5, sigma_min=sigma_min)
        assert torch.allclose(compiled(x, times), sample(x, times), rtol=1e-12, atol=1e-12)
    assert len(graphs) == 1
