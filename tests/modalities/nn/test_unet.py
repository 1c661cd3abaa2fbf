"""The skeleton, for waves, images and clips alike: what holds of every network, and every switch changes nothing."""

import copy

import pytest
import torch
from torch import nn

from modalities.audio.network import SpectrogramUNet, WaveformUNet
from modalities.image.network import ImageUNet
from modalities.video.network import VideoUNet

SMALL = {"classes": 3, "width": 16, "multipliers": (1, 2), "blocks": 1, "attention": (False, True), "head_channels": 8}
CASES = {
    "image": (ImageUNet, {"in_channels": 3, "patch": 2}, (3, 8, 8)),
    "image_average": (ImageUNet, {"in_channels": 1, "resampling": "average", "blocks": (1, 2)}, (1, 7, 10)),
    "spectrogram": (SpectrogramUNet, {"in_channels": 2}, (2, 8, 12)),
    "wave": (WaveformUNet, {"in_channels": 1, "patch": 4}, (1, 64)),
    "wave_stereo": (WaveformUNet, {"in_channels": 2, "patch": 2, "factors": (3,), "kernel": 5}, (2, 50)),
    "video": (VideoUNet, {"in_channels": 1, "patch": 2}, (1, 3, 8, 8)),
    "video_time": (VideoUNet, {"in_channels": 2, "temporal_attention": (True, False)}, (2, 2, 5, 6)),
}


def build(case, **options):
    """The network with its zeros made random, so that every path counts, and an input with labels."""
    make, own, event = CASES[case]
    torch.manual_seed(0)
    network = make(**(SMALL | own | options))
    for p in network.parameters():
        if not p.any():
            nn.init.normal_(p, std=0.1)
    cond = {"label": torch.tensor([0, -1])}
    return network, (torch.randn(2, *event), torch.tensor([-0.5, 1.0]), cond)


def gradients(network, inputs):
    network.zero_grad()
    torch.manual_seed(1)  # the dropout masks
    y = network(*inputs)
    (y * torch.sin(torch.arange(y.numel())).view_as(y)).sum().backward()
    return {name: p.grad for name, p in network.named_parameters()}


@pytest.mark.parametrize("case", CASES)
def test_the_output_has_the_input_s_shape_and_starts_at_zero(case):
    make, own, event = CASES[case]
    x = torch.randn(2, *event)
    y = make(**(SMALL | own))(x, torch.zeros(2), None)
    assert y.shape == x.shape
    assert not y.any()


@pytest.mark.parametrize("case", [*CASES, "video_tubes"])
def test_two_answers_stand_one_after_the_other_along_the_channels(case):
    """With the one answer's head in the first half of every position, the first half of the channels is that answer;
    heads that ignore their input answer with their own numbers, wherever the position."""
    options = {"temporal_patch": 2} if case == "video_tubes" else {}
    case = case.replace("tubes", "time")
    one, inputs = build(case, **options)
    two, _ = build(case, answers=2, **options)
    C = CASES[case][1]["in_channels"]
    first = torch.arange(len(two.unet.head.weight)) % (2 * C) < C
    state = {k: v for k, v in one.state_dict().items() if not k.startswith("unet.head.")}
    two.load_state_dict(state, strict=False)
    two.unet.head.weight.data[first] = one.unet.head.weight.data
    two.unet.head.bias.data[first] = one.unet.head.bias.data
    two.unet.head.weight.data[~first] = 0
    two.unet.head.bias.data[~first] = 7
    both = two(*inputs)
    mean, other = both.chunk(2, dim=1)
    assert torch.allclose(mean, one(*inputs), rtol=1e-4, atol=1e-5)
    assert (other == 7).all()


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_has_a_gradient(case):
    network, inputs = build(case)
    assert [name for name, grad in gradients(network, inputs).items() if grad is None or not grad.any()] == []


