"""The contract with the network: unit variance in, a label that is ln(sigma / alpha) / 4, coefficients in float32."""

import math

import pytest
import torch
from torch import nn

from core.denoiser import Denoiser
from core.discover import build, names
from core.predictions.edm import edm
from core.predictions.v import v
from core.schedule import diffuse
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)


class Spy(nn.Module):
    """Answers zero and remembers what it was asked."""

    def forward(self, x, noise_label, cond):
        self.asked = x, noise_label, cond
        return torch.zeros_like(x)


def test_input_and_label_are_those_of_edm():
    """Karras et al. 2022, table 1: c_in = 1 / sqrt(sigma^2 + sigma_data^2), c_noise = ln(sigma) / 4, c_skip."""
    spy, x, sigma = Spy(), torch.linspace(-9, 9, 10).reshape(2, 5), torch.tensor([0.3, 20.0])
    denoiser = Denoiser(spy, EDM(), edm(sigma_data=0.5), sigma_data=0.5)
    x0, (seen, label, cond) = denoiser(x, sigma), spy.asked
    assert torch.allclose(seen, x / torch.sqrt(sigma**2 + 0.25)[:, None])
    assert torch.allclose(label, sigma.log() / 4)
    assert cond is None
    assert torch.allclose(x0, 0.25 / (sigma**2 + 0.25)[:, None] * x)


@schedules
def test_network_sees_unit_variance_and_no_schedule(schedule, generator):
    """At equal log-SNR the same x0 and eps give the same input and the same label on every schedule."""
    log_snr, sd = torch.linspace(-8, 8, 5), 0.3
    x0, eps = sd * torch.randn(5, 50, generator=generator), torch.randn(5, 50, generator=generator)
    asked = []
    for s in (schedule, Rectified()):
        t, spy = s.time(log_snr), Spy()
        Denoiser(spy, s, v, sigma_data=sd)(diffuse(s, x0, t, eps), t)
        asked.append(spy.asked)
    (x, label, _), (other_x, other_label, _) = asked
    assert torch.allclose(x, other_x, rtol=1e-8)
    assert torch.allclose(label, other_label)
    assert torch.allclose(label, -log_snr / 8)
    assert x.std(1).tolist() == pytest.approx([1] * 5, rel=5 / math.sqrt(2 * 50))


def test_label_is_clamped_where_log_snr_is_infinite():
    spy = Spy()
    denoiser = Denoiser(spy, Rectified(), v)
    denoiser(torch.ones(2, 3), torch.tensor([0.0, 1.0]))
    assert spy.asked[1].tolist() == [-2.5, 2.5]


@pytest.mark.parametrize("prediction", names("core.predictions"))
@schedules
def test_finite_at_both_ends(schedule, prediction, generator):
    """At t = 0 x is x0; at t_max, whatever the network says, nothing overflows."""
    prediction = build("core.predictions", prediction)
    x = torch.randn(2, 3, generator=generator)
    try:
        denoiser = Denoiser(Spy(), schedule, prediction)
    except ValueError:
        assert schedule.alpha(torch.tensor(schedule.t_max)) == 0
        return
    assert denoiser(x, torch.tensor([0.0, schedule.t_max])).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(), (3,)], ids=["scalar t", "t per example"])
def test_dtypes(dtype, shape, generator):
    """x keeps its dtype all the way, the label and the raw output are float32, t may be float64 as samplers give it."""
    spy, x, t = Spy(), torch.randn(3, 2, 4, generator=generator).to(dtype), torch.rand(shape, generator=generator)
    denoiser = Denoiser(spy, Cosine(), v)
    assert denoiser(x, t).dtype == dtype
    assert spy.asked[0].dtype == dtype
    assert spy.asked[1].dtype == torch.float32
    assert spy.asked[1].shape == (3,)
    assert denoiser.output(x, t).dtype == torch.float32


def test_coefficients_stay_in_float32_when_everything_else_is_bfloat16(generator):
    """x0_hat is one rounding from the float64 result with the same network output."""
    x, t = torch.randn(64, 8, generator=generator).bfloat16(), torch.rand(64, generator=generator).bfloat16()
    got = Denoiser(Spy(), Cosine(), v)(x, t)
    exact = Denoiser(Spy(), Cosine(), v)(x.double(), t.double())
    assert ((got - exact).abs() <= exact.abs() * torch.finfo(torch.bfloat16).eps).all()


def test_condition_reaches_the_network():
    spy, cond = Spy(), {"label": torch.tensor([3, -1])}
    Denoiser(spy, EDM(), v)(torch.ones(2, 4), torch.tensor(1.0), cond)
    assert spy.asked[2] is cond


def test_scale_of_the_data_must_be_positive():
    with pytest.raises(ValueError, match="sigma_data must be positive, got 0"):
        Denoiser(Spy(), EDM(), v, sigma_data=0.0)
