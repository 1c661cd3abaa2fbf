"""Consistency training against the exact flow: its fixed point, its gap, and a network that learns to jump."""

import math

import pytest
import torch
from torch import nn

from core.denoiser import Denoiser
from core.discover import build, names
from core.errors.pseudo_huber import PseudoHuber
from core.losses._jumps import gap_at, stage_at
from core.losses.consistency import Consistency, consistency_loss
from core.losses.denoising import denoising_loss
from core.prediction import x0_coefficients
from core.predictions.v import v as predict_v
from core.schedule import diffuse, log_snr, scales
from core.schedules.cosine import Cosine
from core.weightings.v import v as weigh_v

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
predictions = pytest.mark.parametrize("prediction", [n for n in names("core.predictions") if n != "x0"])


class Shorter:
    """A schedule that stops short of its noisy end, so that every prediction says something about x0 on all of it."""

    def __init__(self, schedule):
        self.alpha, self.sigma, self.time = schedule.alpha, schedule.sigma, schedule.time
        self.t_max = 0.99 * schedule.t_max


class Tanh(nn.Module):
    """Any network will do, as long as it is wrong and has something to learn."""

    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.tensor(0.7))

    def forward(self, x, noise_label, cond):
        return torch.tanh(self.p * x + noise_label[:, None])


def drawn(schedule, generator, n=6):
    x0, eps = torch.randn(2, n, 3, generator=generator)
    return x0, torch.linspace(0.05, 0.95, n) * schedule.t_max, eps


@predictions
@schedules
def test_is_the_weighted_distance_of_two_answers(schedule, prediction, generator):
    """By hand, from levels and not from log-SNRs: w / gap |f(x_t, t) - f(x_r, r)|^2, with x0 for f where r is 0."""
    schedule = Shorter(schedule)
    denoiser = Denoiser(Tanh(), schedule, build("core.predictions", prediction))
    x0, t, eps = drawn(schedule, generator)
    level = schedule.sigma(t) / schedule.alpha(t)
    gap = torch.clamp((1 + 8 / (1 + torch.exp(level))) / 4, max=1)  # stage 2, sigma_data 0.5
    r = schedule.time(-2 * torch.log(level * (1 - gap)))
    assert torch.allclose(schedule.sigma(r) / schedule.alpha(r), level * (1 - gap), rtol=1e-4, atol=1e-9)
    ends = torch.where((gap == 1)[:, None], x0, denoiser(diffuse(schedule, x0, r, eps), r))
    error = (denoiser(diffuse(schedule, x0, t, eps), t) - ends).square().mean(1)
    want = weigh_v(log_snr(schedule, t)) / gap * error
    assert torch.allclose(consistency_loss(denoiser, x0, t, eps, weigh_v, stage=2), want, rtol=1e-4)


def test_the_gap_closes_from_the_noisy_end():
    """Literal numbers of n(l) = 1 + 8 / (1 + e^l): 5 at level 0, 1 far above, and half of it with each stage."""
    level = torch.tensor([0.0, 1.0, 50.0])
    assert torch.allclose(gap_at(3, level, 0.5), torch.tensor([0.625, (1 + 8 / (1 + math.e)) / 8, 0.125]))
    assert gap_at(0, level, 0.5).tolist() == [1.0, 1.0, 1.0]
    assert torch.allclose(gap_at(9, level, 0.5), gap_at(8, level, 0.5) / 2)
    assert torch.allclose(gap_at(4, 2 * level, 1.0), gap_at(4, level, 0.5))  # in units of the data's spread


