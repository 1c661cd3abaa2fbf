"""Tables of betas: exact at whole times, monotone in between, the same tables that others have."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.discover import build
from core.schedule import diffuse, log_snr
from core.schedules.discrete import Discrete, named_betas
from core.schedules.linear import Linear
from core.schedules.scaled_linear import ScaledLinear
from core.schedules.zero_terminal import zero_terminal_betas


@pytest.fixture(scope="module")
def ddpm_scheduler():
    return pytest.importorskip("diffusers").DDPMScheduler


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("linear", {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}),
        ("scaled_linear", {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}),
        ("cosine", {"beta_schedule": "squaredcos_cap_v2"}),
    ],
)
@pytest.mark.parametrize("zero_terminal", [False, True])
def test_tables_are_those_of_diffusers(ddpm_scheduler, name, theirs, zero_terminal):
    """sqrt(alphas_cumprod), row for row, to the float32 of theirs after a thousand products. Their cosine is capped in
    the last row alone, ours too."""
    scheduler = ddpm_scheduler(**theirs, rescale_betas_zero_snr=zero_terminal)
    betas = named_betas(name).tolist()
    schedule = Discrete(zero_terminal_betas(betas)) if zero_terminal else Discrete(name)
    ours = schedule.alpha(torch.arange(1.0, 1001))
    assert torch.allclose(ours, scheduler.alphas_cumprod.double().sqrt(), rtol=2e-5, atol=2e-6)


def test_rows_are_products_of_one_minus_beta():
    """Ho et al. 2020, sec. 4: beta_1 = 1e-4, beta_1000 = 0.02, alpha-bar_1000 = 4.04e-5."""
    schedule, k = Discrete(), torch.arange(1.0, 1001)
    bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
    assert torch.allclose(schedule.alpha(k) ** 2, bar, rtol=1e-12)
    assert torch.allclose(schedule.sigma(k) ** 2, 1 - bar, rtol=1e-11)
    assert (schedule.alpha(torch.tensor([1.0, 1000.0])) ** 2).tolist() == pytest.approx([0.9999, 4.036e-5], rel=1e-4)
    assert schedule.t_max == 1000


def test_cosine_rows_are_equation_17_until_the_cap():
    """Nichol & Dhariwal 2021: beta = 1 - f(t) / f(t - 1), at most 0.999; with alpha-bar = f(t) / f(0) in every row but
    the last."""
    f = torch.cos((torch.arange(101) / 100 + 0.008) / 1.008 * torch.pi / 2) ** 2
    alpha = Discrete("cosine", 100).alpha(torch.arange(101.0))
    assert torch.allclose(alpha[:-1] ** 2, (f / f[0])[:-1], rtol=1e-10)
    assert (alpha[-1] / alpha[-2]).item() ** 2 == pytest.approx(0.001, rel=1e-12)


@pytest.mark.parametrize("steps", [100, 250, 1000, 4000])
def test_any_number_of_steps_is_the_same_process(steps):
    """Their limit is the continuous schedule of the same name: the log alpha-bar of all rows within the two errors of
    a table, sum beta^2 / 2 and the half step at either end."""
    for name, continuous in (("linear", Linear()), ("scaled_linear", ScaledLinear())):
        k, betas = torch.arange(1.0, steps + 1), named_betas(name, steps)
        gap = 2 * (Discrete(name, steps).alpha(k).log() - continuous.alpha(k / steps).log())
        assert gap.abs().max() < (betas**2).sum() / 2 * 1.2 + betas[-1]
        assert betas[-1] == pytest.approx({"linear": 20, "scaled_linear": 12}[name] / steps)


def test_between_rows_alpha_is_linear_and_goes_on_to_zero():
    schedule = Discrete((0.19, 0.75))  # alpha = 1, 0.9, 0.45, by hand
    t = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    assert schedule.alpha(t).tolist() == pytest.approx([1, 0.95, 0.9, 0.675, 0.45, 0.225, 0], abs=1e-15)
    assert schedule.time(torch.tensor(-torch.inf)) == 3
    assert torch.allclose(schedule.time(log_snr(schedule, t[1:-1])), t[1:-1], rtol=1e-14)


betas = st.lists(st.floats(1e-6, 0.999), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(betas=betas, ends_in_noise=st.booleans(), share=st.floats(1e-6, 1.0))
def test_any_table_is_a_schedule(betas, ends_in_noise, share):
    """Exact rows, unit variance, strictly falling, inverted; as long as rows are apart by more than rounding."""
    schedule = Discrete((*betas, 1.0) if ends_in_noise else tuple(betas))
    rows = torch.cat([torch.ones(1), torch.cumprod(1 - torch.tensor([*betas, *([1.0] * ends_in_noise)]), 0)])
    k = torch.arange(float(len(rows)))
    assert torch.allclose(schedule.alpha(k) ** 2, rows, rtol=1e-11)
    assert torch.allclose(schedule.alpha(k) ** 2 + schedule.sigma(k) ** 2, torch.ones_like(k), rtol=1e-14)
    t = torch.linspace(0, schedule.t_max, 101)
    assert (log_snr(schedule, t).diff() < 0).all()
    at = torch.tensor(share * schedule.t_max)
    assert torch.allclose(
        log_snr(schedule, schedule.time(log_snr(schedule, at))), log_snr(schedule, at), rtol=1e-9, atol=1e-9
    )


def test_a_recipe_can_give_its_own_table():
    schedule = build("core.schedules", "discrete", {"betas": [0.1, 0.2]})
    assert schedule == Discrete((0.1, 0.2))
    assert repr(schedule) == "Discrete(2 betas from 0.1 to 0.2)"
    assert repr(build("core.schedules", "discrete", {"betas": "cosine"})) == "Discrete(betas='cosine', steps=1000)"
    assert hash(Discrete("cosine", 7)) == hash(Discrete("cosine", 7))
    assert Discrete("cosine", 7) != Discrete("cosine", 8)


def test_a_table_made_in_inference_mode_trains_afterwards():
    with torch.inference_mode():
        schedule = Discrete("cosine", 10)
    x0 = torch.ones(3, requires_grad=True)
    diffuse(schedule, x0, torch.tensor(4.5), torch.zeros(3)).sum().backward()
    assert torch.allclose(x0.grad, schedule.alpha(torch.tensor(4.5)).expand(3))
