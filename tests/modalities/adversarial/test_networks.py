"""Generator and critic of a GAN: sizes of any rank, folding, examples apart, labels, and a duel that finds the data."""

import pytest
import torch

from core.discover import build
from modalities.adversarial.critic import Critic
from modalities.adversarial.duel import critic_loss, generator_loss
from modalities.adversarial.folding import fold, unfold
from modalities.adversarial.generator import Generator
from modalities.adversarial.plan import Plan

EVENTS = [
    ((1, 9, 7), {"patch": 2}),
    ((2, 100), {"patch": 4, "factor": 4}),
    ((1, 5, 8, 6), {"patch": 2}),
]


def networks(shape: tuple[int, ...], **options) -> tuple[Generator, Critic]:
    torch.manual_seed(0)
    plan = Plan(event_shape=shape, width=4, latent=3, classes=2, **options)
    made = Generator(plan), Critic(plan)
    for network in made:
        for p in network.parameters():  # no zeros: a weight that is left out would show
            torch.nn.init.normal_(p, std=0.3)
    return made


def test_folding_is_undone_whatever_the_size():
    x = torch.randn(2, 3, 5, 6, 7)
    folded = fold(x, (2, 3, 4))
    assert folded.shape == (2, 3 * 24, 3, 2, 2)
    assert torch.equal(unfold(folded, (2, 3, 4), (5, 6, 7)), x)
    assert torch.equal(folded[0, :24, 0, 0, 0].unflatten(0, (2, 3, 4)), x[0, 0, :2, :3, :4])


def test_the_coarsest_size():
    """28 pixels: patches of 2, then halved once and twice; a clip is not folded along time."""
    sizes = {"event_shape": (1, 28, 28), "patch": 2}
    assert Plan(**sizes, multipliers=[1, 1]).coarsest == (7, 7)
    assert Plan(**sizes, multipliers=[1, 1, 1]).coarsest == (4, 4)
    assert Plan(event_shape=(3, 16, 32, 32), patch=4, multipliers=[1, 1]).coarsest == (8, 4, 4)
    assert Plan(event_shape=(1, 8192), patch=16, factor=4, multipliers=[1, 1, 1]).coarsest == (1, 32)


@pytest.mark.parametrize(("shape", "options"), EVENTS)
def test_a_sample_depends_on_its_z_and_its_label_alone(shape, options):
    generator, _ = networks(shape, **options)
    z, label = torch.randn(3, 3), torch.tensor([0, 1, -1])
    x = generator(z, label)
    assert x.shape == (3, *shape)
    assert torch.allclose(generator(z[1:2], label[1:2]), x[1:2], atol=1e-5)
    assert torch.allclose(generator(z)[2], x[2], atol=1e-5)  # no label is the same as -1
    for other in (generator(z.roll(1, 0), label), generator(z, label.roll(1))):
        assert (other - x).flatten(1).abs().amax(1).min() > 1e-3


@pytest.mark.parametrize(("shape", "options"), EVENTS)
def test_a_logit_depends_on_all_of_its_example_and_its_label_alone(shape, options):
    _, critic = networks(shape, **options)
    x, label = torch.randn(3, *shape).requires_grad_(), torch.tensor([0, 1, -1])
    (logits,) = critic(x, label)
    (of_second,) = torch.autograd.grad(logits[1, 0], x, retain_graph=True)
    assert logits.shape == (3, 1)
    assert not of_second[[0, 2]].any()
    assert (of_second[1] != 0).all()
    change = critic(x, torch.tensor([0, 0, -1]))[0] - logits
    assert not change[[0, 2]].any()
    assert abs(float(change[1].detach())) > 1e-4


def test_the_networks_start_as_their_skeleton():
    """conv2 of every block is zero: before the first step, blocks are identities, whatever their first convolution."""
    torch.manual_seed(0)
    generator = Generator(Plan(event_shape=(1, 8, 8), width=4, latent=3))
    z = torch.randn(2, 3)
    before = generator(z)
    for name, p in generator.named_parameters():
        if "conv1" in name:
            torch.nn.init.normal_(p)
    assert torch.equal(generator(z), before)


def test_a_duel_finds_two_classes():
    """Class 0 is black and class 1 white: soon the generator knows, and the critic hardly tells made from real."""
    torch.manual_seed(0)
    plan = Plan(event_shape=(1, 4, 4), width=8, multipliers=[1], latent=4, classes=2)
    generator, critic = Generator(plan), Critic(plan)
    loss = build("modalities.adversarial.losses", "relativistic")
    optimizers = [torch.optim.Adam(n.parameters(), lr=1e-2, betas=(0.0, 0.9)) for n in (generator, critic)]
    for _ in range(80):
        label = torch.randint(0, 2, (16,))
        real = (2.0 * label - 1)[:, None, None, None] * torch.ones(1, 4, 4) + 0.05 * torch.randn(16, 1, 4, 4)
        fake = generator(torch.randn(16, 4), label)
        optimizers[1].zero_grad()
        lost, margin = critic_loss(critic, loss, real, fake.detach(), label, gamma=1.0)
        lost.mean().backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        generator_loss(critic, loss, real, fake, label).mean().backward()
        optimizers[0].step()
    made = generator(torch.randn(20, 4), torch.arange(20) % 2).mean((1, 2, 3)).detach()
    assert made[::2].mean() < -0.8
    assert made[1::2].mean() > 0.8
    assert margin.mean().abs() < 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"event_shape": (1, 8, 8), "multipliers": []}, "number of levels"),
        ({"event_shape": (1, 8, 8), "blocks": [1, 1, 1]}, "gan.blocks"),
        ({"event_shape": (1, 8, 8), "factor": 1}, "gan.factor=1 must be at least 2"),
        ({"event_shape": (8,)}, "1 to 3 axes"),
    ],
)
def test_what_a_plan_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        Plan(**options)
