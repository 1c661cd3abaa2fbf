"""The adversarial part: the balance of gradients, who gets which, and what a discriminator learns."""

import pytest
import torch
from torch import nn

from modalities.adversarial.discriminators import make_discriminator
from modalities.adversarial.losses.hinge import hinge
from modalities.latents.adversary import MOST, Adversary, adaptive_weight, matching


def adversary(**options):
    torch.manual_seed(0)
    panel = make_discriminator("maps", 1, width=8, depth=1)
    return Adversary(panel, panel, hinge(), torch.optim.Adam(panel.parameters(), lr=1e-2), **options)


def pictures(seed=0):
    return torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_the_weight_makes_both_gradients_of_the_last_layer_one_size():
    layer, x = nn.Linear(3, 2).double(), torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).double()
    y = layer(x)
    error, generator = (y - 1).square().mean(), 37 * (y**3).mean()
    balance = adaptive_weight(error, generator, layer.weight)
    (of_error,) = torch.autograd.grad(error, layer.weight, retain_graph=True)
    (of_generator,) = torch.autograd.grad(balance * generator, layer.weight, retain_graph=True)
    assert of_generator.norm().item() == pytest.approx(of_error.norm().item(), rel=1e-6)
    assert adaptive_weight(error, generator * 0 + (layer.weight * 0).sum(), layer.weight) == MOST
    assert not balance.requires_grad


def test_judging_trains_the_autoencoder_and_not_the_judge():
    one, x_hat = adversary(), pictures().requires_grad_()
    verdict = one.judge(x_hat, pictures(1), None)
    (verdict.generator + verdict.features).sum().backward()
    assert x_hat.grad is not None
    assert x_hat.grad.abs().max() > 0
    assert all(p.grad is None for p in one.panel.parameters())
    assert all(p.requires_grad for p in one.panel.parameters())


def test_the_judge_learns_to_tell_and_the_autoencoder_gets_no_gradient_from_it():
    one = adversary()
    real, fake = pictures(), pictures(1) + 2
    fake.requires_grad_()
    losses = []
    for _ in range(30):
        one.optimizer.zero_grad()
        losses.append(float(one.learn(fake, real, None)))
        one.optimizer.step()
    assert losses[0] == pytest.approx(2, abs=0.7)  # hinge of two logits near 0
    assert losses[-1] < 0.2
    assert fake.grad is None
    verdict = one.judge(real, real, None)
    assert (one.judge(fake, real, None).generator > verdict.generator).all()


def test_features_match_where_nothing_differs_and_each_example_counts_alone():
    one, x0 = adversary(), pictures()
    assert torch.allclose(one.judge(x0, x0, None).features, torch.zeros(4), atol=1e-6)
    x_hat = x0.clone()
    x_hat[2] += 0.5
    features = one.judge(x_hat, x0, None).features
    assert features[2] > 0.05
    assert torch.allclose(features[[0, 1, 3]], torch.zeros(3), atol=1e-6)
    some = [torch.ones(4, 2, 3), torch.full((8, 5), 4.0)]  # two rows of the second belong to each example
    other = [torch.full((4, 2, 3), 1.5), torch.full((8, 5), 6.0)]
    assert torch.allclose(matching(other, some, 4), torch.full((4,), 0.5))
