"""The demo's checks recognise what the generators draw and play, and nothing where there is nothing."""

import math

import pytest
import torch
from torch import Tensor

from modalities.audio.synthetic import Synthetic as Tones
from modalities.data.shapes import SHAPES, draw
from modalities.image.synthetic import Synthetic as Shapes
from modalities.video.synthetic import Synthetic as Movers
from tools.demonstration.checks import UNCLEAR, coverage, direction_of, shape_of
from tools.demonstration.pitch import track, waveform_of

COUNT = 20


def noisy(media: Tensor, std: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (media + std * torch.randn(media.shape, generator=generator)).round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("std", [0.0, 10.0])
def test_every_drawn_shape_is_recognised(std: float) -> None:
    source = Shapes(seed=11)
    for i in range(COUNT):
        example = source.read(i)
        assert shape_of(noisy(example.media, std)).what == source.classes[example.label], source.describe(i)["caption"]


def test_what_is_no_shape_is_unclear() -> None:
    assert shape_of(torch.full((3, 32, 32), 40, dtype=torch.uint8)).what == UNCLEAR
    noise = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert shape_of(noise).what == UNCLEAR
    two = torch.maximum(*(draw("circle", "red", "black", torch.tensor([[x, x]]), 6.0, 32, 3)[0] for x in (7.0, 24.0)))
    assert shape_of(two).what == UNCLEAR


@pytest.mark.parametrize("shape", SHAPES)
def test_coverage_is_the_area_of_the_shape(shape: str) -> None:
    picture = draw(shape, "blue", "plum", torch.tensor([[16.0, 15.0]]), 10.0, 32, 3)[0]
    area = {
        "circle": math.pi,
        "ring": math.pi * 0.75,
        "square": 2.0,
        "triangle": 3 * math.sqrt(3) / 4,
        "star": 5 * 0.42 * math.sin(math.pi / 5),
    }[shape] * 100
    assert float(coverage(picture).sum()) == pytest.approx(area, rel=0.12)  # the threshold takes half a pixel of edge


@pytest.mark.parametrize("std", [0.0, 10.0])
def test_every_mover_goes_where_its_label_says(std: float) -> None:
    source = Movers(seed=11)
    for i in range(COUNT):
        example = source.read(i)
        seen = direction_of(noisy(example.media, std))
        assert seen.what == source.classes[example.label], (source.describe(i)["caption"], seen)


def test_what_stands_still_vanishes_or_jumps_is_unclear() -> None:
    clip = Movers(seed=11).read(0).media
    assert direction_of(clip[:1].expand_as(clip)).what == UNCLEAR
    assert direction_of(torch.cat([clip[:12], torch.zeros_like(clip[:4])])).what == UNCLEAR
    assert direction_of(clip[torch.randperm(16, generator=torch.Generator().manual_seed(3))]).what == UNCLEAR


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_every_tone_is_recognised(noise: float) -> None:
    source = Tones(seed=11)
    generator = torch.Generator().manual_seed(0)
    for i in range(COUNT):
        example = source.read(i)
        wave = example.media[0] / 32768 + noise * torch.randn(8192, generator=generator)
        seen = waveform_of(wave, 8000)
        assert seen.what == source.classes[example.label], (source.describe(i), seen)


@pytest.mark.parametrize("hertz", [220.0, 311.1, 440.0, 880.0, 1318.5])
def test_pitch_is_right_to_a_twentieth_of_a_semitone(hertz: float) -> None:
    seconds = torch.arange(8192, dtype=torch.float64) / 8000
    wave = sum(torch.sin(2 * math.pi * k * hertz * seconds) / k for k in range(1, 4) if k * hertz < 3900)
    assert isinstance(wave, Tensor)
    pitch, clarity = track(wave, 8000)
    assert (1200 * torch.log2(pitch / hertz)).abs().max() < 25  # a lag of 1/8 sample in 6 is 18 cents each way
    assert (1200 * torch.log2(pitch / hertz)).median().abs() < 20
    assert clarity.min() > 0.95


def test_noise_silence_and_slides_are_no_tones() -> None:
    generator = torch.Generator().manual_seed(0)
    assert waveform_of(0.1 * torch.randn(8192, generator=generator), 8000).what == UNCLEAR
    assert waveform_of(torch.zeros(8192), 8000).what == UNCLEAR
    seconds = torch.arange(8192, dtype=torch.float64) / 8000
    falling = torch.sin(2 * math.pi * (800 * seconds - 250 * seconds**2))
    assert waveform_of(falling, 8000).what == UNCLEAR
