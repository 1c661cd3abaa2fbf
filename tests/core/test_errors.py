"""What becomes of a weighted residual: closed forms, and what all errors have in common."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.denoiser import Denoiser
from core.discover import build, names
from core.errors.squared import squared
from core.losses.denoising import denoising_loss
from core.predictions.flow import flow as flow_prediction
from core.schedule import diffuse
from core.schedules.cosine import Cosine
from core.schedules.rectified import Rectified
from core.weightings.flow import flow as flow_weighting
from core.weightings.simple import simple

errors = pytest.mark.parametrize("error", names("core.errors"))


@errors
def test_small_residuals_cost_their_weighted_mean_square(error, generator):
    """So that a weighting means the same under all of them; here each averages over axes too short to be halved."""
    residual, weight = 1e-4 * torch.randn(5, 3, 7, generator=generator), torch.linspace(0.5, 4, 5)
    got = build("core.errors", error)(residual, weight)
    assert got.shape == (5,)
    assert torch.allclose(got, weight * (residual**2).mean((1, 2)), rtol=1e-5, atol=0)


@errors
def test_the_weight_scales_the_residual(error, generator):
    """error(r, w) = error(sqrt(w) r, 1): weighting and parameterisation stay one thing."""
    residual, weight = 3 * torch.randn(5, 2, 64, generator=generator), torch.linspace(0.5, 4, 5)
    error = build("core.errors", error)
    scaled = residual * weight.sqrt()[:, None, None]
    assert torch.allclose(error(residual, weight), error(scaled, torch.ones(5)), rtol=1e-12)


@errors
@pytest.mark.parametrize("event", [(6,), (2, 128), (2, 64, 96), (1, 4, 64, 64)], ids=str)
def test_every_rank_one_example_at_a_time(error, event, generator):
    """The loss of an example does not depend on who shares its batch."""
    residual, weight = torch.randn(3, *event, generator=generator), torch.rand(3, generator=generator)
    error = build("core.errors", error)
    alone = torch.cat([error(residual[i : i + 1], weight[i : i + 1]) for i in range(3)])
    assert torch.allclose(error(residual, weight), alone, rtol=1e-12)


def test_huber_is_squares_within_and_lines_beyond():
    """At delta = 2: 1 at r = 1, 4 at the turn, 2 * 2 * 5 - 4 = 16 at r = -5; weights act on r before the turn."""
    huber = build("core.errors", "huber", {"delta": 2.0})
    got = huber(torch.tensor([[1.0], [2.0], [-5.0], [2.5]]), torch.tensor([1.0, 1.0, 1.0, 4.0]))
    assert got.tolist() == pytest.approx([1, 4, 16, 16])
    assert huber(torch.tensor([[1.0, -5.0]]), torch.ones(1)).item() == pytest.approx((1 + 16) / 2)


def test_pseudo_huber_is_the_papers_on_the_norm(generator):
    """Song & Dhariwal 2024, eq. 7: sqrt(|r|^2 + c^2) - c with c = 0.00054 sqrt(d), times 2 delta / sqrt(d)."""
    r, delta = torch.randn(4, 3, 8, 8, generator=generator), 0.00054
    d = 3 * 8 * 8
    c = delta * math.sqrt(d)
    paper = torch.sqrt((r**2).sum((1, 2, 3)) + c**2) - c
    got = build("core.errors", "pseudo_huber", {"delta": delta})(r, torch.ones(4))
    assert torch.allclose(got, paper * 2 * delta / math.sqrt(d), rtol=1e-10)


def test_cauchy_has_the_gradient_of_an_adaptive_weight(generator):
    """m / (m + delta^2) with the denominator held fixed, times delta^2; the square itself near zero."""
    r, delta, weight = torch.randn(4, 3, 8, 8, generator=generator).requires_grad_(), 0.3, torch.tensor([0.5, 1, 2, 9])
    m, got = squared(r, weight), build("core.errors", "cauchy", {"delta": delta})(r, weight)
    want = (m / (m.detach() + delta**2) * delta**2).sum()
    assert torch.allclose(*(torch.autograd.grad(loss, r, retain_graph=True)[0] for loss in (got.sum(), want)))
    assert torch.allclose(build("core.errors", "cauchy", {"delta": 1e4})(r, weight), m, rtol=1e-6)


@given(scale=st.floats(1e3, 1e9), delta=st.floats(1e-3, 1.0))
def test_outliers_pull_no_harder_than_delta(scale, delta):
    """The gradient with respect to a far residual is 2 delta, and that of the square grows with it."""
    r = torch.tensor([[scale]], requires_grad=True)
    for name in ("huber", "pseudo_huber"):
        (grad,) = torch.autograd.grad(build("core.errors", name, {"delta": delta})(r, torch.ones(1)).sum(), r)
        assert grad.item() == pytest.approx(2 * delta, rel=1e-5)
    (grad,) = torch.autograd.grad(squared(r, torch.ones(1)).sum(), r)
    assert grad.item() == pytest.approx(2 * scale)


def test_multi_scale_counts_structure_at_every_scale():
    """A constant 3 on 128 x 128 is worth (1 + 2 + 4) 9 down to 32; a chequerboard averages to 0 and is worth 9."""
    multi_scale, flat = build("core.errors", "multi_scale"), torch.full((1, 2, 128, 128), 3.0)
    board = 3 * (1 - 2 * ((torch.arange(128)[:, None] + torch.arange(128)) % 2)).expand(1, 2, 128, 128)
    assert multi_scale(flat, torch.ones(1)).item() == pytest.approx(63)
    assert multi_scale(board.double(), torch.ones(1)).item() == pytest.approx(9)
    assert multi_scale(flat[..., :63], torch.ones(1)).item() == pytest.approx(63)  # an odd axis is left alone
    assert multi_scale(flat[..., 0, 0], torch.ones(1)).item() == pytest.approx(9)  # channels are never averaged


def test_multi_scale_of_white_noise():
    """Averages of 4 have variance 1/4: 1 + 2/4 on 64 x 64 with two scales, within five standard errors."""
    r = torch.randn(64, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    got = build("core.errors", "multi_scale")(r, torch.ones(64)).mean().item()
    assert got == pytest.approx(1.5, abs=5 * math.sqrt(2 / (64 * 4096) + (2 * 0.25) ** 2 * 2 / (64 * 1024)) * 1.5)


def minimiser(error, values):
    """The constant that costs least against `values` (n,), each an event of one number, by bisection on the slope."""

    def slope(c):
        c = torch.tensor(c, requires_grad=True)
        return torch.autograd.grad(error((c - values)[:, None], torch.ones(len(values))).sum(), c)[0].item()

    low, high = values.min().item(), values.max().item()
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return low


def test_which_errors_are_least_at_the_mean():
    """Samplers need the conditional mean. Squares and their averages find it; both Hubers go from the mean (delta
    large) to the median (delta small), which is why they are not the default."""
    values = torch.tensor([0.0, 1.0, 2.0, 3.0, 34.0])
    assert minimiser(squared, values) == pytest.approx(8)
    assert minimiser(build("core.errors", "multi_scale"), values) == pytest.approx(8)
    for name in ("huber", "pseudo_huber"):
        assert minimiser(build("core.errors", name, {"delta": 1e4}), values) == pytest.approx(8, abs=1e-3)
        assert minimiser(build("core.errors", name, {"delta": 1e-4}), values) == pytest.approx(2, abs=1e-3)


class Affine(torch.nn.Module):
    """Any network will do, as long as it is wrong."""

    def forward(self, x, noise_label, cond):
        return 0.3 * x + noise_label.reshape(-1, *[1] * (x.ndim - 1))


def test_flow_matching_is_a_prediction_and_a_weighting(generator):
    """Lipman et al. 2023, eq. 23 with t reversed: the plain error of eps - x0 on the straight path."""
    schedule = Rectified()
    x0, eps = torch.randn(2, 5, 3, 4, generator=generator)
    t = torch.linspace(0.05, 1, 5)
    denoiser = Denoiser(Affine(), schedule, flow_prediction)
    velocity = denoiser.output(diffuse(schedule, x0, t, eps), t)
    got = denoising_loss(denoiser, x0, t, eps, flow_weighting)
    assert torch.allclose(got, ((velocity - (eps - x0)) ** 2).mean((1, 2)), rtol=1e-12)


def test_the_loss_hands_residual_and_weight_to_the_error(generator):
    """Huber on sqrt(SNR) (x0 - x0_hat), computed through x0_hat."""
    x0, eps = torch.randn(2, 5, 6, generator=generator)
    t = torch.linspace(0.05, 0.95, 5)
    denoiser = Denoiser(Affine(), Cosine(), flow_prediction)
    huber = build("core.errors", "huber", {"delta": 0.3})
    gap = (denoiser(diffuse(Cosine(), x0, t, eps), t) - x0) * (Cosine().alpha(t) / Cosine().sigma(t))[:, None]
    got = denoising_loss(denoiser, x0, t, eps, simple, error=huber)
    assert torch.allclose(got, huber(gap, torch.ones(5)), rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("huber", {"delta": 0.0}, "error huber: delta must be positive, got 0.0"),
        ("pseudo_huber", {"delta": -1.0}, "error pseudo_huber: delta must be positive, got -1.0"),
        ("cauchy", {"delta": 0.0}, "error cauchy: delta must be positive, got 0.0"),
        ("multi_scale", {"coarsest": 0}, "error multi_scale: coarsest must be at least 1, got 0"),
    ],
)
def test_options_out_of_range_are_refused(name, options, line):
    with pytest.raises(ValueError) as caught:
        build("core.errors", name, options)
    assert str(caught.value) == line
