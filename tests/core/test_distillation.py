"""Consistency distillation against the exact flow: the teacher's step, its guidance, and a student that jumps."""

import math

import pytest
import torch
from torch import nn

from core.denoiser import Denoiser
from core.discover import build, names
from core.guidance.interval import interval
from core.losses._jumps import gap_at
from core.losses.distillation import Distillation, distillation_loss
from core.predictions.v import v as predict_v
from core.samplers.ddim import ddim
from core.sampling import last
from core.schedule import diffuse, log_snr, scales
from core.schedules.cosine import Cosine
from core.weightings.v import v as weigh_v

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
STD = 0.8


def mean(schedule):
    """E[x0 | x_t] of x0 ~ N(0, STD^2): the perfect teacher."""

    def teacher(x, t, cond=None):
        alpha, sigma = scales(schedule, t, x)
        return alpha * STD**2 / (alpha**2 * STD**2 + sigma**2) * x

    return teacher


class Flow:
    """The perfect student: where the path of x_t ends, STD / sqrt(alpha^2 STD^2 + sigma^2) x."""

    prediction, sigma_data = staticmethod(predict_v), STD

    def __init__(self, schedule):
        self.schedule = schedule

    def __call__(self, x, t, cond=None):
        alpha, sigma = scales(self.schedule, t, x)
        return STD / torch.hypot(alpha * STD, sigma) * x


@schedules
def test_the_exact_flow_and_the_exact_mean_agree_but_for_the_error_of_one_step(schedule, generator):
    """One step of first order is off by gap^2, which makes gap^4 / gap of the loss: an eighth with each stage."""
    x0, eps = torch.randn(2, 6, 4, generator=generator)
    t = torch.linspace(0.2, 0.9, 6) * schedule.t_max

    def loss(stage):
        return distillation_loss(Flow(schedule), STD * x0, t, eps, weigh_v, teacher=mean(schedule), stage=stage)

    assert torch.allclose(loss(9) / loss(10), torch.tensor(8.0), rtol=0.05)
    assert (loss(10) < 1e-6).all()


@pytest.mark.parametrize(("scale", "levels"), [(1.0, None), (3.0, None), (3.0, (0.2, 2.0))])
def test_the_step_is_ddims_with_the_guided_teacher(scale, levels, generator):
    """By the sampler itself, for each example at its own times; where r is 0 the teacher's answer is aimed at."""
    schedule, cond = Cosine(), {"label": torch.arange(5)}
    x0, eps = torch.randn(2, 5, 4, generator=generator)
    t = torch.tensor([0.01, 0.2, 0.4, 0.7, 0.95])

    def teacher(x, t, cond=None):
        return torch.tanh(x) if cond is None else torch.tanh(x + 0.1 * cond["label"].clamp(min=0)[:, None])

    network = nn.Linear(4, 4)
    student = Denoiser(_Plain(network), schedule, predict_v)
    got = distillation_loss(student, x0, t, eps, weigh_v, cond, teacher=teacher, stage=3, scale=scale, interval=levels)
    level = log_snr(schedule, t)
    gap = gap_at(3, torch.exp(-level / 2), 0.5)
    r = schedule.time(level - 2 * torch.log1p(-gap))
    assert (gap == 1).tolist() == [False, False, False, False, False]
    for i in range(5):
        one = {"label": cond["label"][i : i + 1]}

        def guided(x, t, one=one):
            return teacher(x, t) + scale * (teacher(x, t, one) - teacher(x, t))

        def as_drawn(x, t, one=one, guided=guided):
            low, high = levels or (0.0, math.inf)
            return interval(guided, lambda x, t: teacher(x, t, one), schedule, low=low, high=high)(x, t)

        x_t = diffuse(schedule, x0[i : i + 1], t[i], eps[i : i + 1])
        x_r = last(ddim(as_drawn, schedule, x_t, torch.stack([t[i], r[i]])))
        error = (student(x_t, t[i : i + 1]) - student(x_r, r[i : i + 1])).square().mean()
        assert got[i].item() == pytest.approx((weigh_v(level[i]) / gap[i] * error).item(), rel=1e-6)
    at_once = distillation_loss(student, x0, t, eps, weigh_v, teacher=teacher, stage=0)
    x_t = diffuse(schedule, x0, t, eps)
    assert torch.allclose(at_once, weigh_v(level) * (student(x_t, t) - teacher(x_t, t)).square().mean(1))


class _Plain(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, noise_label, cond):
        return torch.tanh(self.layer(x) + noise_label[:, None])


def test_no_gradient_reaches_the_teacher(generator):
    teacher, student = (Denoiser(_Plain(nn.Linear(4, 4)), Cosine(), predict_v) for _ in range(2))
    x0, eps = torch.randn(2, 5, 4, generator=generator)
    t = torch.linspace(0.1, 0.9, 5)
    distillation_loss(student, x0, t, eps, weigh_v, teacher=teacher, stage=4).sum().backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert all(p.grad.any() for p in student.parameters())


def test_a_student_learns_to_jump(two_modes, jumper):
    """Some seconds with the oracle for a teacher: one step from noise lands near the end of the exact flow, nearer
    than consistency training gets in as long (tests/core/test_consistency.py)."""
    schedule, n = Cosine(), 4000
    t_max, end = torch.tensor(schedule.t_max), torch.tensor(0.0)
    x = schedule.sigma(t_max) * torch.randn(n, 1, generator=torch.Generator().manual_seed(2))
    exact = two_modes.flow(schedule, x[:, 0], t_max, end)
    oracle = two_modes.denoise(schedule)
    loss = Distillation().taught_by(lambda x, t, cond=None: oracle(x, t))
    y = jumper(schedule, loss)(x.float(), t_max)[:, 0].double().detach()
    off = (y - exact).square().mean().sqrt().item()
    apart = (two_modes.cdf(schedule, y.sort().values, end) - (torch.arange(n) + 0.5) / n).abs().max().item()
    assert off < 0.12
    assert apart < 0.08


@pytest.mark.parametrize(
    ("options", "said"), [((0, 0.5, 1.0), "stages"), ((1, -0.1, 1.0), "wait"), ((1, 0.0, -1.0), "scale")]
)
def test_what_does_not_fit_is_refused(options, said):
    with pytest.raises(ValueError, match=f"^distillation: .*{said}"):
        Distillation(*options)
