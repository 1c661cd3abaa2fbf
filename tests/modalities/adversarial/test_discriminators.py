"""Discriminators: what each judge sees and does not see, labels by projection, bounded layers, and that they learn."""

import math

import pytest
import torch
from torch import nn

from core.discover import build, names
from modalities.adversarial.discriminators import kind_of, make_discriminator
from modalities.adversarial.discriminators._patches import Smaller, frames
from modalities.adversarial.discriminators.waveforms import Averaged, Period, Spectrum

SMALL = {
    "maps": ((2, 16, 12), {"width": 4, "depth": 2}),
    "waveforms": ((1, 400), {"width": 4, "windows": (64,)}),
    "clips": ((1, 5, 8, 8), {"width": 4, "depth": 2, "motion_width": 4, "motion_depth": 1}),
}


def small(kind: str, classes: int = 0) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    shape, options = SMALL[kind]
    return make_discriminator(kind, shape[0], classes=classes, **options), torch.randn(3, *shape)


def test_every_kind_is_covered():
    assert set(names("modalities.adversarial.discriminators")) == set(SMALL)
    assert [kind_of(shape) for _, (shape, _) in sorted(SMALL.items())] == sorted(SMALL)


@pytest.mark.parametrize("kind", SMALL)
def test_an_example_is_judged_alone(kind):
    """No statistics of a batch: the logits of one example are the same in any company."""
    panel, x = small(kind)
    panel.eval()  # the estimate of the spectral norm stands still
    for alone, together in zip(panel(x[1:2]), panel(x), strict=True):
        assert torch.allclose(alone, together[1:2], atol=1e-6)


@pytest.mark.parametrize("kind", SMALL)
def test_a_label_adds_its_projection_on_the_features(kind):
    """logit(y) - logit(none) = <e(y), h> / sqrt(C) at every position; -1 is none."""
    panel, x = small(kind, classes=3)
    panel.eval()
    label = torch.tensor([0, 2, -1])
    plain, labelled = panel.verdict(x), panel.verdict(x, label)
    features = iter(plain.features)
    for judge, a, b in zip(panel.judges, plain.logits, labelled.logits, strict=True):
        h = [next(features) for _ in judge.layers][-1]
        table = judge.project.label.weight
        e = torch.stack([table[0], table[2], torch.zeros_like(table[0])]).repeat_interleave(len(h) // 3, 0)
        added = torch.einsum("nc...,nc->n...", h, e) / math.sqrt(h.shape[1])
        assert torch.allclose(b - a, added.reshape(3, -1), atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(panel(x, torch.full((3,), -1)), plain.logits, strict=True))


@pytest.mark.parametrize("kind", SMALL)
def test_layers_have_spectral_norm_one(kind):
    panel, x = small(kind)
    for _ in range(40):
        panel(x)  # one power iteration each
    for judge in panel.judges:
        for layer in judge.layers:
            largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]
            assert 0.9 < float(largest) < 1.1


@pytest.mark.parametrize("kind", SMALL)
def test_it_learns_to_tell_noise_from_smooth(kind):
    """A few steps on the hinge loss part white noise from noise averaged over the last axis."""
    panel, _ = small(kind)
    loss, optimizer = build("modalities.adversarial.losses", "hinge"), torch.optim.Adam(panel.parameters(), lr=6e-3)
    generator = torch.Generator().manual_seed(1)
    margins = []
    for _ in range(30):
        noise = torch.randn(4, *SMALL[kind][0], generator=generator)
        smooth = (noise + noise.roll(1, -1)) / math.sqrt(2)
        real, fake = panel(smooth), panel(noise.flip(0))
        optimizer.zero_grad()
        loss.discriminator(real, fake).mean().backward()
        optimizer.step()
        pairs = zip(real, fake, strict=True)
        margins.append(float(torch.stack([r.detach().mean() - f.detach().mean() for r, f in pairs]).mean()))
    assert sum(margins[-10:]) / 10 > 0.3 + abs(margins[0])


def test_a_patch_does_not_see_the_far_end():
    panel, _ = small("maps")
    panel.eval()
    x = torch.randn(1, 2, 64, 8)
    y = x.clone()
    y[..., 40:, :] += 1
    before, after = (panel(v)[0].unflatten(1, (16, 2)) for v in (x, y))
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 10:], after[:, 10:])


def test_one_judge_of_clips_sees_frames_and_the_other_motion():
    panel, x = small("clips")
    panel.eval()
    order = torch.tensor([4, 2, 0, 1, 3])
    looks, moves = panel(x)
    looks_too, moves_too = panel(x[:, :, order])
    assert torch.allclose(looks.unflatten(1, (5, -1))[:, order], looks_too.unflatten(1, (5, -1)), atol=1e-6)
    assert not torch.allclose(moves, moves_too, atol=1e-3)


def test_views_show_all_of_x():
    x = torch.randn(2, 3, 20, dtype=torch.float64)
    assert torch.equal(Period(3)(x).flatten(2)[..., :20], x)
    assert torch.allclose(Averaged(4)(x)[:, :, 0], x.unflatten(-1, (5, 4)).mean(-1))
    clip = torch.randn(2, 3, 4, 5, 6)
    assert torch.equal(frames(clip).unflatten(0, (2, 4)).transpose(1, 2), clip)
    assert torch.allclose(
        Smaller(2)(clip[:, :, 0, :4]), clip[:, :, 0, :4].unflatten(-1, (3, 2)).unflatten(2, (2, 2)).mean((3, 5))
    )


def test_a_spectrum_has_a_tone_in_its_bin():
    tone = torch.sin(2 * torch.pi * 5 / 64 * torch.arange(640.0))
    z = Spectrum(64)(tone.reshape(1, 1, -1))
    power = (z[:, :1].square() + z[:, 1:].square())[0, 0, :, 4:-4].mean(-1)  # the ends of the tone are mirrored
    assert z.shape[1:3] == (2, 33)
    assert power.argmax() == 5
    assert power[[4, 5, 6]].sum() / power.sum() > 0.99  # a Hann window leaks into one bin on either side


@pytest.mark.parametrize(("kind", "size"), [("maps", (1, 1)), ("waveforms", (5,)), ("clips", (1, 1, 1))])
def test_the_smallest_x_is_judged_too(kind, size):
    panel = make_discriminator(kind, 1, width=2)
    assert all(torch.isfinite(v).all() and v.numel() for v in panel(torch.ones(1, 1, *size)))


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("pictures", {}, "unknown discriminator 'pictures'"),
        ("maps", {"wide": 3}, "unknown option 'wide'"),
        ("maps", {"scales": 0}, "scales=0 must be at least 1"),
        ("maps", {"depth": -1}, "depth=-1"),
        ("waveforms", {"periods": [1]}, "periods=1 must be at least 2"),
        ("waveforms", {"periods": [], "scales": [], "windows": []}, "at least one period"),
    ],
)
def test_what_it_refuses(kind, options, message):
    with pytest.raises(ValueError, match=message):
        make_discriminator(kind, 1, **options)


def test_kinds_of_events():
    with pytest.raises(ValueError, match="1 to 3"):
        kind_of((3,))
