"""Mean flow against the exact flow of Gaussian data: its identity, its sampler, and a network that learns it."""

import pytest
import torch
from torch import nn

from core.condition import absent
from core.denoiser import Denoiser
from core.discover import build, names
from core.grids.uniform import uniform
from core.losses.denoising import denoising_loss
from core.losses.mean_flow import MeanFlow, jump, mean_flow_loss, tells_x0_in_noise
from core.onward import Onward
from core.predictions.v import v as predict_v
from core.samplers.ddim import ddim
from core.sampling import last
from core.schedule import diffuse, log_snr, noise_share, scales
from core.schedules.cosine import Cosine
from core.schedules.rectified import Rectified
from core.weightings.v import v as weigh_v
from modalities.nn.embedding import Condition as Embedding

schedules = pytest.mark.parametrize("schedule", [build("core.schedules", n) for n in names("core.schedules")], ids=str)
MEAN, STD = 0.3, 0.7


def on_path(schedule, x, t, to):
    """Where the probability-flow ODE takes x_t of N(MEAN, STD^2) data: as many standard deviations from the mean."""
    (alpha, sigma), (alpha_r, sigma_r) = scales(schedule, t, x), scales(schedule, to, x)
    spread, spread_r = torch.hypot(alpha * STD, sigma), torch.hypot(alpha_r * STD, sigma_r)
    return alpha_r * MEAN + (x - alpha * MEAN) * spread_r / spread


class Exact(Denoiser):
    """The X of that flow in closed form."""

    def __init__(self, schedule):
        super().__init__(nn.Identity(), schedule, predict_v, jumps=True)

    def forward(self, x, t, cond=None, to=None):
        alpha, sigma = scales(self.schedule, t, x)
        mean = MEAN + alpha * STD**2 / (alpha**2 * STD**2 + sigma**2) * (x - alpha * MEAN)
        if to is None:
            return mean
        alpha_r, sigma_r = scales(self.schedule, to, x)
        stays = sigma_r / alpha_r >= sigma / alpha
        whole = torch.where(stays, torch.ones_like(sigma), alpha_r - alpha * sigma_r / sigma)
        return torch.where(stays, mean, (on_path(self.schedule, x, t, to) - sigma_r / sigma * x) / whole)


class Tanh(nn.Module):
    """Any network will do, as long as it is wrong, listens to how far, and has something to learn."""

    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.tensor(0.7))

    def forward(self, x, noise_label, cond):
        label = 0 if cond is None else 0.2 * cond["label"].clamp(min=0)[:, None]
        return torch.tanh(self.p * x + noise_label[:, :1]) + 0.4 * noise_label[:, 1:] * x + label


def drawn(schedule, generator, n=6):
    x0, eps = torch.randn(2, n, 3, generator=generator)
    return x0, torch.linspace(0.05, 0.95, n) * schedule.t_max, eps


@schedules
def test_the_exact_flow_satisfies_the_identity(schedule, generator):
    """With E[x0 | x_t] for x0, what X is trained to be is X itself, on every schedule and for every length."""
    denoiser, (x0, t, eps) = Exact(schedule), drawn(schedule, generator)
    x, every = diffuse(schedule, x0, t, eps), MeanFlow(share=1.0)
    for rho in (0.999, 0.6, 0.05, 0.0):
        to = every.ends(torch.full((6, 2), rho), t, schedule)
        assert torch.allclose(noise_share(schedule, to), rho * noise_share(schedule, t), atol=1e-9)
        want = denoiser(x, t, to=to)
        assert torch.allclose(jump(denoiser, x, t, to, denoiser(x, t), None), want, rtol=1e-9, atol=1e-9)
        if rho == 0:
            assert torch.allclose(want, on_path(schedule, x, t, to), rtol=1e-6, atol=1e-9)


@schedules
def test_what_is_not_the_flow_does_not_satisfy_it(schedule, generator):
    """Means in place of steps: nothing but the denoiser at every length."""

    class Means(Exact):
        def forward(self, x, t, cond=None, to=None):
            return super().forward(x, t)

    denoiser, (x0, t, eps) = Means(schedule), drawn(schedule, generator)
    x, to = diffuse(schedule, x0, t, eps), MeanFlow(share=1.0).ends(torch.full((6, 2), 0.3), t, schedule)
    assert (jump(denoiser, x, t, to, denoiser(x, t), None) - denoiser(x, t)).abs().max() > 0.05


@schedules
def test_ddim_onward_lands_on_the_path_in_any_number_of_steps(schedule, generator):
    denoiser = Exact(schedule)
    for steps in (1, 2, 5):
        times = uniform(schedule, steps)
        if not (schedule.alpha(times[0]) > 0):
            times = torch.cat([0.97 * times[:1], times[1:]])
        x = schedule.sigma(times[0]) * torch.randn(8, 3, generator=generator)
        got = last(ddim(Onward(denoiser, times), schedule, x, times))
        assert torch.allclose(got, on_path(schedule, x, times[0], times[-1]), rtol=1e-6, atol=1e-8)
        assert not torch.allclose(last(ddim(denoiser, schedule, x, times)), got, rtol=1e-3)


