"""Draw what the controls of sampling do: a row per value, the same seeds in every row.

    python docs/figures/creativity.py run=runs/NAME [out=docs/pictures] [name=creativity] [columns=8] [figures=A,B]
                                      [key=value ...]

Other keys are those of sampling and hold for all figures. The figures: `NAME-temperature` (noise_scale, score_scale),
`NAME-guidance` (scale; an interval of levels), `NAME-samplers` (deterministic and stochastic ones, eta), `NAME-steps`
(DDIM and DDPM against the number of steps), `NAME-stages` (the forward process on a sample, and the reverse one that
made it). Of sounds four columns are drawn as spectrograms, of clips the frame in the middle.
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # run as a script: the parts lie beside this folder

import torch
from torch import Tensor

from core.denoiser import Denoiser
from core.forward import forward_chain
from core.sampling import per_example
from core.training.seeds import generator_of
from modalities.modality import Modality
from modalities.tiling import grid
from modalities.writing import write_bytes
from tools import build, messages, sampling
from tools import recipe as recipes
from tools.restored import restored
from tools.sample import newest
from tools.schema import Recipe
from tools.training import autocast

Rows = Sequence[tuple[str, Sequence[str]]]
"""Caption of a row, and what it says on the command line of sampling."""

STAGES = 9
FIGURES: dict[str, Rows] = {
    "temperature": [
        *((f"noise {v}", ("sampler=ddpm", "sampler.steps=100", f"sampler.noise_scale={v}"))
          for v in (0.7, 0.85, 1.0, 1.15)),
        *((f"score {v}", ("sampler=heun", f"sampler.score_scale={v}")) for v in (0.5, 1.0, 2.0, 4.0)),
    ],
    "guidance": [
        *((f"scale {v}", (f"guidance.scale={v}",)) for v in (0, 1, 2, 4, 8)),
        *((f"8 in {low}..{high}", ("guidance.scale=8", f"guidance.interval=[{low},{high}]"))
          for low, high in ((0.3, 3), (3, 80))),
    ],
    "samplers": [
        *((name, (f"sampler={name}", "sampler.steps=50")) for name in ("euler", "ddim", "heun", "dpmpp_2m")),
        *((f"ddim eta {eta}", ("sampler=ddim", "sampler.steps=50", f"sampler.eta={eta}")) for eta in (0.3, 1.0)),
        *((name, (f"sampler={name}", "sampler.steps=50")) for name in ("ddpm", "euler_ancestral")),
    ],
    "steps": [
        *((f"ddim {n}", ("sampler=ddim", f"sampler.steps={n}")) for n in (2, 5, 10, 20, 50, 200)),
        *((f"ddpm {n}", ("sampler=ddpm", f"sampler.steps={n}")) for n in (10, 50, 200, 1000)),
    ],
}  # fmt: skip


class Model:
    """A run at hand: `samples(words, n)` draws the same n seeds with other settings."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv, self.checkpoint = list(argv), newest(list(argv))
        self.media: Modality = build.modality(self.recipe())
        device = build.device(self.recipe().device)
        self.denoiser: Denoiser = restored(self.recipe(), self.media, self.checkpoint, device)

    def recipe(self, *words: str) -> Recipe:
        return recipes.overlay(recipes.read(self.checkpoint / "recipe.yaml"), [*self.argv, *words])

    def samples(self, n: int, *words: str) -> Tensor:
        """x0 (n, *event) of the seeds that follow `seed`."""
        recipe = self.recipe(f"sample.n={n}", f"sample.batch={n}", *words)
        with autocast(recipe, next(self.denoiser.parameters()).device)():
            ((_, x0),) = sampling.draw(recipe, self.denoiser, self.media, sampling.plan(recipe, self.media))
        return x0.float()

    def stages(self, *words: str) -> tuple[Tensor, Tensor]:
        """(STAGES, *event) of the forward chain on a sample, falling apart, and of the reverse process that made it."""
        recipe = self.recipe("sample.n=1", "sampler=ddpm", "sampler.steps=240", *words)
        with torch.inference_mode(), autocast(recipe, next(self.denoiser.parameters()).device)():
            plan = sampling.plan(recipe, self.media)
            states = list(sampling.states(recipe, self.denoiser, self.media, plan))
        schedule, x0 = self.denoiser.schedule, states[-1].x.float()
        levels = torch.stack([s.t for s in states])
        snr = 2 * (schedule.alpha(levels).log() - schedule.sigma(levels).log())
        wanted = torch.linspace(-6, 5, STAGES - 2).flip(0)  # log-SNR between the clean end and the noise
        at = [len(states) - 1, *((snr - w).abs().argmin().item() for w in wanted), 0]
        backward = torch.cat([states[i].x.float() for i in at])
        times = torch.stack([states[i].t for i in at])
        chain = forward_chain(schedule, x0, times, randn_like=per_example([generator_of(recipe.seed, 1)]))
        forward = torch.cat([state.x for state in chain])
        size = torch.hypot(schedule.alpha(times), schedule.sigma(times)).to(x0).view(-1, *(1,) * (x0.ndim - 1))
        return forward / size, (backward / size).flip(0)


def draw(media: Modality, x0: Tensor, captions: Sequence[str], columns: int, path: Path) -> None:
    """A picture with a row per caption."""
    stored = media.decode(x0).cpu()
    below = [text for caption in captions for text in (caption, *[""] * (columns - 1))]
    if media.name == "audio":
        media.sheet(stored, path, below)
        return
    pictures = stored[:, stored.shape[1] // 2].movedim(-1, 1) if media.name == "video" else stored
    buffer = io.BytesIO()
    grid(pictures, below, columns=columns, wanted=96).save(buffer, format="png")
    write_bytes(buffer.getvalue(), path)


def main(argv: list[str]) -> int:
    given = dict(word.split("=", 1) for word in argv if "=" in word)
    wanted = given.get("figures", ",".join([*FIGURES, "stages"])).split(",")
    model = Model([word for word in argv if word.partition("=")[0] not in ("out", "name", "columns", "figures")])
    columns = 4 if model.media.name == "audio" else int(given.get("columns", 8))
    out, name = Path(given.get("out", "docs/pictures")), given.get("name", "creativity")
    for title, rows in ((title, rows) for title, rows in FIGURES.items() if title in wanted):
        x0 = torch.cat([model.samples(columns, *words) for _, words in rows])
        draw(model.media, x0, [caption for caption, _ in rows], columns, out / f"{name}-{title}.png")
        print(f"wrote {out / f'{name}-{title}.png'}", flush=True)
    if "stages" not in wanted:
        return 0
    forward, backward = model.stages()
    if model.media.name == "audio":
        forward, backward = forward[::2][:4], backward[::2][-4:]
    both = torch.cat([forward, backward])
    draw(model.media, both, ["forward", "reverse"], len(forward), out / f"{name}-stages.png")
    print(f"wrote {out / f'{name}-stages.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