def test_training_begins_with_the_denoising_loss(generator):
    """Bit for bit, the error of the recipe included; and stage by stage after it, each for as long."""
    schedule, loss = Cosine(), Consistency(stages=4, wait=0.5)
    x0, t, eps = drawn(schedule, generator)
    denoiser, huber = Denoiser(Tanh(), schedule, predict_v), PseudoHuber()
    plain = denoising_loss(denoiser, x0, t, eps, weigh_v, None, huber)
    assert torch.equal(loss.at(0.2)(denoiser, x0, t, eps, weigh_v, None, huber), plain)
    assert [stage_at(p, 4, 0.5) for p in (0, 0.49, 0.5, 0.62, 0.63, 0.8, 0.9, 1)] == [0, 0, 1, 1, 2, 3, 4, 4]
    assert [stage_at(p, 3, 0.0) for p in (0, 0.5, 1)] == [1, 2, 3]
    assert [stage_at(p, 3, 1.0) for p in (0, 0.999, 1)] == [0, 0, 1]
    assert torch.equal(loss(denoiser, x0, t, eps, weigh_v), loss.at(1.0)(denoiser, x0, t, eps, weigh_v))


class Scaled(nn.Module):
    """For x0 ~ N(0, std^2): f(x, t) = gain c(t) x, where c(t) = std / sqrt(alpha^2 std^2 + sigma^2) is the flow's."""

    def __init__(self, schedule, std):
        super().__init__()
        self.schedule, self.std, self.gain = schedule, std, nn.Parameter(torch.tensor(1.0))

    def forward(self, x, noise_label, cond):
        t = self.schedule.time(-8 * noise_label)
        alpha, sigma = scales(self.schedule, t, x)
        x_t = x * torch.hypot(alpha * 0.5, sigma)
        p, q = x0_coefficients(predict_v, alpha, sigma)
        f = self.std / torch.hypot(alpha * self.std, sigma) * x_t
        return (self.gain * f - p * x_t) / q


@pytest.mark.parametrize("schedule", [Cosine(), build("core.schedules", "linear")], ids=str)
def test_the_exact_flow_is_the_fixed_point(schedule):
    """The mean gradient there is of second order in the gap, and so, divided by it, halves with each stage; that of the
    denoising loss does not vanish. Expectations by quadrature, exact for these polynomials."""
    nodes, weights = (torch.as_tensor(v) for v in hermite())
    x0, eps = 0.8 * nodes.repeat_interleave(3)[:, None], nodes.repeat(3)[:, None]
    mass = (weights[:, None] * weights).flatten()
    t = torch.full((9,), 0.6)
    denoiser = Denoiser(Scaled(schedule, 0.8), schedule, predict_v)

    def gradient(stage):
        loss = (mass * consistency_loss(denoiser, x0, t, eps, weigh_v, stage=stage)).sum()
        return torch.autograd.grad(loss, denoiser.network.gain)[0].item()

    found = [gradient(stage) for stage in (8, 9, 10)]
    assert found[0] / found[1] == pytest.approx(2, rel=0.02)
    assert found[1] / found[2] == pytest.approx(2, rel=0.01)
    assert abs(found[2]) < 0.01 * abs(gradient(0))


def hermite():
    """Three nodes and weights for E[p(z)], z ~ N(0, 1), exact up to degree 5."""
    return [-math.sqrt(3), 0.0, math.sqrt(3)], [1 / 6, 2 / 3, 1 / 6]


def test_the_answer_that_is_aimed_at_has_no_gradient(generator):
    """d loss / dp = 2 w / gap (f_t - f_r) df_t/dp, with f_r a number."""
    schedule = Cosine()
    denoiser, (x0, t, eps) = Denoiser(Tanh(), schedule, predict_v), drawn(schedule, generator, 1)
    p, h = denoiser.network.p, 1e-6
    loss = consistency_loss(denoiser, x0, t, eps, weigh_v, stage=4)
    (got,) = torch.autograd.grad(loss.sum(), p)
    with torch.no_grad():
        gap = gap_at(4, torch.exp(-log_snr(schedule, t) / 2), 0.5)
        r = schedule.time(log_snr(schedule, t) - 2 * torch.log1p(-gap))
        x_t, f_r = diffuse(schedule, x0, t, eps), denoiser(diffuse(schedule, x0, r, eps), r)
        f_t = denoiser(x_t, t)
        p += h
        slope = (denoiser(x_t, t) - f_t) / h
    want = (weigh_v(log_snr(schedule, t)) / gap * 2 * ((f_t - f_r) * slope).mean(1)).sum()
    assert got.item() == pytest.approx(want.item(), rel=1e-4)