def test_steps_of_no_length_are_the_denoising_loss(generator):
    schedule = Cosine()
    denoiser, (x0, t, eps) = Denoiser(Tanh(), schedule, predict_v, jumps=True), drawn(schedule, generator)
    assert torch.equal(MeanFlow(share=0.0).ends(torch.rand(6, 2, generator=generator), t, schedule), t)
    plain = denoising_loss(denoiser, x0, t, eps, weigh_v)
    assert torch.allclose(mean_flow_loss(denoiser, x0, t, eps, weigh_v, to=t), plain, rtol=1e-9)


def test_a_training_begins_with_denoising():
    loss = MeanFlow(wait=0.3)
    assert loss.at(0.0) is loss.at(0.29) is denoising_loss
    assert loss.at(0.3) is loss.at(1.0) is loss
    assert MeanFlow(wait=0.0).at(0.0) != denoising_loss


def test_is_the_velocity_loss_of_the_paper(generator):
    """On a rectified flow, u = (z - X) / t in finite differences: |u - (v - (t - r) du/dt)|^2, the target a number.
    du/dt is along the model's own velocity, and v between that and the one to x0 as r is between 0 and t."""
    schedule = Rectified()
    denoiser, (z0, t, eps) = Denoiser(Tanh(), schedule, predict_v, jumps=True), drawn(schedule, generator)
    to, h = 0.4 * t, 1e-5
    z, velocity = diffuse(schedule, z0, t, eps), eps - z0

    def u(z, t):
        return (z - denoiser(z, t, None, to)) / t[:, None]

    own, rho = (z - denoiser(z, t)) / t[:, None], 0.4
    slope = (u(z + h * own, t + h) - u(z - h * own, t - h)) / (2 * h)
    target = (rho * velocity + (1 - rho) * own - (t - to)[:, None] * slope).detach()
    paper = (u(z, t) - target).square().mean(1)  # the weighting t^2 / t^2 of the x0 error is that of u times t^2
    weight = weigh_v(log_snr(schedule, t)) * t**2
    got = mean_flow_loss(denoiser, z0, t, eps, weigh_v, to=to, delta=1e6)
    assert torch.allclose(got, weight * paper, rtol=1e-5)
    p = denoiser.network.p
    ours, theirs = (torch.autograd.grad(loss.sum(), p)[0] for loss in (got, weight * paper))
    assert torch.allclose(ours, theirs, rtol=1e-5)


def test_guidance_moves_what_is_aimed_at_where_something_is_asked(generator):
    """x0 + (scale - 1) (x0 - x0_hat without conditions) in its place; rows of which nothing is asked keep their x0."""
    schedule, scale = Cosine(), 2.5
    denoiser, (x0, t, eps) = Denoiser(Tanh(), schedule, predict_v, jumps=True), drawn(schedule, generator)
    label = torch.arange(6)
    label[4:] = absent(label[4:])
    away = denoiser(diffuse(schedule, x0, t, eps), t)
    moved = torch.where((label >= 0)[:, None], x0 + (scale - 1) * (x0 - away), x0).detach()
    cond = {"label": label}
    got = mean_flow_loss(denoiser, x0, t, eps, weigh_v, cond, to=t, scale=scale)
    answer = denoiser(diffuse(schedule, x0, t, eps), t, cond)
    assert torch.allclose(got, weigh_v(log_snr(schedule, t)) * (answer - moved).square().mean(1), rtol=1e-9)
    far = 0.5 * t
    steps = mean_flow_loss(denoiser, x0, t, eps, weigh_v, cond, to=far, scale=scale, delta=1e6)
    x = diffuse(schedule, x0, t, eps)
    want = denoiser(x, t, cond, far) - jump(denoiser, x, t, far, moved, cond)
    assert torch.allclose(steps, weigh_v(log_snr(schedule, t)) * want.square().mean(1), rtol=1e-9)
    level, interval = torch.exp(-log_snr(schedule, t) / 2), (0.5, 3.0)
    within = (level > 0.5) & (level <= 3)
    got = mean_flow_loss(denoiser, x0, t, eps, weigh_v, cond, to=t, scale=scale, interval=interval)
    aimed = torch.where(within[:, None], moved, x0)
    assert 0 < within.sum() < 6
    assert torch.allclose(got, weigh_v(log_snr(schedule, t)) * (answer - aimed).square().mean(1), rtol=1e-9)
    plain = mean_flow_loss(denoiser, x0, t, eps, weigh_v, None, to=far)
    assert torch.equal(mean_flow_loss(denoiser, x0, t, eps, weigh_v, None, to=far, scale=scale), plain)


