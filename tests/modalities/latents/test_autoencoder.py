"""The autoencoder of any rank: sizes, locality, and that it learns to bring data through its latent."""

import pytest
import torch

from core.training.seeds import generator_of
from modalities.latents.autoencoder import Autoencoder
from modalities.latents.bottlenecks.kl import kl
from modalities.latents.bottlenecks.vq import vq
from modalities.latents.ladder import Ladder, Way
from modalities.latents.shape import AutoencoderShape

EVENTS = {1: (2, 48), 2: (3, 16, 24), 3: (1, 8, 16, 16)}
SHAPE = AutoencoderShape(width=8, multipliers=[1, 2, 2], factors=[2, 1], time_factors=[2, 2], patch=2)
FACTOR = {1: (4,), 2: (4, 4), 3: (4, 4, 4)}


def made(rank, *, shape=SHAPE, classes=0, channels=3):
    torch.manual_seed(0)
    bottleneck = kl(channels=channels)
    return Autoencoder(shape, bottleneck, rank=rank, in_channels=EVENTS[rank][0], classes=classes)


def some(rank, count=2, scale=1):
    C, *size = EVENTS[rank]
    g = torch.Generator().manual_seed(1)
    return torch.randn(count, C, *(scale * n for n in size), generator=g)


def stirred(network):
    """The same with weights that are not at their silent start."""
    g = torch.Generator().manual_seed(2)
    for p in network.parameters():
        p.data += 0.1 * torch.randn(p.shape, generator=g)
    return network


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_there_and_back_in_the_shapes_that_it_says(rank):
    network, x0 = stirred(made(rank)), some(rank)
    assert network.factor == FACTOR[rank]
    z = network.encode(x0)
    assert z.shape[1:] == network.latent_shape(EVENTS[rank])
    assert z.shape[1:] == (3, *(n // f for n, f in zip(EVENTS[rank][1:], FACTOR[rank], strict=True)))
    assert network.decode(z).shape == x0.shape
    large = some(rank, scale=2)
    assert network.decode(network.encode(large)).shape == large.shape  # any size that the factors divide


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_one_example_does_not_see_another(rank):
    network, x0 = stirred(made(rank)), some(rank)
    together = network.decode(network.encode(x0))
    alone = torch.cat([network.decode(network.encode(x)) for x in x0.split(1)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_window_goes_where_it_comes_from():
    """An input that changes in one window of 4 frames of 4 x 4 leaves far latents alone; likewise the decoder."""
    network = stirred(made(3))
    x0 = torch.zeros(1, 1, 16, 64, 64)
    before = network.encode(x0)
    x0[:, :, 4:8, 32:36, 32:36] = 1
    change = (network.encode(x0) - before).abs().amax(1)[0]  # (4, 16, 16)
    assert change[1, 8, 8] > 0.1
    assert change[:, :1, :1].max() == 0
    z = torch.zeros(1, 3, 4, 16, 16)
    still = network.decode(z)
    z[:, :, 1, 8, 8] = 1
    change = (network.decode(z) - still).abs()[0, 0]
    assert change[4:8, 32:36, 32:36].max() > 0
    assert change[:, :4, :4].max() == 0


def test_frames_are_folded_and_unfolded_in_their_order():
    """With weights that copy, down and up are inverse and keep the order of frames."""
    shape = AutoencoderShape(width=4, multipliers=[1, 2], factors=1, time_factors=2, temporal_kernel=1)
    down, up = (Ladder(shape, rank=3, condition=1, way=way) for way in Way)
    down.between[0].weight.data = torch.eye(8).reshape(8, 8, 1, 1)
    up.between[0].weight.data = torch.eye(8).reshape(8, 8, 1, 1)
    x = some(2, count=12)[:, :1].expand(12, 4, 16, 24).contiguous()
    small, frames = down(x, torch.ones(2, 1), 6)
    assert (small.shape, frames) == ((6, 8, 16, 24), 3)
    assert torch.equal(small[0, :4], x[0])
    assert torch.equal(small[0, 4:], x[1])
    again, frames = up(small, torch.ones(2, 1), 3)
    assert frames == 6
    assert torch.equal(again, x)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_few_steps_of_training_beat_the_mean(rank):
    """Smooth data of few degrees of freedom: the reconstruction soon leaves a quarter of the variance at most."""
    C, *size = EVENTS[rank]
    network, g = made(rank, channels=4), torch.Generator().manual_seed(3)
    basis = torch.randn(4, C, *(n // 4 for n in size), generator=g)
    for axis in range(2, rank + 2):
        basis = basis.repeat_interleave(4, axis)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for step in range(40):
        x0 = torch.einsum("bk,k...->b...", torch.randn(4, 4, generator=g), basis)
        noise = network.bottleneck.noise(4, network.latent_shape(EVENTS[rank])[1:], generator_of(0, step), slice(None))
        x_hat, coded = network(x0, noise)
        optimizer.zero_grad()
        ((x_hat - x0).square().mean() + coded.loss.mean()).backward()
        optimizer.step()
    x0 = torch.einsum("bk,k...->b...", torch.randn(8, 4, generator=g), basis)
    left = (network.decode(network.encode(x0)) - x0).square().mean() / x0.square().mean()
    assert left < 0.25


def test_a_label_is_heard_by_both_halves_and_none_is_a_label_too():
    network, x0 = stirred(made(2, classes=3)), some(2)
    labels = [torch.tensor([k, k]) for k in range(3)]
    assert not torch.allclose(network.encode(x0, labels[0]), network.encode(x0, labels[1]))
    z = network.encode(x0, labels[0])
    assert not torch.allclose(network.decode(z, labels[0]), network.decode(z, labels[2]))
    assert torch.equal(network.decode(z), network.decode(z, torch.tensor([-1, -1])))


def test_codes_of_a_trained_list_are_what_is_decoded():
    torch.manual_seed(0)
    network = stirred(Autoencoder(SHAPE, vq(codes=16, channels=2), rank=2, in_channels=3)).eval()
    z = network.encode(some(2))
    assert torch.equal(network.bottleneck.of(network.bottleneck.indices(z)), z)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ((3, 18, 24), r"shrinks 18 x 24 by 4 x 4, which does not divide it: .*16 x 24 is the nearest"),
        ((1, 16, 24), "3 channels and 2 axes"),
        ((3, 16), "3 channels and 2 axes"),
    ],
)
def test_events_that_do_not_fit(event, says):
    with pytest.raises(ValueError, match=says):
        made(2).latent_shape(event)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"multipliers": []}, "must be at least 1"),
        ({"factors": [2, 2, 2]}, "has 3 entries, but there are 2 levels"),
        ({"width": 0}, "width=0 must be at least 1"),
        ({"kernel": 4}, "must be odd"),
        ({"time_factors": [0, 2]}, "must be at least 1"),
    ],
)
def test_shapes_that_make_no_sense(options, says):
    with pytest.raises(ValueError, match=says):
        AutoencoderShape(**options)
