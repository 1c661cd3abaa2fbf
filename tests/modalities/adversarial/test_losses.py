"""Adversarial losses at known logits, and the signs that make each player learn."""

import math

import pytest
import torch

from core.discover import build, names

LOSSES = "modalities.adversarial.losses"
LN2 = math.log(2)
AT_ZERO = {
    "hinge": (2.0, 0.0),
    "non_saturating": (2 * LN2, LN2),
    "relativistic": (LN2, LN2),
    "least_squares": (1.0, 1.0),
}
"""(discriminator, generator) where all logits are 0: from the formulae of the papers."""

AT_TWO = {
    "hinge": (0.0, 2.0),
    "non_saturating": (2 * math.log1p(math.exp(-2)), math.log1p(math.exp(2))),
    "relativistic": (math.log1p(math.exp(-4)), math.log1p(math.exp(4))),
    "least_squares": (1.0 + 4.0, 9.0),
}
"""The same at 2 for real and -2 for made examples."""


@pytest.mark.parametrize("name", names(LOSSES))
def test_values_at_known_logits(name):
    loss = build(LOSSES, name)
    for level, expected in ((0.0, AT_ZERO[name]), (2.0, AT_TWO[name])):
        real, fake = [torch.full((3, 4), level).double()], [torch.full((3, 4), -level).double()]
        assert loss.discriminator(real, fake).tolist() == pytest.approx([expected[0]] * 3)
        assert loss.generator(fake, real).tolist() == pytest.approx([expected[1]] * 3)


@pytest.mark.parametrize("name", names(LOSSES))
def test_each_player_pulls_its_way(name):
    """The discriminator raises real logits and lowers made ones, the generator raises made ones: from 0.1 to 0.9."""
    loss = build(LOSSES, name)
    real, fake = (torch.linspace(0.1, 0.9, 7).double().repeat(2, 1).requires_grad_() for _ in range(2))
    of_real, of_fake = torch.autograd.grad(loss.discriminator([real], [fake]).sum(), (real, fake))
    assert (of_real < 0).all()
    assert (of_fake > 0).all()
    (of_fake,) = torch.autograd.grad(loss.generator([fake], [real.detach()]).sum(), fake)
    assert (of_fake < 0).all()


@pytest.mark.parametrize("name", names(LOSSES))
def test_judges_and_positions_count_alike(name):
    """A judge of many positions weighs as much as one of few, and an example's loss is its own."""
    loss, generator = build(LOSSES, name), torch.Generator().manual_seed(0)
    few, many = torch.randn(2, 3, 1, generator=generator), torch.randn(2, 3, 5, generator=generator)
    both = loss.discriminator([few[0], many[0]], [few[1], many[1]])
    alone = [loss.discriminator([v[0]], [v[1]]) for v in (few, many)]
    assert torch.allclose(both, (alone[0] + alone[1]) / 2)
    assert torch.allclose(loss.discriminator([few[0, 1:2]], [few[1, 1:2]]), alone[0][1:2])


def test_the_relativistic_generator_needs_real_logits():
    with pytest.raises(ValueError, match="real data"):
        build(LOSSES, "relativistic").generator([torch.zeros(2, 1)])