def test_the_error_is_that_of_the_means_and_robust_where_steps_have_a_length(generator):
    """The means take whatever error is asked for, and stay means; an outlying derivative counts by its logarithm."""
    schedule, delta = Cosine(), 0.2
    denoiser, (x0, t, eps) = Denoiser(Tanh(), schedule, predict_v, jumps=True), drawn(schedule, generator)
    to = torch.where(torch.arange(6) % 2 == 0, t, 0.3 * t)
    args = denoiser, x0, t, eps, weigh_v, None
    plain, huber = mean_flow_loss(*args, to=to, delta=1e6), build("core.errors", "huber", {"delta": 0.1})
    got = mean_flow_loss(*args, huber, to=to, delta=delta)
    assert torch.allclose(got[1::2], delta**2 * torch.log1p(plain[1::2] / delta**2), rtol=1e-6)
    assert torch.allclose(got[::2], denoising_loss(*args, huber)[::2], rtol=1e-6)


def test_a_share_of_the_steps_has_a_length():
    schedule, n = Cosine(), 20_000
    t = torch.full((n,), 0.8)
    to = MeanFlow(share=0.3).ends(torch.rand(n, 2, generator=torch.Generator().manual_seed(0)), t, schedule)
    jumps = to < t
    assert jumps.double().mean().item() == pytest.approx(0.3, abs=0.02)
    rho = noise_share(schedule, to[jumps]) / noise_share(schedule, t[jumps])
    assert rho.mean().item() == pytest.approx(0.5, abs=0.02)
    assert rho.std().item() == pytest.approx(12**-0.5, abs=0.01)


def test_a_network_learns_where_steps_end(two_modes, jumper):
    """Some seconds of training bring one step from noise near the flow's end, where a step of means ends elsewhere."""
    schedule, n = Cosine(), 4000
    t_max, end = torch.tensor(schedule.t_max), torch.tensor(0.0)
    x = schedule.sigma(t_max) * torch.randn(n, 1, generator=torch.Generator().manual_seed(2))
    exact = two_modes.flow(schedule, x[:, 0], t_max, end)
    model = jumper(schedule, MeanFlow(wait=0.25))

    def off(steps, denoiser):
        times = uniform(schedule, steps)
        y = last(ddim(denoiser(model, times), schedule, x.float(), times))[:, 0].double()
        return (y - exact).square().mean().sqrt().item()

    with torch.no_grad():
        assert off(1, Onward) < 0.25 < 0.6 < off(1, lambda model, times: model)
        assert off(4, Onward) < off(4, lambda model, times: model)


def test_a_network_begins_with_steps_as_means():
    """What it is told of the length has no weight at the start, and has a gradient."""
    embedding, label = Embedding(8, 3, jumps=True), torch.tensor([[0.3, 0.0], [0.3, 0.7]])
    e = embedding(label, None)
    assert torch.equal(e[0], e[1])
    e[1].sum().backward()
    assert embedding.leap2.weight.grad.abs().max() > 0
    plain = Embedding(8, 3)
    plain.load_state_dict({k: w for k, w in embedding.state_dict().items() if not k.startswith("leap")})
    assert torch.equal(plain(label[:, 0], None), e)


def test_what_does_not_fit_is_refused():
    schedule, x, t = Cosine(), torch.zeros(2, 3), torch.tensor([0.5, 0.6])
    plain, jumping = (Denoiser(Tanh(), schedule, predict_v, jumps=jumps) for jumps in (False, True))
    with pytest.raises(ValueError, match="needs a network that is told how far"):
        mean_flow_loss(plain, x, t, x, weigh_v, to=t)
    with pytest.raises(ValueError, match="this denoiser does not jump"):
        plain(x, t, None, t)
    with pytest.raises(ValueError, match="was not trained to jump"):
        Onward(plain, t)
    with pytest.raises(ValueError, match="is none of the times of this grid"):
        Onward(jumping, torch.tensor([0.9, 0.5, 0.0]))(x, torch.tensor(0.7))
    wrong = [("share", 1.1), ("share", -0.1), ("wait", 2.0), ("scale", -1.0), ("interval", (2, 1)), ("delta", 0.0)]
    for name, value in wrong:
        with pytest.raises(ValueError, match=f": {name} must "):
            MeanFlow(**{name: value})
    noise = Denoiser(Tanh(), schedule, build("core.predictions", "eps"), jumps=True)
    with pytest.raises(ValueError, match="needs a prediction from which x0 follows"):
        mean_flow_loss(noise, x, t, x, weigh_v, to=t)
    for name in names("core.predictions"):
        assert tells_x0_in_noise(build("core.predictions", name)) == (name not in ("eps", "score"))
