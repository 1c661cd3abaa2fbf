"""There and back: the noise that an input would be sampled from, and what is sampled from that noise."""

from dataclasses import dataclass
from typing import ClassVar

from core.inversion import decode, encode
from tools.editing.bench import Bench, Edited


@dataclass(frozen=True)
class Reconstruct:
    """It has no options; more `sampler.steps` bring it nearer to the input, and samplers of higher order faster."""

    MEDIA: ClassVar = ("image", "audio", "video")
    SETTINGS: ClassVar = ("sampler=heun", "sampler.steps=40")

    def __call__(self, bench: Bench) -> Edited:
        signal, times, some = bench.signal(), bench.times(), bench.samples[:1]
        denoise, sampler, schedule = bench.denoise(some, times), bench.sampler(), bench.denoiser.schedule
        code = encode(sampler, denoise, schedule, bench.space.to_x0(signal), times)
        spread = float(code.square().mean().sqrt()) or 1.0
        x0 = decode(sampler, bench.denoise(some, times), schedule, code, times)
        noise = bench.space.to_signal(code * (bench.denoiser.sigma_data / spread))
        results = bench.space.to_signal(x0.float())
        return Edited(before=[("input", signal), ("its noise", noise)], results=results, original=signal)


reconstruct = Reconstruct
