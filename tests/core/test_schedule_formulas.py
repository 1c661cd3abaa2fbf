"""The papers' own formulae and numbers, schedule by schedule."""

import math

import pytest
import torch

from core.learned_schedule import LearnedSchedule
from core.schedule import log_snr, norm, rates
from core.schedules.cosine import Cosine
from core.schedules.discrete import Discrete, named_betas
from core.schedules.edm import EDM
from core.schedules.laplace import Laplace
from core.schedules.linear import Linear
from core.schedules.rectified import Rectified
from core.schedules.scaled_linear import ScaledLinear
from core.schedules.shifted import Shifted
from core.schedules.sigmoid import Sigmoid
from core.schedules.sub_vp import SubVP
from core.schedules.ve import VE
from core.schedules.zero_terminal import ZeroTerminal, zero_terminal_betas

T = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)


def test_scaled_linear_is_the_limit_of_stable_diffusions_chain():
    """The continuous log alpha-bar lies above the table's by the second order of log(1 - beta), and because 1000 rows
    from end to end span 999 intervals. Lin et al. 2024, table 1: the last SNR is 0.004682, sqrt(alpha-bar) 0.068265."""
    beta = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alpha_bar = torch.cumprod(1 - beta, 0)
    ours = ScaledLinear().alpha(torch.arange(1, 1001) / 1000) ** 2
    drift = ours.log()[-1] - alpha_bar.log()[-1]
    rows = (beta[0] + beta[-1]) / 2 + ours.log()[-1] / 1000  # the trapezoid's ends less one interval
    assert drift.item() == pytest.approx(((beta**2 / 2).sum() + rows).item(), rel=0.01)
    assert alpha_bar[-1].sqrt().item() == pytest.approx(0.068265, abs=5e-7)
    assert (alpha_bar[-1] / (1 - alpha_bar[-1])).item() == pytest.approx(0.004682, abs=5e-7)
    assert torch.allclose(-2 * rates(ScaledLinear(), T)[0] / ScaledLinear().alpha(T), torch.lerp(
        torch.tensor(0.85**0.5), torch.tensor(12.0**0.5), T) ** 2)  # beta(t) = -2 d ln alpha / dt  # fmt: skip


def test_sub_vp_is_equation_29():
    """Song et al. 2021b: mean exp(-B / 2), variance (1 - exp(-B))^2; B(0.5) = 0.05 + 19.9 / 8 = 2.5375."""
    alpha, sigma = SubVP().alpha(torch.tensor(0.5)), SubVP().sigma(torch.tensor(0.5))
    assert alpha.item() == pytest.approx(math.exp(-2.5375 / 2), rel=1e-14)
    assert sigma.item() == pytest.approx(1 - math.exp(-2.5375), rel=1e-14)
    assert (SubVP().sigma(T) < Linear().sigma(T)).all()  # what gave it its name
    assert torch.equal(SubVP().alpha(T), Linear().alpha(T))


def test_sub_vp_is_the_moment_equation_of_its_sde():
    """dx = -beta x / 2 dt + sqrt(beta (1 - e^(-2B))) dw (eq. 12): d sigma^2/dt = beta (1 - e^(-2B) - sigma^2)."""
    beta, b = 0.1 + 19.9 * T, 0.1 * T + 19.9 * T**2 / 2
    sigma, (_, d_sigma) = SubVP().sigma(T), rates(SubVP(), T)
    assert torch.allclose(2 * sigma * d_sigma, beta * (1 - torch.exp(-2 * b) - sigma**2), rtol=1e-10)


def test_ve_is_the_variance_of_its_sde():
    """Song et al. 2021b, eq. 30: the diffusion is sigma_min r^t sqrt(2 ln r); its integral is ours exactly, and
    sigma_min^2 short of the paper's rounded (sigma_min r^t)^2."""
    sigma, (d_alpha, d_sigma) = VE().sigma(T), rates(VE(), T)
    ratio = torch.tensor(5000.0)
    assert torch.allclose(2 * sigma * d_sigma, (0.01 * ratio**T) ** 2 * 2 * math.log(5000), rtol=1e-12)
    assert torch.allclose(sigma**2 + 0.01**2, (0.01 * ratio**T) ** 2, rtol=1e-12)
    assert (d_alpha == 0).all()
    assert VE().sigma(torch.tensor(1.0)).item() == pytest.approx(math.sqrt(50**2 - 0.01**2), rel=1e-14)


def test_uniform_times_have_laplace_distributed_log_snr():
    """-dt/dlambda is the density exp(-|lambda - mean| / scale) / (2 scale); the quartiles lie at mean -+ scale ln 2."""
    schedule, at = Laplace(mean=0.7, scale=1.3), torch.linspace(-6, 6, 40)
    rate = torch.func.jvp(schedule.time, (at,), (torch.ones_like(at),))[1]
    assert torch.allclose(-rate, torch.exp(-(at - 0.7).abs() / 1.3) / 2.6, rtol=1e-12)
    quartiles = log_snr(schedule, torch.tensor([0.25, 0.5, 0.75]))
    assert quartiles.tolist() == pytest.approx([0.7 + 1.3 * math.log(2), 0.7, 0.7 - 1.3 * math.log(2)])


