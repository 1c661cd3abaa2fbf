"""Every guidance, by discovery: any rank, example by example, in the dtype of x, and sampled with."""

import inspect

import pytest
import torch

from core.discover import names, resolve
from core.grids.uniform import uniform
from core.samplers.ddim import ddim
from core.sampling import last
from core.schedules.linear import Linear
from tests.core.guidance.models import gaussian, rows, schedules

OPTIONS = {
    "classifier_free": {"scale": 3.0},
    "autoguidance": {"scale": 3.0},
    "apg": {"scale": 3.0, "norm_threshold": 2.0, "momentum": -0.3},
    "cfg_zero": {"scale": 3.0},
    "cfg_plus_plus": {"scale": 0.5},
    "composed": {"weights": (1.0, 2.0)},
    "interval": {"low": 0.1, "high": 30.0},
}


def made(name, schedule):
    """Any guidance by name, from models of elementwise Gaussians; its arguments say what it needs."""
    function, times = resolve("core.guidance", name), uniform(schedule, 4)
    model = {"conditional": 1.0, "denoise": 1.0, "unconditional": 0.2, "weaker": 0.3, "guided": 1.5}
    given = {n: in_dtype_of_x(gaussian(mean).denoise(schedule)) for n, mean in model.items()}
    given |= {"schedule": schedule, "times": times, "conditionals": [given["conditional"], given["weaker"]]}
    given |= {"log_prob": lambda x, t: -(x.float() if x.dtype == torch.bfloat16 else x).square().flatten(1).sum(1)}
    wanted = [p for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    return function(*(given[p.name] for p in wanted), **OPTIONS.get(name, {}))


def in_dtype_of_x(denoise):
    return lambda x, t: denoise(x, t).to(x.dtype)


guidances = pytest.mark.parametrize("name", names("core.guidance"))


@guidances
@schedules
@pytest.mark.parametrize("shape", [(1,), (2, 3), (2, 3, 1, 2)], ids=str)
def test_every_guidance_for_every_rank_example_by_example(name, schedule, shape):
    """Finite from t_max to the end, and an example's answer does not depend on the others, nor on the form of t."""
    x = rows(4, shape)
    for t in (schedule.t_max, 0.5 * schedule.t_max, 1e-3 * schedule.t_max):
        together = made(name, schedule)(x, torch.tensor(t))
        alone = torch.cat([made(name, schedule)(x[i : i + 1], torch.tensor(t)) for i in range(4)])
        per_example = made(name, schedule)(x, torch.full((4,), t))
        assert together.isfinite().all()
        assert torch.allclose(together, alone, rtol=1e-12, atol=1e-12)
        assert torch.allclose(together, per_example, rtol=1e-9, atol=1e-9)


@guidances
@pytest.mark.parametrize("times", [torch.float64, torch.float32])
def test_every_guidance_keeps_the_dtype_of_x_and_its_precision(name, times):
    """bf16 in, bf16 out, within its rounding of the float64 answer; times of either form do not promote."""
    x = rows(4, (3, 2)).bfloat16()
    want = made(name, Linear())(x.double(), torch.tensor(0.6))
    for t in (torch.tensor(0.6, dtype=times), torch.full((4,), 0.6, dtype=times)):
        got = made(name, Linear())(x, t)
        assert got.dtype == torch.bfloat16
        assert torch.allclose(got.double(), want, rtol=0.05, atol=0.1)


@guidances
@schedules
def test_every_guidance_is_sampled_with(name, schedule):
    """A short deterministic run under inference mode, guided and twice the same from the same denoiser."""
    x, times = rows(2, (3,)) * schedule.sigma(torch.tensor(schedule.t_max)), uniform(schedule, 4)
    guided = made(name, schedule)
    with torch.inference_mode():
        first, second = (last(ddim(guided, schedule, x, times)) for _ in range(2))
    assert first.isfinite().all()
    assert torch.equal(first, second)
