"""Every parameterisation is one linear form: round trips over all of them, literal numbers for their signs."""

import pytest
import torch

from core.discover import build, names
from core.prediction import target, to_x0, x0_coefficients, x0_error_scale
from core.predictions.edm import EDM
from core.predictions.score import score
from core.schedule import diffuse, log_snr, scales
from core.weightings.simple import simple

predictions = pytest.mark.parametrize("prediction", names("core.predictions"))
schedules = pytest.mark.parametrize("schedule", names("core.schedules"))


@schedules
@predictions
def test_the_target_determines_x0(schedule, prediction, generator):
    schedule, prediction = build("core.schedules", schedule), build("core.predictions", prediction)
    x0, eps = torch.randn(2, 6, 3, 4, generator=generator)
    t = torch.linspace(0.1, 0.9, 6) * schedule.t_max
    x = diffuse(schedule, x0, t, eps)
    alpha, sigma = scales(schedule, t, x)
    y = target(prediction, x0, eps, alpha, sigma)
    assert torch.allclose(to_x0(prediction, y, x, alpha, sigma), x0, atol=1e-10)
    nudged = to_x0(prediction, y + 1e-3, x, alpha, sigma)
    assert torch.allclose((nudged - x0).abs(), 1e-3 * x0_error_scale(prediction, alpha, sigma).expand_as(x0), atol=1e-9)


@predictions
def test_at_the_clean_end_x_is_x0_whatever_the_network_says(prediction):
    """sigma = 0: x_t = x0, so only x0 itself may still listen to the network."""
    ends, x, output = (torch.ones(()), torch.zeros(())), torch.tensor(0.7), torch.tensor(3.0)
    got = to_x0(build("core.predictions", prediction), output, x, *ends)
    assert got == (output if prediction == "x0" else x)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("x0", 2.0),
        ("eps", 3.0),
        ("v", 0.8 * 3 - 0.6 * 2),
        ("flow", 3.0 - 2.0),
        ("score", -3.0 / 0.6),
        ("edm", (0.6 * 2 / 0.5 - 0.8 * 0.5 * 3) / 0.52**0.5),
        ("anchored", (0.6 * 2 - 0.8 * 0.05**2 * 3) / (0.04**2 + 0.6**2) ** 0.5),
    ],
)
def test_definitions_match_the_papers(name, want):
    """Round trips cannot see a sign convention; literal numbers can (x0 = 2, eps = 3, alpha = 0.8, sigma = 0.6)."""
    values = map(torch.tensor, (2.0, 3.0, 0.8, 0.6))
    assert target(build("core.predictions", name), *values).item() == pytest.approx(want, rel=1e-14)


@schedules
def test_the_best_score_prediction_is_the_score_of_the_data(schedule, two_modes):
    """Song et al. 2021b, eq. 7, and Tweedie's formula: where the network outputs d log p_t / dx, x0_hat is
    E[x0 | x_t]. A unit of error in the score is sigma^2 / alpha in x0, so `simple` is the paper's weight sigma^2."""
    schedule = build("core.schedules", schedule)
    t, x = torch.linspace(0.02, 0.98, 25) * schedule.t_max, torch.linspace(-2, 2, 25)
    alpha, sigma = scales(schedule, t, x)
    got = to_x0(score, two_modes.score(schedule, x, t), x, alpha, sigma)
    assert torch.allclose(got, two_modes.denoise(schedule)(x, t), rtol=1e-9, atol=1e-11)
    weight = simple(log_snr(schedule, t)) * x0_error_scale(score, alpha, sigma) ** 2
    assert torch.allclose(weight, sigma**2, rtol=1e-12)


def test_anchored_is_x0_above_its_level_and_noise_below(generator):
    """Where half of x0_hat is x, and what it tends to at either side; without noise it is x, whatever the network."""
    x0, eps = torch.randn(2, 5, generator=generator)
    anchored, one = build("core.predictions", "anchored", {"level": 0.1}), torch.ones(())
    assert torch.allclose(target(anchored, x0, eps, one, torch.tensor(1e3)), x0, atol=1e-4)
    assert torch.allclose(target(anchored, x0, eps, one, torch.tensor(1e-6)), -0.1 * eps, atol=1e-4)
    assert x0_coefficients(anchored, one, torch.tensor(0.1))[0].item() == pytest.approx(0.5)
    assert torch.equal(to_x0(anchored, eps, x0, one, torch.zeros(())), x0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_infinite_score_still_gives_x(dtype):
    """At sigma = 0 and next to it: 1 / sigma at its largest, and no 0 * inf."""
    sigma = torch.tensor([0.0, torch.finfo(dtype).tiny, 1e-30], dtype=dtype)
    a, b = score(torch.ones_like(sigma), sigma)
    assert b.isfinite().all()
    x = torch.tensor([0.3, -2.0, 5.0], dtype=dtype)
    assert torch.equal(to_x0(score, torch.full_like(x, 1e3), x, torch.ones_like(sigma), sigma), x)
    assert (a == 0).all()


@pytest.mark.parametrize("sigma", [0.002, 0.5, 80.0])
def test_edm_preconditioning_is_table_1(sigma):
    """Karras et al. 2022, table 1: D = c_skip x + c_out F, here at sigma_data = 0.3."""
    sd, sigma = 0.3, torch.tensor(sigma)
    c_skip, c_out = sd**2 / (sigma**2 + sd**2), sigma * sd / torch.sqrt(sigma**2 + sd**2)
    x, output = torch.tensor(1.7), torch.tensor(-0.4)
    got = to_x0(EDM(sigma_data=sd), output, x, torch.ones(()), sigma)
    assert torch.allclose(got, c_skip * x + c_out * output, rtol=1e-13)


@schedules
def test_edm_target_has_unit_variance(schedule):
    """a^2 sigma_data^2 + b^2 = 1 and no correlation with x_t, for data of that deviation, on any schedule."""
    schedule, sd = build("core.schedules", schedule), 0.3
    t = torch.linspace(0.01, 0.99, 20) * schedule.t_max
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    a, b = EDM(sigma_data=sd)(alpha, sigma)
    assert torch.allclose((a * sd) ** 2 + b**2, torch.ones_like(t))
    assert torch.allclose(a * alpha * sd**2 + b * sigma, torch.zeros_like(t), atol=1e-12)


def test_edm_refuses_an_impossible_scale():
    with pytest.raises(ValueError, match="prediction edm: sigma_data must be positive, got 0"):
        EDM(sigma_data=0.0)