@pytest.mark.parametrize(
    ("start", "end", "tau"), [(-3.0, 3.0, 1.0), (-3.0, 3.0, 0.9), (0.0, 3.0, 0.3), (-1.0, 9.0, 0.1)]
)
def test_sigmoid_is_algorithm_1(start, end, tau):
    """Chen 2023, algorithm 1, as it is written there; the paper's form loses digits near both ends."""
    v_start, v_end = (1 / (1 + math.exp(-v / tau)) for v in (start, end))
    gamma = (v_end - torch.sigmoid((T * (end - start) + start) / tau)) / (v_end - v_start)
    schedule = Sigmoid(start, end, tau)
    assert torch.allclose(schedule.alpha(T) ** 2, gamma, rtol=1e-9, atol=1e-15)
    assert torch.allclose(schedule.sigma(T) ** 2, 1 - gamma, rtol=1e-9, atol=1e-15)


def test_sigmoid_is_symmetric_where_its_ends_are():
    assert Sigmoid().alpha(torch.tensor(0.5)).item() == pytest.approx(math.sqrt(0.5), rel=1e-14)
    assert torch.allclose(Sigmoid().alpha(T), Sigmoid().sigma(1 - T), rtol=1e-12)


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
@pytest.mark.parametrize(
    "base",
    [Cosine(), Rectified(), EDM(), SubVP(), VE(), Discrete("cosine", 30), LearnedSchedule()],
    ids=lambda s: str(s)[:30],
)
def test_shifted_multiplies_the_level_at_every_time(base, factor):
    """Hoogeboom et al. 2023, sec. 3.1: the log-SNR moves by -2 ln factor, and the scale of x stays the base's own."""
    schedule, t = Shifted(base, factor), T * base.t_max
    assert torch.allclose(log_snr(schedule, t), log_snr(base, t) - 2 * math.log(factor), rtol=1e-12, atol=1e-12)
    if isinstance(base, EDM | VE):
        assert torch.equal(schedule.alpha(t), torch.ones_like(t))
    elif isinstance(base, Rectified):
        assert torch.allclose(schedule.alpha(t) + schedule.sigma(t), torch.ones_like(t), rtol=1e-14)
    else:
        assert torch.allclose(norm(schedule, t, t), norm(base, t, t), rtol=1e-14)
    back = Shifted(schedule, 1 / factor)
    assert torch.allclose(back.alpha(t), base.alpha(t), rtol=1e-12)
    assert torch.allclose(back.sigma(t), base.sigma(t), rtol=1e-12)


def test_shifted_rectified_is_equation_23():
    """Esser et al. 2024: t_m = sqrt(m/n) t_n / (1 + (sqrt(m/n) - 1) t_n), the straight path at another time."""
    warped = 3 * T / (1 + 2 * T)
    assert torch.allclose(Shifted(Rectified(), 3.0).sigma(T), warped, rtol=1e-14)
    assert torch.allclose(Shifted(Rectified(), 3.0).alpha(T), 1 - warped, rtol=1e-13)
    assert torch.allclose(Shifted(Cosine(), 2.0).sigma(T) ** 2, torch.sigmoid(-log_snr(Cosine(), T) + 2 * math.log(2)))


def test_zero_terminal_betas_are_algorithm_1():
    """Lin et al. 2024, written out in its own steps; sqrt(alpha-bar) of the first step stays, that of the last is 0."""
    betas = named_betas("scaled_linear")
    root = (1 - betas).cumprod(0).sqrt()
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    bar = root**2
    want = 1 - torch.cat([bar[:1], bar[1:] / bar[:-1]])
    got = torch.tensor(zero_terminal_betas(betas.tolist()))
    assert torch.allclose(got, want, rtol=1e-9)
    assert got[-1] == 1
    table = Discrete(tuple(got.tolist()))
    assert torch.allclose(table.alpha(torch.arange(1.0, 1001)), root, rtol=1e-9, atol=1e-12)
    assert table.alpha(torch.tensor(1000.0)) == 0


def test_zero_terminal_is_affine_in_alpha_and_near_the_table_of_the_paper():
    """alpha' = (alpha - alpha_T) / (1 - alpha_T). The paper pins the first row and not the clean end: alpha' is larger
    there by the factor alpha_1 (1 - alpha_T) / (alpha_1 - alpha_T) = 1 + 3.3e-5 throughout."""
    base = Discrete("scaled_linear")
    k = torch.arange(1.0, 1000)
    end, first = base.alpha(torch.tensor(1000.0)), base.alpha(torch.tensor(1.0))
    ours = ZeroTerminal(base).alpha(k)
    assert torch.allclose(ours, (base.alpha(k) - end) / (1 - end), rtol=1e-12)
    paper = Discrete(zero_terminal_betas(named_betas("scaled_linear").tolist())).alpha(k)
    factor = first * (1 - end) / (first - end)
    assert factor.item() - 1 == pytest.approx(3.1e-5, abs=3e-6)
    assert torch.allclose(paper / ours, factor.expand_as(k), rtol=1e-10)
    assert ZeroTerminal(base).time(torch.tensor(-math.inf)) == 1000
