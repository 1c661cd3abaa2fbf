"""What every task of editing makes, with models whose answer is known: Gaussian data and its exact denoiser."""

import dataclasses
import functools

import pytest
import torch
from torch import nn

from core import discover
from core.operators.blur import Blur
from core.schedules.cosine import Cosine
from modalities.audio.modality import AudioModality
from modalities.image.modality import ImageModality
from modalities.latents.media import LatentMedia
from modalities.video.modality import VideoModality
from tests.tools.small import NETWORK
from tools import recipe as recipes
from tools.editing.bench import Bench
from tools.editing.command import settings
from tools.editing.space import space_of
from tools.sampling import Sample

IMAGE, COLOUR = ImageModality(size=8, channels=1), ImageModality(size=8)
VIDEO = VideoModality(size=4, frames=6, channels=1)
WAVE = AudioModality(samples=256, scale=2.0)
SPECTROGRAM = AudioModality(samples=256, representation="spectrogram", n_fft=32, hop=16, scale=0.7)


class Smooth(nn.Module):
    """Data N(0, C), C circulant along the last axis: neighbours resemble each other. Diagonal in Fourier space."""

    sigma_data, answers = 0.5, 1

    def __init__(self, near: float) -> None:
        super().__init__()
        self.schedule, self.near = Cosine(), near
        self.network = nn.Linear(1, 1)

    def power(self, n: int) -> torch.Tensor:
        f = torch.fft.rfftfreq(n)
        spectrum = 1 / (1 + (self.near * f) ** 2)
        full = torch.cat([spectrum, spectrum[1 : n - n // 2].flip(0)])
        return 0.25 * spectrum / full.mean()

    def forward(self, x, t, cond=None):
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        power = self.power(x.shape[-1])
        gain = alpha * power / (alpha**2 * power + sigma**2)
        return torch.fft.irfft(torch.fft.rfft(x) * gain, n=x.shape[-1]).to(x.dtype)

    def covariance(self, n: int) -> torch.Tensor:
        return torch.fft.irfft(torch.fft.rfft(torch.eye(n)) * self.power(n), n=n)


class Held:
    """A file that is held in memory."""

    def __init__(self, media, stored, **facts):
        self.path, self.start, self.media, self.stored = "held", 0.0, media, stored
        self.facts = {"rate": getattr(media, "sample_rate", 0), **facts}

    @property
    def length(self):
        return self.stored.shape[-1] if self.media.name == "audio" else self.stored.shape[1]

    def read(self, media):
        """What the task asks for: the same, or fewer frames, or smaller, as a file that is degraded already."""
        if media == self.media or media.name == "audio":
            return self.stored
        if media.name == "video":
            return self.stored[:, :: -(-self.media.frames // media.frames)] if media.size == 4 else self.stored
        small = torch.nn.functional.avg_pool2d(self.stored.float(), self.media.size // media.size)
        return small[:, : media.channels].round().to(torch.uint8)


def example(media, near=4.0):
    """Stored media of the data that `Smooth` knows."""
    g = torch.Generator().manual_seed(5)
    space, model = space_of(media), Smooth(near)
    shape = (1, *media.event_shape) if media.name != "audio" else (1, 1, media.samples)
    x = torch.randn(shape, generator=g)
    smooth = torch.fft.irfft(torch.fft.rfft(x) * model.power(shape[-1]).sqrt(), n=shape[-1])
    return space.stored(0.6 * smooth / smooth.std() * 0.5 * space.unit / (2.0 if media.name == "audio" else 1.0))


@functools.cache
def recipe_of(modality, words):
    made = recipes.load([f"modality={modality}", "run=unused", *NETWORK, "data.class_conditional=false"])
    return recipes.overlay(made, list(words))


def bench(media, task, *words, n=3, near=4.0, file=None, **more):
    recipe = recipe_of(media.name, (*settings(task), "batch=256", *words))
    file = file or Held(media, example(media, near))
    samples = [Sample(i, i, -1) for i in range(n)]
    return Bench(
        recipe=recipe, denoiser=Smooth(near), media=media, model=media, space=space_of(media), file=file,
        samples=samples, **more,
    )  # fmt: skip


def run(bench, task, **options):
    with torch.no_grad():
        return discover.build("tools.editing.tasks", task, options)(bench)


@pytest.mark.parametrize(
    ("media", "region", "inside"),
    [
        (IMAGE, "2:6,1:7", (slice(2, 6), slice(1, 7))),
        (VIDEO, "2:4", (slice(2, 4),)),
        (VIDEO, ":,1:3,0:4", (slice(None), slice(1, 3), slice(0, 4))),
        (WAVE, "0.01:0.02", (slice(80, 160),)),
        (SPECTROGRAM, "0.01:0.02", (slice(80, 160),)),
    ],
    ids=["image", "frames", "box of a clip", "waveform", "spectrogram"],
)
@pytest.mark.parametrize("solver", [None, {"name": "diffpir"}, {"name": "dps", "scale": 0.1}], ids=str)
def test_outside_of_the_region_every_stored_value_stays(media, region, inside, solver):
    """Bit for bit, whatever the solver; inside, the results differ from each other and from the input."""
    b = bench(media, "inpaint", "sampler.steps=6", solver=solver)
    edited = run(b, "inpaint", region=region)
    stored, given = b.space.stored(edited.results), b.file.read(media)
    signal = b.space.read(stored)
    hidden = torch.zeros(signal.shape[2:], dtype=torch.bool)
    hidden[inside] = True
    outside = b.space.stored(torch.where(hidden, 0.0, signal))
    assert torch.equal(outside, b.space.stored(torch.where(hidden, 0.0, b.space.read(given))).expand_as(outside))
    filled = signal[..., hidden]
    assert (filled[0] - filled[1]).abs().max() > 0.01
    assert (filled[0] - b.space.read(given)[0][..., hidden]).abs().max() > 0.01


def test_what_is_filled_in_is_the_posterior_of_gaussian_data():
    """Mean and variance of many draws against the closed form of a Gaussian with four of eight neighbours hidden."""
    b = bench(IMAGE, "inpaint", n=256, solver={"name": "moment_matching", "iterations": 8})
    edited = run(b, "inpaint", region="0:8,3:7")
    seen = torch.tensor([0, 1, 2, 7])
    hidden = torch.tensor([3, 4, 5, 6])
    C = Smooth(4.0).covariance(8)
    gain = C[hidden][:, seen] @ torch.linalg.inv(C[seen][:, seen])
    given = b.signal()[0, 0]  # (8, 8): rows are independent
    mean = given[:, seen] @ gain.T
    var = (C[hidden][:, hidden] - gain @ C[seen][:, hidden]).diagonal()
    found = edited.results[:, 0][:, :, hidden]
    assert ((found.mean(0) - mean).abs() < 5 * (var / 256).sqrt() + 0.01).all()
    torch.testing.assert_close(found.var(0).mean(0), var, rtol=0.08, atol=0)
    assert mean.abs().max() > 0.1  # the data would be missed by a model that ignores them


def test_interpolation_keeps_the_frames_that_there_are():
    """Of an original every second frame, and of a file with fewer frames all of them, at their places."""
    edited = run(bench(VIDEO, "interpolate", "sampler.steps=4", degrade=True), "interpolate", every=2)
    given = bench(VIDEO, "interpolate").signal()
    assert torch.equal(edited.results[:, :, ::2], given[:, :, ::2].expand_as(edited.results[:, :, ::2]))
    assert not torch.equal(edited.results[:, :, 1::2], given[:, :, 1::2].expand_as(edited.results[:, :, 1::2]))
    few = run(bench(VIDEO, "interpolate", "sampler.steps=4"), "interpolate", every=3)
    assert few.results.shape == (3, 1, 6, 4, 4)
    assert torch.equal(few.results[0, :, ::3], given[0, :, ::3])


def test_super_resolution_gives_means_that_are_the_pixels_given():
    given = bench(IMAGE, "super_resolve").signal()
    want = torch.nn.functional.avg_pool2d(given, 4)
    edited = run(bench(IMAGE, "super_resolve", "sampler.steps=30", degrade=True), "super_resolve", factor=4)
    got = torch.nn.functional.avg_pool2d(edited.results, 4)
    assert (got - want).abs().max() < 0.02
    already = run(bench(IMAGE, "super_resolve", "sampler.steps=30"), "super_resolve", factor=4)
    assert (torch.nn.functional.avg_pool2d(already.results, 4) - want).abs().max() < 0.03  # rounded to grey levels


def test_colour_has_the_luma_that_was_given():
    b = bench(COLOUR, "colourise", "sampler.steps=30", degrade=True)
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    edited = run(b, "colourise")
    assert ((edited.results * luma).sum(1) - (b.signal() * luma).sum(1)).abs().max() < 0.02
    assert edited.results.std(1).mean() > 0.1  # and is not grey


def test_the_mean_of_deblurred_draws_is_wieners_filter():
    """C A^T (A C A^T + noise^2)^-1 y, of a blur along height and width of data whose rows are independent."""
    words = {"solver": {"name": "moment_matching", "iterations": 20}, "noise": 0.05, "n": 128}
    edited = run(bench(IMAGE, "deblur", "sampler.steps=30", degrade=True, **words), "deblur", std=0.8)
    basis = torch.eye(64).reshape(64, 1, 8, 8)
    A = Blur(0.8, (-2, -1))(basis).flatten(1).T
    C = torch.block_diag(*[Smooth(4.0).covariance(8)] * 8)
    gain = C @ A.T @ torch.linalg.inv(A @ C @ A.T + 0.01 * torch.eye(64))
    want, found = gain @ edited.degraded.flatten(), edited.results.mean(0).flatten()
    spread = (C - gain @ A @ C).diagonal().clamp_min(0)
    assert ((found - want).abs() < 5 * (spread / 128).sqrt() + 0.02).all()
    assert (edited.degraded.flatten() - want).abs().max() > 0.2


@pytest.mark.parametrize("media", [IMAGE, WAVE], ids=["image", "waveform"])
def test_the_mean_of_denoising_is_wieners_filter(media):
    """noise is a share of full scale: 2 of pixels in [-1, 1], `scale` of waveforms."""
    b = bench(media, "denoise", n=1, noise=0.05)
    edited = run(b, "denoise", estimate="mean")
    y, n = b.signal(), b.signal().shape[-1]
    C, std = Smooth(4.0).covariance(n), 0.05 * b.space.unit
    wiener = y @ torch.linalg.inv(C + std**2 * torch.eye(n)) @ C
    torch.testing.assert_close(edited.results, wiener, atol=2e-4, rtol=0)
    assert (wiener - y).abs().max() > 0.01


def test_draws_of_denoising_spread_as_the_posterior_does():
    b = bench(IMAGE, "denoise", n=256, noise=0.2)
    edited = run(b, "denoise")
    C = Smooth(4.0).covariance(8)
    posterior = C - C @ torch.linalg.inv(C + 0.16 * torch.eye(8)) @ C
    assert abs(edited.results.var(0).mean() / posterior.diagonal().mean() - 1) < 0.06


def test_the_level_of_the_noise_is_found_where_the_signal_is_smooth():
    smooth = Held(IMAGE, torch.full((1, 1, 8, 8), 128, dtype=torch.uint8))
    noisy = smooth.stored.float() + 20 * torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    b = bench(IMAGE, "denoise", "sampler.steps=4", file=Held(IMAGE, noisy.round().to(torch.uint8)))
    assert abs(run(b, "denoise").facts["noise"] / (20 / 255) - 1) < 0.3
    with pytest.raises(ValueError, match="no noise that can be seen: say noise=LEVEL"):
        run(bench(IMAGE, "denoise", file=smooth), "denoise")


@pytest.mark.parametrize("media", [WAVE, SPECTROGRAM], ids=["waveform", "spectrogram"])
def test_low_frequencies_and_unclipped_samples_come_out_as_they_went_in(media):
    b = bench(media, "bandwidth_extend", "sampler.steps=6")
    low = torch.fft.rfftfreq(256, 1 / 8000) <= 1500
    found = torch.fft.rfft(run(b, "bandwidth_extend", cutoff=1500.0).results)
    given = torch.fft.rfft(b.signal())
    assert (found - given)[..., low].abs().max() < 1e-3
    assert (found - given)[..., ~low].abs().max() > 0.1
    b = bench(media, "declip", "sampler.steps=6", degrade=True)
    edited, signal = run(b, "declip"), b.signal()
    limit = edited.facts["limit"] * b.space.unit
    inside = (signal.abs() < 0.999 * limit).expand_as(edited.results)
    assert torch.allclose(edited.results[inside], signal.expand_as(edited.results)[inside], atol=1e-4)
    assert edited.results[~inside].abs().min() > 0.998 * limit
    assert edited.results.abs().max() > 1.05 * limit


def test_what_is_painted_around_a_picture_leaves_it_and_has_the_spread_of_the_data():
    b = bench(IMAGE, "outpaint", "sampler.steps=30", n=64)
    edited = run(b, "outpaint", left=3, right=5, top=8)
    assert edited.results.shape == (64, 1, 16, 16)
    assert torch.equal(edited.results[:, :, 8:, 3:11], b.signal().expand(64, -1, -1, -1))
    assert 0.35 < edited.results[:, :, :8].std() < 0.55


@pytest.mark.parametrize("media", [WAVE, SPECTROGRAM, VIDEO], ids=["waveform", "spectrogram", "clip"])
def test_a_continuation_begins_with_the_file_and_has_the_length_asked_for(media):
    more = 4 if media is VIDEO else 0.04  # 320 samples: more than one window of 256
    b = bench(media, "continue", "sampler.steps=6")
    edited = run(b, "continue_", more=more)
    given, axis = b.signal(), -3 if media is VIDEO else -1
    had = given.shape[axis]
    assert edited.results.shape[axis] == had + (4 if media is VIDEO else 320)
    start, rest = (
        edited.results.narrow(axis, 0, had),
        edited.results.narrow(axis, had, edited.results.shape[axis] - had),
    )
    torch.testing.assert_close(start, given.expand_as(start), atol=0, rtol=0)
    assert rest.std() > 0.02 * b.space.unit


def test_variations_leave_the_input_as_the_strength_rises():
    edited = run(bench(IMAGE, "vary", "sampler.steps=20", n=8), "vary", strength=(0.0, 0.3, 0.6, 1.0))
    gaps = (edited.results.unflatten(0, (4, 8)) - edited.before[0][1]).square().mean((1, 2, 3, 4)).sqrt()
    assert gaps[0] == 0
    assert (gaps.diff() > 0.02).all()
    assert [e["strength"] for e in edited.each] == [s for s in (0.0, 0.3, 0.6, 1.0) for _ in range(8)]
    with pytest.raises(ValueError, match=r"strength must lie in \[0, 1\], got 2"):
        run(bench(IMAGE, "vary"), "vary", strength=2.0)


@pytest.mark.parametrize("media", [IMAGE, SPECTROGRAM], ids=["image", "spectrogram"])
def test_there_and_back_is_the_input_and_its_noise_has_unit_spread(media):
    edited = run(bench(media, "reconstruct", "sampler.steps=60", near=0.0), "reconstruct")
    assert (edited.results - edited.original).abs().max() < 0.01


def test_a_blend_ends_at_its_inputs_and_lies_between_them(monkeypatch, tmp_path):
    from modalities.image.writer import write

    other = 255 - example(IMAGE)
    write(other[0], tmp_path / "b.png")
    b = bench(IMAGE, "blend", "sampler.steps=60")
    edited = run(b, "blend", input2=str(tmp_path / "b.png"), weight=(0.0, 0.5, 1.0))
    first, second = (signal for _, signal in edited.before)
    assert torch.equal(b.space.stored(second), other)
    assert (edited.results[:1] - first).abs().max() < 0.02
    assert (edited.results[2:] - second).abs().max() < 0.02
    near = [(edited.results[1:2] - end).square().mean() for end in (first, second)]
    assert max(near) < (first - second).square().mean()


def test_a_blend_needs_a_sampler_that_draws_no_noise(tmp_path):
    from modalities.image.writer import write

    write(example(IMAGE)[0], tmp_path / "b.png")
    with pytest.raises(ValueError, match="draws no noise"):
        run(bench(IMAGE, "blend", "sampler=ddpm"), "blend", input2=str(tmp_path / "b.png"))


def test_every_sample_has_its_own_seed_whatever_the_batch():
    all_at_once = run(bench(IMAGE, "inpaint", "sampler.steps=5"), "inpaint", region="0:8,3:7").results
    alone = bench(IMAGE, "inpaint", "sampler.steps=5", n=1)
    third = run(dataclasses.replace(alone, samples=[Sample(0, 2, -1)]), "inpaint", region="0:8,3:7").results
    torch.testing.assert_close(all_at_once[2:], third, atol=1e-5, rtol=0)


class Folded(nn.Module):
    """An exact autoencoder: 2 x 2 pixels are four channels of one position."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(1, 1)

    def encode(self, x0):
        return torch.nn.functional.pixel_unshuffle(x0, 2)

    def decode(self, z):
        return torch.nn.functional.pixel_shuffle(z, 2)

    def latent_shape(self, event):
        return 4 * event[0], event[1] // 2, event[2] // 2


def test_a_model_of_latents_is_edited_in_the_pixels_that_they_stand_for():
    """A region of odd bounds, which no latent has, and pooled pixels: both come out as they were given."""
    model = LatentMedia(media=IMAGE, autoencoder=Folded(), shift=torch.full((4,), 0.1), scale=torch.full((4,), 1.5))
    b = dataclasses.replace(bench(IMAGE, "inpaint", "sampler.steps=6"), model=model, space=space_of(model))
    edited, given = run(b, "inpaint", region="1:4,3:8"), b.file.read(IMAGE)
    assert edited.facts["solver"] == "diffpir"
    hidden = torch.zeros(8, 8, dtype=torch.bool)
    hidden[1:4, 3:8] = True
    stored = b.space.stored(edited.results)
    assert torch.equal(stored[..., ~hidden], given.expand_as(stored)[..., ~hidden])
    assert (edited.results[0] - edited.results[1])[..., hidden].abs().max() > 0.01
    b = dataclasses.replace(bench(IMAGE, "super_resolve", "sampler.steps=6", degrade=True), model=model, space=b.space)
    pooled = [torch.nn.functional.avg_pool2d(x, 4) for x in (run(b, "super_resolve", factor=4).results, b.signal())]
    torch.testing.assert_close(pooled[0], pooled[1].expand_as(pooled[0]), atol=1e-4, rtol=0)
