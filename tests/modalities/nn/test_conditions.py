"""Conditions in the three U-Nets: each way in counts for its own example, absent is absent, padding is nothing."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

import modalities.modality
from core.condition import absent
from modalities.audio.network import SpectrogramUNet, WaveformUNet
from modalities.condition import build
from modalities.image.network import ImageUNet
from modalities.nn.concat import Signal, beside, presented
from modalities.nn.conditions import Conditions, mean
from modalities.nn.cross_attention import CrossAttention, Tokens
from modalities.video.network import VideoUNet

NAN = float("nan")
SMALL = {"classes": 3, "width": 16, "multipliers": (1, 2), "blocks": 1, "attention": (False, True), "head_channels": 8}
CASES = {
    "image": (ImageUNet, {"in_channels": 3, "patch": 2}, (3, 7, 10)),
    "spectrogram": (SpectrogramUNet, {"in_channels": 2}, (2, 8, 12)),
    "wave": (WaveformUNet, {"in_channels": 1, "patch": 4}, (1, 60)),
    "video": (VideoUNet, {"in_channels": 1, "patch": 2}, (1, 3, 8, 6)),
}
cases = pytest.mark.parametrize("case", CASES)
MEDIA = modalities.modality.load("image", size=8)


@dataclass(frozen=True)
class Given:
    """A signal as it is: folded where it has the size of x."""

    channels: int
    size: tuple[int, ...]
    folded: bool
    enters: ClassVar[str] = "concat"

    def empty(self):
        return torch.full((1, self.channels, *(1 for _ in self.size)), NAN)

    def module(self, channels):
        return Signal(self.channels, folded=self.folded)


def kinds(event):
    nodes = {
        "caption": {"name": "text", "length": 5, "width": 16, "layers": 1},
        "title": {"name": "text", "length": 3, "width": 8, "layers": 1},
        "pitch": {"name": "value", "field": "pitch", "low": 0.0, "high": 1.0},
    }
    other = tuple(3 + i for i in range(len(event) - 1))
    signals = {"twin": Given(event[0], event[1:], True), "mel": Given(4, other, False)}
    return build(nodes, MEDIA) | signals


def asked(case):
    """The network, awake; x, noise level, and a condition in which the second example has everything absent."""
    make, own, event = CASES[case]
    torch.manual_seed(0)
    known = kinds(event)
    network = make(**(SMALL | own), conditions=known)
    for p in network.parameters():
        if not p.any():
            nn.init.normal_(p, std=0.1)
    cond = {
        "label": torch.tensor([0, -1]),
        "caption": torch.cat([known["caption"].given("a red circle"), known["caption"].empty()]),
        "title": torch.cat([known["title"].given("two notes"), known["title"].empty()]),
        "pitch": torch.tensor([0.3, NAN]),
        "twin": torch.randn(2, *event),
        "mel": torch.randn(2, 4, *known["mel"].size),
    }
    cond["twin"][1] = NAN
    cond["mel"][1] = NAN
    cond["twin"][0, :, ..., -2:] = NAN  # known in part
    return network, torch.randn(2, *event), torch.tensor([-0.5, 1.0]), cond


@cases
def test_the_output_starts_at_zero_and_every_parameter_has_a_gradient(case):
    make, own, event = CASES[case]
    torch.manual_seed(0)
    fresh = make(**(SMALL | own), conditions=kinds(event))
    assert not fresh(torch.randn(2, *event), torch.zeros(2), None).any()
    network, x, t, cond = asked(case)
    y = network(x, t, cond)
    (y * torch.sin(torch.arange(y.numel())).view_as(y)).sum().backward()
    grads = {name: p.grad for name, p in network.named_parameters()}
    assert [name for name, grad in grads.items() if grad is None or not grad.any()] == []
    assert all(grad.isfinite().all() for grad in grads.values())


@cases
@pytest.mark.parametrize("name", ["caption", "title", "pitch", "twin", "mel"])
def test_a_condition_changes_the_output_of_its_example_alone(case, name):
    network, x, t, cond = asked(case)
    y = network(x, t, cond)
    gone = network(x, t, cond | {name: absent(cond[name])})
    assert (gone[0] - y[0]).abs().max() > 1e-3
    torch.testing.assert_close(gone[1], y[1], rtol=0, atol=1e-5)
    missing = network(x, t, {k: v for k, v in cond.items() if k != name})
    torch.testing.assert_close(missing, gone, rtol=0, atol=1e-5)


@cases
def test_an_example_does_not_depend_on_its_batch(case):
    network, x, t, cond = asked(case)
    y = network(x, t, cond)
    for i in range(2):
        row = slice(i, i + 1)
        alone = network(x[row], t[row], {name: value[row] for name, value in cond.items()})
        torch.testing.assert_close(alone, y[row], rtol=0, atol=1e-5)
    torch.testing.assert_close(network(x[1:], t[1:], None), y[1:], rtol=0, atol=1e-5)


@cases
def test_checkpointing_recomputes_the_same(case):
    network, x, t, cond = asked(case)

    def gradients():
        network.zero_grad()
        network(x, t, cond).square().sum().backward()
        return [p.grad.clone() for p in network.parameters()]

    want = gradients()
    network.unet.checkpoint = True
    for a, b in zip(want, gradients(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@cases
def test_without_conditions_the_weights_are_those_of_a_network_that_never_knew_any(case):
    """Names, and from one seed the numbers: so old checkpoints load, and old runs go on."""
    make, own, _ = CASES[case]
    states = []
    for more in ({}, {"conditions": None}, {"conditions": {}}):
        torch.manual_seed(3)
        states.append(make(**(SMALL | own), **more).state_dict())
    assert list(states[0]) == list(states[1]) == list(states[2])
    assert not any("conditions" in name or "cross" in name for name in states[0])
    assert all(torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_an_image_network_s_weights_load_into_a_video_network():
    _, own, event = CASES["image"]
    image = ImageUNet(**(SMALL | own), conditions=kinds(event))
    video = VideoUNet(**(SMALL | own), conditions=kinds((3, 2, 7, 10)))
    missing, unexpected = video.load_state_dict(image.state_dict(), strict=False)
    assert unexpected == []
    assert all(".extra." in name for name in missing)


def test_text_reaches_every_frame_and_stills_keep_their_own():
    network, x, t, cond = asked("video")
    flags = {"stills": torch.tensor([True, False])}
    y = network(x, t, cond | flags)
    gone = network(x, t, cond | flags | {"caption": absent(cond["caption"])})
    assert (gone[0] - y[0]).abs().amax(dim=(0, 2, 3)).min() > 1e-4


def test_cross_attention_sees_no_padding_and_shares_a_row_among_frames():
    torch.manual_seed(0)
    layer = CrossAttention(16, 8, 12)
    nn.init.normal_(layer.out.weight)
    x, tokens = torch.randn(6, 16, 2, 3), torch.randn(2, 4, 12)
    mask = torch.tensor([[True, True, False, False], [True, False, True, True]])
    y = layer(x, Tokens(tokens, mask))
    other = torch.where(mask[..., None], tokens, 100.0)
    torch.testing.assert_close(layer(x, Tokens(other, mask)), y)
    short = layer(x[:3], Tokens(tokens[:1, :2], mask[:1, :2]))
    torch.testing.assert_close(short, y[:3])
    each = [layer(x[i : i + 1], Tokens(tokens[i // 3][None], mask[i // 3][None])) for i in range(6)]
    torch.testing.assert_close(torch.cat(each), y)
    permuted = layer(x, Tokens(tokens[:, [0, 3, 2, 1]], mask[:, [0, 3, 2, 1]]))
    torch.testing.assert_close(permuted, y)


def test_cross_attention_is_attention():
    """One head, written out in float64."""
    torch.manual_seed(0)
    layer = CrossAttention(4, 4, 3).double()
    nn.init.normal_(layer.out.weight)
    x, c = torch.randn(1, 4, 1, 2, dtype=torch.float64), torch.randn(1, 5, 3, dtype=torch.float64)

    def norm(v):
        return (v - v.mean(-1, keepdim=True)) / (v.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()

    h = norm(x[0, :, 0].T)
    q = norm(layer.q(h))
    k, v = layer.kv(norm(c[0])).chunk(2, dim=-1)
    weight = (q @ norm(k).T / 2).softmax(-1)
    want = x[0, :, 0].T + layer.out(weight @ v)
    got = layer(x, Tokens(c, torch.ones(1, 5, dtype=torch.bool)))
    torch.testing.assert_close(got[0, :, 0].T, want)


def test_what_is_presented():
    rows = torch.tensor([[[1.0, NAN, 3.0], [4.0, 5.0, NAN]]])
    assert presented(rows).tolist() == [[[1, 0, 0], [4, 0, 0], [1, 0, 0]]]
    assert presented(torch.full((1, 2, 3), NAN)).tolist() == [[[0, 0, 0]] * 3]


def test_signals_are_brought_to_the_size_of_x_or_of_its_patches():
    x = torch.zeros(1, 1, 2, 5, 8)
    fine, coarse = torch.randn(1, 2, 1, 5, 8), torch.arange(3.0).view(1, 1, 1, 3, 1)
    got = beside([(fine, True), (coarse, False), (fine, True)], x, 2)
    assert torch.equal(got.folded, torch.cat([fine, fine], 1).expand(1, 4, 2, 5, 8))
    assert torch.equal(got.coarse, coarse.expand(1, 1, 2, 3, 4))
    assert beside([], x, 2) == (None, None)
    with pytest.raises(ValueError, match="does not lie beside x"):
        beside([(fine[:, :, 0], True)], x, 2)


def test_the_mean_over_no_tokens_is_zero():
    tokens, mask = torch.randn(2, 3, 4), torch.tensor([[True, False, True], [False] * 3])
    torch.testing.assert_close(mean(tokens, mask), torch.stack([(tokens[0, 0] + tokens[0, 2]) / 2, torch.zeros(4)]))


def test_text_needs_a_level_with_attention():
    with pytest.raises(ValueError, match=r"network\.attention is false at every level"):
        ImageUNet(in_channels=1, attention=False, conditions=build({"x": {"name": "text"}}, MEDIA))


def test_channels_of_signals_are_counted():
    conditions = Conditions(kinds((3, 4, 4)), 8)
    assert (conditions.folded, conditions.coarse) == (4, 5)
    assert not any(name.startswith("empty_") for name in conditions.state_dict())


def test_one_compiled_graph_serves_absent_and_given():
    """No value is looked at: `fullgraph` would fail otherwise, and another condition does not compile again."""
    network, _, _, cond = asked("image")
    compiled = torch.compile(network.conditions, backend="eager", fullgraph=True)

    def flat(entering):
        return [entering.embedding, *entering.tokens, *(signal for signal, _ in entering.signals)]

    gone = {name: absent(rows) for name, rows in cond.items()}
    for given in (cond, gone):
        with torch.compiler.set_stance("default" if given is cond else "fail_on_recompile"):
            for a, b in zip(flat(compiled(given, 2)), flat(network.conditions(given, 2)), strict=True):
                torch.testing.assert_close(a, b)
