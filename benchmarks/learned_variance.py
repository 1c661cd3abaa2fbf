"""What a learned variance is worth, by the number of steps: likelihood of the chain, and distance of its samples.

    python benchmarks/learned_variance.py run=runs/NAME data=PATH [steps=10,25,50,100] [n=500] [real=5000]
                                          [held_out=256] [key=value ...]

A run of `loss=hybrid`, drawn by DDPM with the variance that it has learned and with both fixed ones of Ho et al. 2020
(the posterior's, and the upper bound, beta). Bits per dimension are the variational bound of that very chain on
held-out data (core.likelihood.discrete_bound); the distance is over a feature network taught from the data (no FID).
Nichol & Dhariwal 2021, figure 8, is the same comparison of distances.
"""

import sys
from functools import partial
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor

from benchmarks import _parts
from core.denoiser import Denoiser
from core.learned_variance import Joint
from core.likelihood import bits_per_dim, discrete_bound, rounded_gaussian
from core.schedule import Denoise
from core.training.seeds import generator_of
from modalities.modality import Modality
from tools import build, checkpoint, messages
from tools.evaluation import held_out
from tools.evaluation.stream import Part
from tools.restored import restored
from tools.schema import Recipe

OWN = {"run": "", "data": "", "steps": "10,25,50,100"}
NUMBERS = {"n": "500", "real": "5000", "held_out": "256", "batch": "100"}
VARIANCES: dict[str, float | None] = {"posterior": 0.0, "upper bound": 1.0, "learned": None}


def main(argv: list[str]) -> int:
    given = _parts.words(argv, OWN | NUMBERS, needed=["run", "data"])
    for name in NUMBERS:
        given.count(name)
    if not all(word.isdecimal() and int(word) > 1 for word in given["steps"].split(",")):
        raise ValueError(f"steps={given['steps']} must be whole numbers of at least 2, separated by commas")
    folder = checkpoint.latest(Path(given["run"]))
    if folder is None:
        raise ValueError(f"run={given['run']}: there is no checkpoint")
    words = [f"run={given['run']}", "sampler=ddpm", f"evaluate.held_out={given.count('held_out')}", *given.rest]
    recipe, media = _parts.overlaid(folder, words)
    if build.answers(recipe) != 2:
        raise ValueError(f"run={given['run']} has learned no variance: train one with loss=hybrid")
    if recipe.sampler.path is not None or "variance" in recipe.sampler.options:
        raise ValueError("sampler.path and sampler.variance put the learned variance aside: leave them out")
    denoiser = restored(recipe, media, folder, build.device(recipe.device))
    goal = _parts.goal_of(folder, Path(given["data"]), n=given.count("n"), real=given.count("real"))
    print(f"{'steps':>5} {'variance':12} {'bits/dim':>9} {'Fréchet':>9} {'accuracy':>9}")
    for steps in (int(word) for word in given["steps"].split(",")):
        for name, number in VARIANCES.items():
            said = [] if number is None else [f"sampler.variance={number}"]
            drawn = [f"n={given.count('n')}", f"batch={given.count('batch')}", f"sampler.steps={steps}", *said]
            found = _parts.scores(goal, _parts.samples(folder, [*words, *drawn]), metrics=("frechet", "accuracy"))
            bits = of_the_chain(recipe, media, denoiser, Path(given["data"]), steps, number)
            values = found["values"]
            print(
                f"{steps:5} {name:12} {bits:9.3f} {values['frechet']:9.2f} {values.get('accuracy', float('nan')):9.3f}",
                flush=True,
            )
    print(f"floor: {found['floors']['frechet']:.3g}, that of as many real examples; {found['network']}")
    return 0


def of_the_chain(
    recipe: Recipe, media: Modality, denoiser: Denoiser, data: Path, steps: int, variance: float | None
) -> float:
    """Bits per dimension of held-out data under DDPM of so many steps, with a fixed variance or the learned one."""
    times = build.component("core.grids", recipe.sampler.grid)(denoiser.schedule, steps)[:-1]
    levels = held_out.integers(recipe, media)
    decoder = partial(rounded_gaussian, width=levels.width, low=levels.low, high=levels.high)

    def bits(part: Part, x0: Tensor, denoise: Denoise) -> Tensor:
        assert isinstance(denoise, Joint)
        generator = generator_of(0, int(part.numbers[0]))
        bound = discrete_bound(
            denoise,
            denoiser.schedule,
            x0,
            times,
            variance=denoise.fraction if variance is None else variance,
            decoder=decoder,
            randn_like=lambda x: torch.randn(x.shape, generator=generator).to(x),
        )
        return bits_per_dim(bound.nats.double(), x0[0].numel())

    return float(held_out.each(recipe, denoiser, media, media.source(data, "test"), None, bits).mean())


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
