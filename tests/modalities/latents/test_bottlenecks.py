"""Bottlenecks against closed forms: the divergence, the codes, and where the gradient goes."""

import math

import pytest
import torch

from core.discover import build, names
from core.training.seeds import generator_of
from modalities.latents.bottlenecks._use import perplexity
from modalities.latents.bottlenecks.fsq import fsq
from modalities.latents.bottlenecks.kl import kl, kl_divergence
from modalities.latents.bottlenecks.vq import vq

PACKAGE = "modalities.latents.bottlenecks"


def noise(bottleneck, h, step=0):
    return bottleneck.noise(len(h), h.shape[2:], generator_of(1, step), slice(None))


def test_the_divergence_is_that_of_torch():
    g = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 3, 4, 5, 6, generator=g, dtype=torch.float64).unbind(0)
    ours = kl_divergence(mean, log_variance)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())
    expected = torch.distributions.kl_divergence(posterior, prior).flatten(1).sum(1)
    assert torch.allclose(ours, expected, rtol=1e-12)
    assert kl_divergence(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)) == 0  # the prior itself


def test_a_sample_has_the_mean_and_the_deviation_of_the_posterior():
    bottleneck = kl(channels=2, weight=0.5)
    h = torch.tensor([1.0, -2.0, math.log(0.25), math.log(4.0)]).reshape(1, 4, 1).expand(20_000, 4, 1)
    coded = bottleneck(h, noise(bottleneck, h), 10)
    assert torch.allclose(coded.z.mean((0, 2)), torch.tensor([1.0, -2.0]), atol=0.05)
    assert torch.allclose(coded.z.std((0, 2)), torch.tensor([0.5, 2.0]), rtol=0.03)
    nats = (1 + 4 + 0.25 + 4 - 2 - math.log(0.25) - math.log(4.0)) / 2
    assert torch.allclose(coded.loss, torch.full((20_000,), 0.5 * nats / 10))
    assert torch.equal(bottleneck.encode(h), h[:, :2])


def test_the_weight_is_the_evidence_bound_of_a_gaussian_decoder():
    """With squared error, D / weight times the loss is -log p(x | z) + KL, up to a constant, for s^2 = weight / 2."""
    g = torch.Generator().manual_seed(0)
    x, x_hat, h = (torch.randn(3, n, generator=g, dtype=torch.float64) for n in (7, 7, 4))
    bottleneck = kl(channels=2, weight=0.3)
    coded = bottleneck(h[..., None], torch.zeros(3, 2, 1), 7)
    loss = (x_hat - x).square().mean(1) + coded.loss
    decoder = torch.distributions.Normal(x_hat, math.sqrt(0.15))
    bound = -decoder.log_prob(x).sum(1) + kl_divergence(*h[..., None].chunk(2, 1))
    constant = 7 * math.log(math.sqrt(0.15 * 2 * math.pi))
    assert torch.allclose(7 / 0.3 * loss + constant, bound, rtol=1e-10)


@pytest.mark.parametrize("levels", [(2,), (3,), (8, 5, 5, 5), (4, 2, 7)])
def test_finite_scalar_codes_are_numbered_one_to_one(levels):
    bottleneck = fsq(levels=levels)
    every = torch.arange(math.prod(levels)).reshape(1, -1)
    z = bottleneck.of(every)
    assert torch.equal(bottleneck.indices(z), every)
    assert len(torch.unique(z[0].T, dim=0)) == bottleneck.codes == every.numel()
    assert z.abs().max() <= 1
    h = 2 * torch.randn(1, len(levels), 50_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.unique(bottleneck.indices(bottleneck.encode(h))), every[0])  # all are reached, no other


@pytest.mark.parametrize("level", [4, 5])
def test_zero_lies_at_zero_and_far_values_at_the_outermost_level(level):
    bottleneck = fsq(levels=(level,))
    values = bottleneck.encode(torch.tensor([-50.0, 0.0, 50.0]).reshape(1, 1, 3)).flatten().tolist()
    assert values == pytest.approx([-1.0, 0.0, 0.5 if level == 4 else 1.0])


