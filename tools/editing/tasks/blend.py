"""Between two inputs, through the noise that each would be sampled from: both codes, points of the arc, sampled."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from core.inversion import decode, encode, slerp
from tools.editing.bench import Bench, Edited
from tools.editing.reading import Input, gain_of


@dataclass(frozen=True)
class Blend:
    """input2: the other file; weight: 0 is the first, 1 the second; several give a row of pictures.

    A label or a prompt is that of both. The samplers that draw no noise can do it; ValueError for others.
    """

    MEDIA: ClassVar = ("image", "audio", "video")
    SETTINGS: ClassVar = ("sampler=heun", "sampler.steps=40")
    input2: str
    weight: float | tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)

    def __call__(self, bench: Bench) -> Edited:
        first, second = bench.signal(), self._second(bench)
        times, some = bench.times(), bench.samples[:1]
        sampler, schedule = bench.sampler(), bench.denoiser.schedule
        denoise = bench.denoise(some, times)
        a, b = (encode(sampler, denoise, schedule, bench.space.to_x0(x), times) for x in (first, second))
        results, each = [], []
        for weight in self.weight if isinstance(self.weight, tuple) else (self.weight,):
            x0 = decode(sampler, bench.denoise(some, times), schedule, slerp(a, b, weight), times)
            results.append(bench.space.to_signal(x0.float()))
            each.append({"weight": weight, "caption": f"{weight:g}", "input2": self.input2})
        return Edited(before=[("input", first), ("input2", second)], results=torch.cat(results), each=each)

    def _second(self, bench: Bench) -> torch.Tensor:
        file = Input(self.input2, bench.media, start=bench.file.start, key="input2")
        stored = file.read(bench.media).to(bench.device)
        return gain_of(bench.media, stored) * bench.space.read(stored)


blend = Blend
