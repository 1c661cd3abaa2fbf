"""Take the noise out of an image, a sound or a clip.

The input x0 + noise_std n is, but for a factor, a state of the diffusion itself: at the time where sigma / alpha is
noise_std. So it starts there, which is exact for an exact model: `estimate=mean` is one call of the denoiser,
E[x0 | y], whose squared error is the least that there is; `estimate=draw` samples on from there: each is possible.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from core.operators.identity import Identity
from core.sampling import last
from core.schedule import log_snr
from tools.editing.bench import Bench, Edited, Problem, added, noise_in_x0, restored
from tools.editing.defaults import SETTINGS
from tools.editing.noise import estimated_std

ADDED = 0.1
"""Noise that degrade=true adds where none is said, as a share of full scale: 25 of 255 grey levels."""


@dataclass(frozen=True)
class Denoise:
    """estimate: mean or draw; of no account where a solver is named. The level is `noise`, else estimated.

    Raises ValueError for another word, and where there is no noise to take out.
    """

    MEDIA: ClassVar = ("image", "audio", "video")
    SETTINGS: ClassVar = SETTINGS
    estimate: str = "draw"

    def __call__(self, bench: Bench) -> Edited:
        if self.estimate not in ("mean", "draw"):
            raise ValueError(f"estimate={self.estimate!r} must be mean or draw")
        level = bench.noise
        if level is None and bench.degrade:
            level = ADDED * (1.0 if bench.media.name != "audio" else 0.2)
        if level is None:
            axes = 1 if bench.media.name == "audio" else 2
            signal = bench.signal()
            if bench.media.name == "audio":  # without the silence that was put behind it
                signal = signal[..., : max(2, int(bench.file.length))]
            level = estimated_std(signal, axes=axes) / (bench.space.unit * bench.gain)
        if not level > 0:
            raise ValueError(f"{bench.file.path} has no noise that can be seen: say noise=LEVEL, a share of full scale")
        if bench.solver is not None:
            return restored(bench, Problem(operator=Identity()), noise=level)
        return self._from_its_level(bench, level)

    def _from_its_level(self, bench: Bench, level: float) -> Edited:
        original = bench.signal() if bench.degrade else None
        noise_std = level * bench.space.unit * bench.gain
        y = bench.signal() if original is None else added(bench, original, noise_std)
        schedule, times = bench.denoiser.schedule, bench.times()
        in_x0 = noise_in_x0(bench, y, noise_std)
        start = schedule.time(torch.tensor(1 / in_x0**2, dtype=torch.float64).log())
        below = torch.cat([start[None].to(times), times[times < start]])
        x, parts = (schedule.alpha(start) * bench.space.to_x0(y)).to(y.dtype), []
        for some in bench.batches():
            denoise, like = bench.denoise(some, below), x.expand(len(some), *x.shape[1:])
            if self.estimate == "mean":
                parts.append(denoise(like, start))
            else:
                steps = bench.sampler()(denoise, schedule, like, below, randn_like=bench.noises(some))
                parts.append(last(steps))
        before = [("input", y)] if original is None else [("input", original), ("degraded", y)]
        facts = {"noise": level, "estimate": self.estimate, "log_snr": float(log_snr(schedule, start))}
        results = bench.space.to_signal(torch.cat(parts).float())
        return Edited(before=before, results=results, original=original, degraded=y, facts=facts)


denoise = Denoise
