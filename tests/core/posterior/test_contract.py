"""Every solver, by discovery: with every sampler, schedule, mode and dtype, example by example."""

import pytest
import torch

from core.discover import build, names
from core.grids.karras import karras
from core.measurement import Measurement, measure
from core.operators.blur import Blur
from core.operators.downsample import Downsample
from core.operators.mask import Mask
from core.samplers.ddim import ddim
from core.sampling import along, last, per_example, prior
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified
from tests.core.posterior.problems import samplers, schedules, seeded

SOLVERS = [(n, {}) for n in names("core.posterior")]
SOLVERS += [("diffpir", {"zeta": 0.5}), ("repaint", {"jump": 2, "repeats": 2}), ("sdedit", {"strength": 1.0})]
solvers = pytest.mark.parametrize(("name", "options"), SOLVERS, ids=str)


@samplers
@pytest.mark.parametrize("name", names("core.posterior"))
def test_the_contract_of_a_sampler_holds(sampler, name):
    """With every sampler one finite state per time of the grid, from pure noise to clean data."""
    measurement = Measurement(Mask(((0, 3),)), torch.linspace(-1, 1, 6)[None], 0.1)
    schedule, times, x = Rectified(), karras(Rectified(), 4), torch.linspace(-1, 1, 12).reshape(2, 6)
    options = {"repaint": {"repeats": 2}}.get(name, {})
    run = build("core.posterior", name, options)(build("core.samplers", sampler), measurement)
    states = list(run(lambda x, t: x / 4 + 0.1, schedule, x, times, randn_like=seeded()))
    assert torch.equal(torch.stack([s.t for s in states]), times[1:])
    assert all(s.x.shape == x.shape and s.x.isfinite().all() for s in states)


@solvers
@schedules
def test_every_schedule_and_a_change_of_path(name, options, schedule, two, generator):
    measurement = measure(Downsample(2), two.sample(1, generator), noise_std=0.1, randn_like=seeded(2))
    times, run = karras(schedule, 5), build("core.posterior", name, options)(ddim, measurement)
    x = prior(schedule, torch.randn(3, 6, generator=generator))
    for sampler in (run, along(Rectified(), run)):
        final = last(sampler(two.denoise(schedule), schedule, x, times, randn_like=seeded()))
        assert final.shape == x.shape
        assert final.abs().max() < 6


@solvers
def test_an_example_does_not_depend_on_its_batch(name, options, two, generator):
    y = Downsample(2)(two.sample(4, generator))
    times = karras(EDM(), 6)

    def sample(which):
        noise = per_example([torch.Generator().manual_seed(int(i)) for i in which])
        run = build("core.posterior", name, options)(ddim, Measurement(Downsample(2), y[which], 0.1))
        x = prior(EDM(), noise(torch.empty(len(which), 6)))
        return last(run(two.denoise(EDM()), EDM(), x, times, randn_like=noise))

    together = sample(torch.arange(4))
    assert torch.allclose(sample(torch.tensor([2]))[0], together[2], atol=1e-12)
    assert torch.allclose(sample(torch.tensor([3, 1])), together[[3, 1]], atol=1e-12)


@solvers
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference"])
def test_gradients_are_taken_whatever_the_mode_of_the_caller(name, options, mode, two, generator):
    measurement = measure(Blur(0.6), two.sample(1, generator), noise_std=0.1, randn_like=seeded(2))
    run = build("core.posterior", name, options)
    if name == "ddnm_plus":
        measurement = Measurement(Downsample(2), measurement.y[:, ::2], 0.1)
    x, times = 80 * torch.randn(2, 6, generator=generator), karras(EDM(), 4)

    def sample():
        return last(run(ddim, measurement)(two.denoise(EDM()), EDM(), x.clone(), times.clone(), randn_like=seeded()))

    with mode():
        inside = sample()
    assert torch.equal(inside, sample())


@solvers
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_x_keeps_its_dtype(name, options, dtype):
    """The float64 result within the rounding of x, which each of six steps and two noises may repeat."""
    measurement = Measurement(Downsample(2), torch.full((1, 32), 0.3), 0.1)
    noise = torch.linspace(-1, 1, 64)[None]

    def run(dtype):
        low = Measurement(Downsample(2), measurement.y.to(dtype), 0.1)
        sampler = build("core.posterior", name, options)(ddim, low)
        x = prior(Cosine(), noise.to(dtype))
        denoise = lambda x, t: x * 0.25 + 0.5  # noqa: E731
        return last(sampler(denoise, Cosine(), x, karras(Cosine(), 6), randn_like=lambda x: noise.flip(1).to(x)))

    got, want = run(dtype), run(torch.float64)
    assert got.dtype == dtype
    assert (got - want).abs().max() < 24 * torch.finfo(dtype).eps * max(1.0, want.abs().max().item())