@pytest.mark.parametrize("case", CASES)
def test_noise_level_and_label_change_the_output_of_their_example_alone(case):
    network, (x, t, cond) = build(case)
    y = network(x, t, cond)
    for other in (network(x, t + torch.tensor([0.1, 0.0]), cond), network(x, t, {"label": torch.tensor([2, -1])})):
        assert (other[0] - y[0]).abs().max() > 1e-3
        torch.testing.assert_close(other[1], y[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_an_example_does_not_depend_on_its_batch(case):
    network, (x, t, cond) = build(case)
    alone = network(x[1:], t[1:], {"label": cond["label"][1:]})
    torch.testing.assert_close(network(x, t, cond)[1:], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_checkpointing_recomputes_the_same_gradients(case):
    network, inputs = build(case, dropout=0.2)
    expected = gradients(network, inputs)
    network.unet.checkpoint = True
    got = gradients(network, inputs)
    for name in expected:
        torch.testing.assert_close(got[name], expected[name], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_channels_last_weights_compute_the_same(case):
    network, (x, t, cond) = build(case)
    expected = network(x, t, cond)
    if x.ndim == 4:
        x = x.to(memory_format=torch.channels_last)
    got = network.to(memory_format=torch.channels_last)(x, t, cond)
    torch.testing.assert_close(got, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_bfloat16_autocast_agrees_within_its_precision(case):
    network, (x, t, cond) = build(case)
    expected = network(x, t, cond)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = network(x, t, cond)
    error = (got.float() - expected).square().mean().sqrt() / expected.square().mean().sqrt()
    assert 1e-5 < error < 0.04  # 2^-8 per rounding, some tens of roundings in a row, as a random walk


@pytest.mark.parametrize(("case", "backend"), [("image", "eager"), ("wave", "aot_eager"), ("video", "eager")])
def test_compiles_without_a_break_to_the_same_gradients(case, backend):
    network, inputs = build(case)
    expected = gradients(network, inputs)
    torch.compiler.reset()
    compiled = torch.compile(network, fullgraph=True, backend=backend)
    network.zero_grad()
    y = compiled(*inputs)
    (y * torch.sin(torch.arange(y.numel())).view_as(y)).sum().backward()
    for name, p in network.named_parameters():
        torch.testing.assert_close(p.grad, expected[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["image", "wave", "video"])
def test_odd_sizes_are_the_padded_size_cropped(case):
    network, (x, t, cond) = build(case)
    cut = x[..., :-3]
    padded = x.clone()
    padded[..., -3:] = 0
    torch.testing.assert_close(network(cut, t, cond), network(padded, t, cond)[..., :-3], rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", ["image", "wave", "video"])
def test_a_copy_with_the_same_weights_is_the_same_function(case):
    network, inputs = build(case)
    twin = copy.deepcopy(network)
    other, _ = build(case)
    other.load_state_dict(network.state_dict())
    assert torch.equal(twin(*inputs), network(*inputs))
    assert torch.equal(other(*inputs), network(*inputs))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"attention": (True,)}, r"attention=\[True\] has 1 entries, but there are 2 levels"),
        ({"blocks": [1, 2, 3]}, r"blocks=\[1, 2, 3\] has 3 entries, but there are 2 levels"),
        ({"resampling": "leanred"}, r"resampling='leanred' is not one of average, learned \(did you mean 'learned'"),
        ({"kernel": 4}, "kernel=4 must be odd"),
        ({"multipliers": ()}, r"levels \(multipliers\)=0 must be at least 1"),
        ({"width": 0}, "width=0 must be at least 1"),
        ({"patch": 0}, "patch=0 must be at least 1"),
        ({"factors": 0}, "factors=0 must be at least 1"),
        ({"dropout": 1.0}, r"dropout=1.0 must be in \[0, 1\)"),
    ],
)
def test_options_that_do_not_fit_are_told_in_one_line(options, says):
    with pytest.raises(ValueError, match=says):
        ImageUNet(**({"in_channels": 3} | SMALL | options))


def test_an_even_temporal_kernel_is_told_in_one_line():
    with pytest.raises(ValueError, match="temporal_kernel=2 must be odd"):
        VideoUNet(in_channels=3, temporal_kernel=2)