def test_rounding_lets_the_gradient_through():
    h = torch.linspace(-1, 1, 9).reshape(1, 1, 9).requires_grad_()
    bottleneck = fsq(levels=(5,))
    bottleneck.encode(h).sum().backward()
    reach = 2 * 1.001
    assert h.grad is not None
    assert torch.allclose(h.grad, reach / 2 * (1 - torch.tanh(h.detach()) ** 2), rtol=1e-5)


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_vectors_become_the_nearest_code_and_the_gradient_is_copied(update):
    bottleneck = vq(codes=4, channels=2, update=update, commitment=0.5, restart=0.0).eval()
    bottleneck.embed.data = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    h = torch.tensor([[[0.9, 0.2], [0.1, 0.8]]]).requires_grad_()  # (1, 2 channels, 2 positions)
    coded = bottleneck(h, noise(bottleneck, h), 1)
    assert torch.allclose(coded.z, torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    assert torch.equal(bottleneck.indices(h), torch.tensor([[1, 2]]))
    assert torch.equal(bottleneck.of(bottleneck.indices(coded.z)), bottleneck.encode(h))
    distance = (0.01 + 0.01 + 0.04 + 0.04) / 4
    assert coded.loss.item() == pytest.approx((0.5 + (update == "gradient")) * distance, rel=1e-5)
    coded.z.sum().backward()
    assert h.grad is not None
    assert torch.equal(h.grad, torch.ones_like(h))
    assert bottleneck.embed.requires_grad == (update == "gradient")


def test_codes_follow_the_vectors_that_choose_them():
    """As in app. A.1 of the paper: N <- g N + (1 - g) n, m <- g m + (1 - g) sum h, e = m / N."""
    bottleneck = vq(codes=2, channels=1, decay=0.9, restart=0.0).train()
    bottleneck.embed.data = torch.tensor([[0.0], [10.0]])
    bottleneck.used.fill_(2.0)
    bottleneck.sums.copy_(torch.tensor([[0.0], [20.0]]))
    h = torch.tensor([[[1.0, 2.0, 12.0]]])
    bottleneck(h, noise(bottleneck, h), 1)
    assert torch.allclose(bottleneck.used, torch.tensor([0.9 * 2 + 0.1 * 2, 0.9 * 2 + 0.1 * 1]))
    expected = [0.1 * 3 / 2.0, (0.9 * 20 + 0.1 * 12) / 1.9]
    assert torch.allclose(bottleneck.embed.flatten(), torch.tensor(expected))


def test_dead_codes_are_put_where_vectors_lie():
    """All codes start dead; after a few steps on two clusters, codes sit in both and most are in use."""
    bottleneck = vq(codes=8, channels=2).train()
    g = torch.Generator().manual_seed(0)
    for step in range(50):
        centre = torch.where(torch.rand(4, 1, 16, generator=g) < 0.5, 5.0, -5.0)
        h = centre + 0.1 * torch.randn(4, 2, 16, generator=g)
        coded = bottleneck(h, noise(bottleneck, h, step), 1)
    assert (bottleneck.encode(h) - h).abs().max() < 0.5
    assert coded.facts["perplexity"] > 4


def test_perplexity_counts_equally_used_codes():
    assert perplexity(torch.tensor([3, 3, 0, 3])) == pytest.approx(3)
    assert perplexity(torch.tensor([7, 0])) == pytest.approx(1)


@pytest.mark.parametrize("name", names(PACKAGE))
def test_every_bottleneck_codes_deterministically_and_shares_one_draw_among_processes(name):
    bottleneck = build(PACKAGE, name).train()
    h = torch.randn(4, bottleneck.in_channels, 3, 2, generator=torch.Generator().manual_seed(0))
    whole = bottleneck.noise(4, (3, 2), generator_of(5), slice(None))
    parts = [bottleneck.noise(4, (3, 2), generator_of(5), slice(rank, None, 2)) for rank in (0, 1)]
    assert torch.equal(torch.stack(parts, 1).flatten(0, 1), whole)
    coded = bottleneck(h, whole, 24)
    assert coded.z.shape == (4, bottleneck.channels, 3, 2)
    assert coded.loss.shape == (4,)
    bottleneck.eval()
    assert torch.equal(bottleneck.encode(h), bottleneck.encode(h.clone()))


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("kl", {"channels": 0}, "channels >= 1"),
        ("kl", {"weight": -1.0}, "weight >= 0"),
        ("fsq", {"levels": [5, 1]}, "numbers from 2 on"),
        ("vq", {"codes": 1}, "codes >= 2"),
        ("vq", {"update": "sgd"}, "one of ema, gradient"),
    ],
)
def test_what_makes_no_sense_is_refused(name, options, says):
    with pytest.raises(ValueError, match=says):
        build(PACKAGE, name, options)
