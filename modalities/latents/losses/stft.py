"""The multi-resolution STFT loss of waveforms (Yamamoto et al. 2020, eq. 4 to 6): several windows see time and pitch.

    mean over windows of    | |X| - |X_hat| |_F / | |X| |_F   +   mean |log |X| - log |X_hat||,       X = STFT(x0)

It compares magnitudes: phases, which the ear hardly notices, are left to the reconstruction loss beside it; -x0 costs
nothing here. Windows are of unit energy, so that white noise of unit variance has magnitudes of mean square 1, and
magnitudes below `floor` count as that: silence is silence, however deep.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Stft:
    """windows: their lengths in samples, a quarter of each between frames; floor: least magnitude, in units of x0.

    Raises ValueError where out of range, and for x0 that are no waveforms (B, C, T).
    """

    windows: tuple[int, ...] = (64, 256, 1024)
    floor: float = 1e-2

    def __post_init__(self) -> None:
        if not self.windows or min(self.windows) < 8 or not self.floor > 0:
            raise ValueError(
                f"loss stft: windows must be of 8 samples or more and floor positive, got {list(self.windows)} "
                f"and {self.floor}"
            )

    def __call__(self, x_hat: Tensor, x0: Tensor) -> Tensor:
        if x0.ndim != 3:
            raise ValueError(f"loss stft: is for waveforms (C, T), not for x0 of shape {tuple(x0.shape[1:])}")
        terms = []
        for made, real in zip(self.magnitudes(x_hat), self.magnitudes(x0), strict=True):
            convergence = norm(made - real) / norm(real).clamp_min(self.floor)
            terms.append(convergence + (made.log() - real.log()).abs().flatten(1).mean(1))
        return torch.stack(terms).mean(0)

    def magnitudes(self, x: Tensor) -> Iterator[Tensor]:
        """(B, C, T) -> of each window (B * C, bins, frames) as (B, C * bins * frames), at least `floor`."""
        for window in self.windows:
            yield magnitude(x, window, self.floor).flatten(1)


def magnitude(x: Tensor, window: int, floor: float) -> Tensor:
    """(B, C, T) -> (B, C, window/2 + 1, frames): sqrt(|X|^2 + floor^2), whose gradient is finite at zero.

    Frames are centred; the ends are continued with silence.
    """
    hann = torch.hann_window(window, device=x.device)
    hann = hann / hann.square().sum().sqrt()
    wave = functional.pad(x.float().flatten(0, 1), (window // 2, window // 2))
    z = torch.stft(wave, window, window // 4, window=hann, center=False, return_complex=True)
    return (z.real.square() + z.imag.square() + floor**2).sqrt().unflatten(0, x.shape[:2])


def norm(x: Tensor) -> Tensor:
    """(B, n) -> (B,) Euclidean norms, with a gradient at zero."""
    return (x.square().sum(1) + 1e-12).sqrt()


stft = Stft
