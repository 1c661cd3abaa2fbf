"""Training times: quantile functions against literal numbers and against the distribution of their draws."""

import math

import pytest
import torch

from core.densities.log_normal import LogNormal
from core.densities.logit_normal import LogitNormal
from core.densities.uniform import Uniform
from core.discover import build, names
from core.draws.stratified import stratified
from core.schedule import log_snr
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
QUARTILE = 0.6744897501960817  # of the standard normal


@pytest.mark.parametrize("density", names("core.densities"))
@schedules
def test_every_draw_is_a_time_of_the_schedule(density, schedule):
    """In (0, t_max] for the most extreme float32 draws that `stratified` gives, and increasing in between."""
    edge = torch.finfo(torch.float32).eps / 2
    u = torch.cat([torch.tensor([edge]), torch.linspace(0.001, 0.999, 99), torch.tensor([1 - edge])]).float()
    t = build("core.densities", density)(u, schedule)
    assert t.dtype == torch.float32
    assert (t > 0).all()
    assert (t.double() <= schedule.t_max * (1 + 1e-7)).all()
    assert (t.diff() >= 0).all()
    assert (t[1:-1].diff() > 0).all()


def test_uniform_quantiles():
    assert Uniform()(torch.tensor([0.25, 0.5]), EDM()).tolist() == [20, 40]


def test_log_normal_quantiles_are_those_of_edm():
    """Karras et al. 2022: ln sigma ~ N(-1.2, 1.2^2), so the median is e^-1.2 = 0.3012."""
    t = LogNormal()(torch.tensor([0.25, 0.5, 0.75]), EDM())
    assert t.tolist() == pytest.approx([math.exp(-1.2 + 1.2 * z) for z in (-QUARTILE, 0, QUARTILE)])
    assert t[1].item() == pytest.approx(0.3012, abs=1e-4)


@schedules
def test_log_normal_levels_do_not_depend_on_the_schedule(schedule):
    t = LogNormal(mean=0.3, std=0.8)(torch.tensor([0.25, 0.5, 0.75]), schedule)
    level = -log_snr(schedule, t) / 2  # ln(sigma / alpha)
    assert level.tolist() == pytest.approx([0.3 + 0.8 * z for z in (-QUARTILE, 0, QUARTILE)])


def test_logit_normal_quantiles():
    t = LogitNormal(mean=0.5)(torch.tensor([0.25, 0.5, 0.75]), Cosine())
    assert (t / Cosine().t_max).tolist() == pytest.approx(
        [1 / (1 + math.exp(-0.5 - z)) for z in (-QUARTILE, 0, QUARTILE)]
    )


def test_logit_normal_is_log_normal_on_the_straight_path():
    u = torch.linspace(0.01, 0.99, 9)
    assert torch.allclose(LogitNormal(mean=0.2, std=0.7)(u, Rectified()), LogNormal(mean=0.2, std=0.7)(u, Rectified()))


@pytest.mark.parametrize("density", ["log_normal", "logit_normal"])
def test_no_spread_is_refused(density):
    with pytest.raises(ValueError, match=f"density {density}: std must be positive, got 0"):
        build("core.densities", density, {"std": 0.0})


@pytest.mark.parametrize("n", [1, 7, 1024])
def test_stratified_puts_one_draw_in_each_stratum(n, generator):
    u = stratified(n, generator)
    assert u.dtype == torch.float32
    assert (u > 0).all()
    assert (u < 1).all()
    assert (u * n).floor().long().sort().values.tolist() == list(range(n))


@pytest.mark.parametrize("extreme", [0.0, 1 - 2**-24], ids=["least", "greatest"])
def test_no_draw_rounds_to_an_end(extreme, generator, monkeypatch):
    """(1023 + r) / 1024 is 1 in float32 for the greatest r, and a normal quantile of 1 is infinite."""
    monkeypatch.setattr(torch, "rand", lambda n, dtype, **_: torch.full((n,), extreme, dtype=dtype))
    u = stratified(1024, generator)
    assert (u > 0).all()
    assert (u < 1).all()
    assert torch.special.ndtri(u).isfinite().all()


def test_each_place_in_the_batch_is_uniform_on_its_own(generator):
    """Over many batches of 4, every place has the deciles of U(0, 1): within 5 binomial standard errors."""
    u = torch.stack([stratified(4, generator) for _ in range(4000)])
    for place in u.T:
        counts = torch.histc(place.double(), bins=10, min=0, max=1)
        assert ((counts - 400).abs() < 5 * math.sqrt(4000 * 0.1 * 0.9)).all()


def test_stratifying_cuts_the_variance_of_a_mean(generator):
    """Var of the batch mean of u falls from 1 / (12 n) to 1 / (12 n^3), by quadrature over strata."""
    n = 8
    means = torch.stack([stratified(n, generator).double().mean() for _ in range(4000)])
    assert means.var().item() == pytest.approx(1 / (12 * n**3), rel=5 * math.sqrt(2 / 4000))


def test_the_generator_alone_decides():
    a, b = (stratified(16, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert not torch.equal(a, stratified(16, torch.Generator().manual_seed(4)))
