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
        ("soft_min_snr", {}, 0.8, 36 / 13),
        ("soft_min_snr", {"gamma": 1.0}, 0.5, 0.9),
        ("p2", {}, 0.5, 0.9),
        ("p2", {"gamma": 0.5, "k": 7.0}, 1 / math.sqrt(8), 9 / 4),
        ("p2", {"gamma": 0.0}, 1, 9),
        ("truncated_snr", {}, 1, 9),
        ("elbo", {}, 0.5, 4.5),
        ("sigmoid", {"bias": 0.0}, 0.25, 0.45),
        ("sigmoid", {"bias": math.log(3)}, 3 / 8, 9 / 8),
        ("uncertainty", {}, 5, 13),
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


SNR = torch.logspace(-3, 3, 25)


def test_soft_min_snr_is_1_over_the_variance_of_x_t():
    """Crowson et al. 2024: (sigma sigma_data)^2 / (sigma^2 + sigma_data^2)^2 on EDM's target, gamma = 1 / sigma_data^2;
    between half of min-SNR and all of it."""
    level, sigma_data = SNR**-0.5, 0.5
    on_target = (level * sigma_data) ** 2 / (level**2 + sigma_data**2) ** 2
    got = build("core.weightings", "soft_min_snr")(SNR.log())
    assert torch.allclose(got, on_target * build("core.weightings", "edm", {"sigma_data": sigma_data})(SNR.log()))
    hard = build("core.weightings", "min_snr", {"gamma": 4.0})(SNR.log())
    assert (got >= hard / 2).all()
    assert (got <= hard).all()


def test_p2_is_the_eps_objective_over_a_power():
    """Choi et al. 2022, eq. 8: 1 / (k + SNR)^gamma on the error of eps, which is SNR times that of x0."""
    got = build("core.weightings", "p2", {"gamma": 0.7, "k": 2.0})(SNR.log())
    assert torch.allclose(got, build("core.weightings", "simple")(SNR.log()) / (2 + SNR) ** 0.7)


def test_truncated_snr_is_the_worse_of_two_errors():
    """Salimans & Ho 2022, sec. 4: max(|x0 - x0_hat|^2, |eps - eps_hat|^2); `clamped_snr` with the same floor alone."""
    got = build("core.weightings", "truncated_snr")(SNR.log())
    assert torch.allclose(got, torch.maximum(torch.ones_like(SNR), SNR))
    assert torch.allclose(got, build("core.weightings", "clamped_snr", {"low": 1.0, "high": math.inf})(SNR.log()))


def test_sigmoid_fades_the_bound_out():
    """Kingma & Gao 2023: sigmoid(bias - lambda) / 2 on the error of eps, which only falls; half the bound at the bias,
    the bound itself far below it."""
    log_snr = SNR.log()
    on_eps = build("core.weightings", "sigmoid")(log_snr) / SNR
    assert torch.allclose(on_eps, torch.sigmoid(2 - log_snr) / 2)
    assert (on_eps.diff() < 0).all()
    far = build("core.weightings", "sigmoid", {"bias": 40.0})(log_snr)
    assert torch.allclose(far, build("core.weightings", "elbo")(log_snr))
    with pytest.raises(ValueError, match="weighting sigmoid: bias must be finite, got inf"):
        build("core.weightings", "sigmoid", {"bias": math.inf})


def test_which_weightings_are_per_nat():
    assert {n for n in names("core.weightings") if getattr(build("core.weightings", n), "per_nat", False)} == {
        "elbo",
        "sigmoid",
    }


def test_uncertainty_learns_the_logarithm_of_the_loss():
    """Karras et al. 2024b: the least e^-u L + u is at u = ln L, where it is 1 + ln L. Here ln L is a smooth
    function of log-SNR; 128 waves of ln(sigma / alpha) / 4 hold it to a hundredth."""
    weighting, log_snr = build("core.weightings", "uncertainty"), torch.linspace(-8, 8, 200)
    error = (0.3 * torch.sin(log_snr / 2) - 0.4 * log_snr).exp()
    want = (weighting.base(log_snr) * error).log()
    optimizer = torch.optim.LBFGS(weighting.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = (weighting(log_snr) * error + weighting.penalty(log_snr)).mean()
        value.backward()
        return value

    assert loss().item() == pytest.approx((weighting.base(log_snr) * error).mean().item())  # u starts at 0
    optimizer.step(loss)
    assert (weighting.penalty(log_snr) - want).abs().max() < 0.01
    assert (weighting(log_snr) * error).detach().sub(1).abs().max() < 0.01
    assert loss().item() == pytest.approx(1 + want.mean().item(), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("soft_min_snr", {"gamma": 0.0}, "weighting soft_min_snr: gamma must be positive, got 0.0"),
        ("p2", {"k": 0.0}, "weighting p2: needs k > 0 and gamma >= 0, got 0.0 and 1.0"),
        ("p2", {"gamma": -1.0}, "weighting p2: needs k > 0 and gamma >= 0, got 1.0 and -1.0"),
        (
            "uncertainty",
            {"channels": 0},
            "weighting uncertainty: sigma_data and channels must be positive, got 0.5 and 0",
        ),
    ],
)
def test_more_options_out_of_range_are_refused(name, options, line):
    with pytest.raises(ValueError) as caught:
        build("core.weightings", name, options)
    assert str(caught.value) == line
