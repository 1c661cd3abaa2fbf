"""The video network is the image network on every frame at the start, and for stills always; then time mixes."""

import pytest
import torch
from torch import nn

from modalities.image.network import ImageUNet
from modalities.video.network import VideoUNet

SMALL = {
    "in_channels": 1,
    "classes": 3,
    "width": 8,
    "multipliers": (1, 2),
    "blocks": 1,
    "attention": (False, True),
    "head_channels": 8,
    "patch": 2,
}
FULL = {
    "in_channels": 3,
    "classes": 10,
    "width": 128,
    "multipliers": (1, 2, 3, 4),
    "blocks": 2,
    "attention": (False, False, True, True),
    "temporal_attention": (False, True, True, True),
    "head_channels": 64,
}


def fill(named_parameters):
    for _, p in named_parameters:
        if not p.any():
            nn.init.normal_(p, std=0.1)


def pair(*, temporal=False):
    """The video network and the image network with the same spatial weights; `temporal`: the temporal zeros filled."""
    torch.manual_seed(0)
    image, video = ImageUNet(**SMALL), VideoUNet(**SMALL, temporal_attention=(True, True))
    fill(image.named_parameters())
    missing, unexpected = video.load_state_dict(image.state_dict(), strict=False)
    assert not unexpected
    assert all(".extra." in name for name in missing)
    if temporal:
        fill(video.named_parameters())
    return video, image


def per_frame(image, x, t, cond):
    """The image network on each frame of (B, C, T, H, W), with the clip's noise level and label."""
    frames = [image(x[:, :, f], t, cond) for f in range(x.shape[2])]
    return torch.stack(frames, dim=2)


def inputs(frames=4, size=8):
    return torch.randn(3, 1, frames, size, size), torch.tensor([-1.0, 0.0, 0.7]), {"label": torch.tensor([0, 2, -1])}


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_starts_as_the_image_network_on_every_frame(frames):
    video, image = pair()
    x, t, cond = inputs(frames)
    torch.testing.assert_close(video(x, t, cond), per_frame(image, x, t, cond), rtol=0, atol=1e-5)


def test_marked_stills_and_clips_of_one_frame_stay_the_image_network():
    video, image = pair(temporal=True)
    x, t, cond = inputs()
    expected = per_frame(image, x, t, cond)
    y = video(x, t, cond | {"stills": torch.tensor([True, False, True])})
    error = (y - expected).abs().flatten(1).amax(1)
    assert error[0] < 1e-5
    assert error[1] > 1e-2
    assert error[2] < 1e-5
    torch.testing.assert_close(video(x[:, :, :1], t, cond), expected[:, :, :1], rtol=0, atol=1e-5)
    none = video(x, t, cond | {"stills": torch.zeros(3, dtype=torch.bool)})
    torch.testing.assert_close(none, video(x, t, cond), rtol=0, atol=1e-5)


def test_stills_train_the_spatial_weights_alone():
    video, _ = pair(temporal=True)
    x, t, cond = inputs()
    video(x, t, cond | {"stills": torch.ones(3, dtype=torch.bool)}).square().sum().backward()
    for name, p in video.named_parameters():
        assert p.grad.any() != (".extra." in name), name


def test_frames_see_each_other():
    video, _ = pair(temporal=True)
    x, t, cond = inputs(frames=6)
    poked = x.clone()
    poked[:, :, 0] += 1
    moved = (video(x, t, cond) - video(poked, t, cond)).abs().amax((0, 1, 3, 4))
    assert (moved > 1e-5).all()


def test_without_temporal_attention_a_frame_reaches_one_further_per_block():
    torch.manual_seed(0)
    video = VideoUNet(**(SMALL | {"attention": False}), temporal_attention=False, temporal_kernel=3)
    fill(video.named_parameters())
    x, t, cond = inputs(frames=13)
    poked = x.clone()
    poked[:, :, 6] += 1
    moved = (video(x, t, cond) != video(poked, t, cond)).flatten(3).any(3).any(1).any(0).nonzero().flatten()
    assert moved.tolist() == list(range(2, 11))  # two levels, down and up: 4 blocks, each one frame either side


def test_time_reversal_of_a_single_frame_kernel_commutes():
    """No temporal convolution, no temporal attention: the order of the frames means nothing."""
    torch.manual_seed(0)
    video = VideoUNet(**SMALL, temporal_attention=False, temporal_kernel=1)
    fill(video.named_parameters())
    x, t, cond = inputs()
    torch.testing.assert_close(video(x.flip(2), t, cond), video(x, t, cond).flip(2), rtol=0, atol=1e-5)


def test_the_order_of_the_frames_counts():
    video, _ = pair(temporal=True)
    x, t, cond = inputs()
    assert (video(x.flip(2), t, cond) - video(x, t, cond).flip(2)).abs().max() > 1e-2


@pytest.mark.parametrize("shape", [(1, 9, 9), (3, 16, 6), (7, 5, 8)])
def test_any_length_and_size(shape):
    video, _ = pair(temporal=True)
    y = video(torch.randn(2, 1, *shape), torch.zeros(2), None)
    assert y.shape == (2, 1, *shape)
    assert y.isfinite().all()


@pytest.mark.parametrize("frames", [1, 16, 24])
def test_full_scale_on_the_meta_device(frames):
    with torch.device("meta"):
        network = VideoUNet(**FULL)
        x = torch.zeros(1, 3, frames, 64, 64)
        assert network(x, torch.zeros(1), None).shape == x.shape
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(74.5, rel=0.01)


def test_a_temporal_patch_is_a_network_of_fewer_wider_frames():
    """Two frames as one of twice the channels: what a network of patch 1 makes of them when given them so."""
    torch.manual_seed(0)
    folded = VideoUNet(**SMALL, temporal_patch=2)
    plain = VideoUNet(**(SMALL | {"in_channels": 2}))
    fill(plain.named_parameters())
    folded.load_state_dict(plain.state_dict())
    x, t, cond = inputs(frames=6)
    pairs = torch.cat([x[:, :, ::2], x[:, :, 1::2]], dim=1)
    y = plain(pairs, t, cond)
    expected = torch.stack([y[:, :1], y[:, 1:]], dim=3).flatten(2, 3)
    torch.testing.assert_close(folded(x, t, cond), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 5, 8])
def test_a_temporal_patch_takes_any_length(frames):
    torch.manual_seed(0)
    video = VideoUNet(**SMALL, temporal_patch=3)
    fill(video.named_parameters())
    x, t, cond = inputs(frames)
    y = video(x, t, cond)
    assert y.shape == x.shape
    padded = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, -frames % 3))
    torch.testing.assert_close(y, video(padded, t, cond)[:, :, :frames], rtol=0, atol=1e-6)


def test_frames_folded_together_are_no_stills():
    x, t, cond = inputs()
    with pytest.raises(ValueError, match="temporal_patch=2 folds frames together"):
        VideoUNet(**SMALL, temporal_patch=2)(x, t, cond | {"stills": torch.tensor([True, False, False])})
