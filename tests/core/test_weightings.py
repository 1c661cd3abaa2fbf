"""Weights of the squared x0 error: literal numbers, and each as the plain error of its own target."""

import math

import pytest
import torch

from core.discover import build, names
from core.prediction import x0_error_scale
from core.schedule import log_snr


@pytest.mark.parametrize(
    ("name", "options", "at_zero", "at_ln_9"),
    [
        ("simple", {}, 1, 9),
        ("v", {}, 2, 10),
        ("flow", {}, 4, 16),
        ("min_snr", {}, 1, 5),
        ("min_snr", {"gamma": 2.0}, 1, 2),
        ("clamped_snr", {"low": 0.5, "high": 2.0}, 1, 2),
        ("clamped_snr", {"low": 2.0}, 2, 5),
        ("edm", {}, 5, 13),
        ("edm", {"sigma_data": 1.0}, 2, 10),
    ],
    ids=str,
)
def test_literal_weights(name, options, at_zero, at_ln_9):
    """At SNR 1 and SNR 9."""
    got = build("core.weightings", name, options)(torch.tensor([0, math.log(9)]))
    assert got.tolist() == pytest.approx([at_zero, at_ln_9])


@pytest.mark.parametrize("name", names("core.weightings"))
def test_every_weight_is_positive_finite_and_grows_with_the_signal(name):
    weight = build("core.weightings", name)(torch.linspace(-40, 40, 81))
    assert (weight > 0).all()
    assert weight.isfinite().all()
    assert (weight.diff() >= 0).all()
    assert build("core.weightings", name)(torch.tensor([-math.inf])).isfinite().all()


@pytest.mark.parametrize(
    ("name", "prediction", "schedule"),
    [
        ("simple", "eps", "cosine"),
        ("simple", "eps", "edm"),
        ("v", "v", "cosine"),
        ("v", "v", "linear"),
        ("flow", "flow", "rectified"),
        ("edm", "edm", "edm"),
    ],
)
def test_each_is_the_plain_error_of_its_own_target(name, prediction, schedule):
    """w q^2 = 1: a network that predicts that target on its own schedule is trained on plain squared error."""
    schedule = build("core.schedules", schedule)
    t = torch.linspace(0.01, 0.99, 50) * schedule.t_max
    q = x0_error_scale(build("core.predictions", prediction), schedule.alpha(t), schedule.sigma(t))
    assert torch.allclose(build("core.weightings", name)(log_snr(schedule, t)) * q**2, torch.ones_like(t))


def test_edm_weight_is_table_1():
    """Karras et al. 2022: (sigma^2 + sigma_data^2) / (sigma sigma_data)^2, here at sigma = 2, sigma_data = 0.5."""
    got = build("core.weightings", "edm")(torch.tensor(-2 * math.log(2.0)))
    assert got.item() == pytest.approx((4 + 0.25) / 1)


@pytest.mark.parametrize(("name", "option"), [("min_snr", "gamma"), ("edm", "sigma_data")])
def test_options_out_of_range_are_refused(name, option):
    with pytest.raises(ValueError, match=f"weighting {name}: {option} must be positive, got 0"):
        build("core.weightings", name, {option: 0.0})
