"""Views: what they average, keep, and measure."""

import math

import pytest
import torch

from modalities.features.views import Clip, LogMel, Picture, view_of
from modalities.modality import load


def test_a_large_picture_is_averaged_and_a_small_one_kept() -> None:
    pixels = torch.randint(256, (2, 3, 128, 96), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    seen = Picture()(pixels)
    assert seen.shape == (2, 3, 64, 64)
    assert torch.allclose(seen.mean((2, 3)), (pixels.float() / 127.5 - 1).mean((2, 3)), atol=5e-3)
    small = pixels[..., :16, :16]
    assert torch.equal(Picture()(small), small.float() / 127.5 - 1)


def test_a_long_clip_keeps_its_ends_and_its_order() -> None:
    clip = (torch.arange(40, dtype=torch.uint8).view(1, 40, 1, 1, 1)).expand(1, 40, 8, 8, 1)
    seen = Clip(frames=4)(clip)
    assert seen.shape == (1, 1, 4, 8, 8)
    assert ((seen[0, 0, :, 0, 0] + 1) * 127.5).round().tolist() == [0, 13, 26, 39]


def test_a_sine_lies_in_its_band_and_ten_times_the_amplitude_is_ln_10_above() -> None:
    rate, hertz = 8000, 1000
    t = torch.arange(4096) / rate
    view = LogMel(sample_rate=rate)
    loud, soft = (
        view((a * 32767 * torch.sin(2 * math.pi * hertz * t)).round().to(torch.int16).view(1, 1, -1))
        for a in (0.9, 0.09)
    )
    middle = loud.shape[-1] // 2
    band = int(loud[0, 0, :, middle].argmax())
    mel = 2595 * math.log10(1 + hertz / 700)
    top = 2595 * math.log10(1 + rate / 2 / 700)
    assert abs(band + 1 - mel / top * (view.bands + 1)) < 1  # triangles centred at equal steps of mel
    apart = (loud - soft)[0, 0, band, middle] * 2.5
    assert float(apart) == pytest.approx(math.log(10), abs=0.01)


def test_every_modality_has_a_view_of_its_own_stored_media() -> None:
    for name, kind in (("image", Picture), ("audio", LogMel), ("video", Clip)):
        media = load(name)
        view = view_of(media)
        assert isinstance(view, kind)
        stored = media.decode(torch.zeros(2, *media.event_shape))
        assert view(stored).ndim == view.rank + 2
