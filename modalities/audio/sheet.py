"""Many sounds as one PNG: for each its waveform above its spectrogram (decibels), all on the same scales."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from modalities.audio.prepare import to_float
from modalities.writing import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#767676"  # the grey with equal contrast on white and on black; the background is transparent
WAVE = "#4a86c8"
RANGE = 70.0  # decibels from the loudest bin of the figure to black
WINDOW = 0.032  # seconds, about; long enough to tell the harmonics of a voice apart


def sheet(media: Tensor, path: Path, captions: Sequence[str] = (), *, sample_rate: int) -> None:
    """int16 (n, C, T) -> a figure with up to four sounds per row. Channels are averaged for the picture."""
    _figure(media, path, captions, sample_rate, columns=min(4, len(media)), width=2.9)


def strip(media: Tensor, path: Path, captions: Sequence[str] = (), *, sample_rate: int) -> None:
    """int16 (n, C, T) -> one row, in the order given."""
    _figure(media, path, captions, sample_rate, columns=len(media), width=1.55)


def decibels(wave: Tensor, sample_rate: int) -> Tensor:
    """float (n, T) -> (n, n_fft/2 + 1, frames): power of a Hann-windowed STFT in dB, about 32 ms per window."""
    n_fft = 2 ** round(math.log2(sample_rate * WINDOW))
    window = torch.hann_window(n_fft)
    z = torch.stft(wave, n_fft, n_fft // 4, window=window, center=True, pad_mode="constant", return_complex=True)
    return 20 * (z.abs() / window.sum()).clamp_min(1e-7).log10()


def _figure(
    media: Tensor, path: Path, captions: Sequence[str], sample_rate: int, *, columns: int, width: float
) -> None:
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    if len(media) == 0:
        raise ValueError("a sheet needs at least one example")
    wave = to_float(media.detach().cpu()).mean(dim=1)  # (n, T)
    levels = decibels(wave, sample_rate)
    rows, seconds = math.ceil(len(wave) / columns), wave.shape[-1] / sample_rate
    loudest, peak = levels.max().item(), max(wave.abs().max().item(), 1e-3) * 1.05
    figure = Figure(figsize=(columns * width + 0.5, rows * 2.05 + 0.35), dpi=100)
    outer = figure.add_gridspec(
        rows, columns, left=0.45 / figure.get_figwidth(), right=1 - 0.06 / figure.get_figwidth(), wspace=0.07,
        top=1 - 0.28 / figure.get_figheight(), bottom=0.4 / figure.get_figheight(), hspace=0.24,
    )  # fmt: skip
    for i in range(len(wave)):
        pair = outer[i // columns, i % columns].subgridspec(2, 1, height_ratios=(1, 2), hspace=0.04)
        axes = figure.add_subplot(pair[0])
        axes.plot(*_outline(wave[i], seconds), color=WAVE, linewidth=0.6)
        axes.set(xlim=(0, seconds), ylim=(-peak, peak), xticks=[], yticks=[])
        axes.set_title(captions[i] if i < len(captions) else "", fontsize=8.5, color=INK, pad=3)
        _bare(axes)
        axes = figure.add_subplot(pair[1])
        extent = (0, seconds, 0, sample_rate / 2000)
        axes.imshow(
            levels[i].numpy(), origin="lower", aspect="auto", extent=extent, cmap="magma",
            vmin=loudest - RANGE, vmax=loudest, interpolation="nearest",
        )  # fmt: skip
        _ticks(axes, left=i % columns == 0, bottom=i == columns * (rows - 1))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", transparent=True)
    write_bytes(buffer.getvalue(), path)


def _outline(wave: Tensor, seconds: float, points: int = 600) -> tuple[Any, Any]:
    """The waveform as a line of about 2 * points: lowest and highest sample of each stretch, so no peak is lost."""
    if len(wave) > 2 * points:
        stretch = math.ceil(len(wave) / points)
        wave = wave[: len(wave) // stretch * stretch].view(-1, stretch)
        wave = torch.stack([wave.amin(1), wave.amax(1)], dim=1).flatten()
    return torch.linspace(0, seconds, len(wave)).numpy(), wave.numpy()


def _bare(axes: "Axes") -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)


def _ticks(axes: "Axes", *, left: bool, bottom: bool) -> None:
    """Numbers only where they count for the whole row, or for all: every panel has the same axes."""
    _bare(axes)
    axes.tick_params(colors=INK, labelsize=7.5, length=2.5, pad=2, labelleft=left, labelbottom=bottom)
    axes.tick_params(left=left, bottom=bottom)
    axes.locator_params(nbins=4)
    if left:
        axes.set_ylabel("kHz", fontsize=7.5, color=INK, labelpad=2)
    if bottom:
        axes.set_xlabel("s", fontsize=7.5, color=INK, labelpad=1)