def test_a_weighting_that_learns_keeps_its_penalty(generator):
    """Without it nothing would keep u from growing, and with it e^-u of the loss from vanishing."""
    schedule, weighting = Cosine(), build("core.weightings", "uncertainty", {"channels": 4})
    denoiser, (x0, t, eps) = Denoiser(Tanh(), schedule, predict_v), drawn(schedule, generator)
    level = log_snr(schedule, t)
    bare = build("core.errors", "squared")
    for stage in (1, 6):
        whole = consistency_loss(denoiser, x0, t, eps, weighting, stage=stage)
        r = schedule.time(level - 2 * torch.log1p(-gap_at(stage, torch.exp(-level / 2), 0.5)))
        gap = gap_at(stage, torch.exp(-level / 2), 0.5)
        ends = torch.where((gap < 1)[:, None], denoiser(diffuse(schedule, x0, r, eps), r), x0)
        error = bare(denoiser(diffuse(schedule, x0, t, eps), t) - ends, weighting(level) / gap)
        assert torch.allclose(whole - error, weighting.penalty(level), rtol=1e-6)


def test_dropout_falls_alike_in_both_calls():
    """With masks of its own, each call would give an answer of its own, however near r is to t."""

    class Dropped(nn.Module):
        def forward(self, x, noise_label, cond):
            return nn.functional.dropout(torch.ones_like(x), 0.5)

    schedule = Cosine()
    x0, t, eps = torch.zeros(4, 64), torch.linspace(0.3, 0.9, 4), torch.zeros(4, 64)
    denoiser = Denoiser(Dropped(), schedule, predict_v).train()
    torch.manual_seed(0)
    assert consistency_loss(denoiser, x0, t, eps, weigh_v, stage=16).max() < 1e-3
    assert not torch.equal(denoiser(x0, t), denoiser(x0, t))


def test_a_network_learns_to_jump(two_modes, jumper):
    """Some seconds of training bring one step from noise near the flow's end, and its distribution near the data's;
    the same training on the denoising loss answers with means, however long it goes on."""
    schedule, n = Cosine(), 4000
    t_max, end = torch.tensor(schedule.t_max), torch.tensor(0.0)
    x = schedule.sigma(t_max) * torch.randn(n, 1, generator=torch.Generator().manual_seed(2))
    exact = two_modes.flow(schedule, x[:, 0], t_max, end)

    def distances(loss):
        y = jumper(schedule, loss)(x.float(), t_max)[:, 0].double().detach()
        cdf = two_modes.cdf(schedule, y.sort().values, end)
        return (y - exact).square().mean().sqrt().item(), (cdf - (torch.arange(n) + 0.5) / n).abs().max().item()

    (off, apart), (plain_off, plain_apart) = distances(Consistency(wait=0.25)), distances(Consistency(1, 1.0))
    assert off < 0.25 < 0.6 < plain_off
    assert apart < 0.12 < 0.4 < plain_apart


def test_what_does_not_fit_is_refused():
    schedule, x = Cosine(), torch.zeros(1, 3)
    plain = Denoiser(Tanh(), schedule, build("core.predictions", "x0"))
    with pytest.raises(ValueError, match="a model that jumps must return x where there is no noise"):
        consistency_loss(plain, x, torch.tensor([0.5]), x, weigh_v)
    for stages, wait in ((0, 0.5), (1, -0.1), (1, 1.1)):
        with pytest.raises(ValueError, match=r"^consistency: needs stages >= 1 and wait in \[0, 1\], got"):
            Consistency(stages, wait)
