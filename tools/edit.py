"""Edit an image, a sound or a clip with a trained model, as it is: nothing is trained.

    python tools/edit.py run=runs/NAME task=TASK input=FILE [option=VALUE ...] [degrade=true] [noise=LEVEL] [start=T]
                         [solver=NAME] [n=1] [label=K] [seed=S] [sampler=NAME] [guidance.scale=G] [out=DIR] ...

`input` is what you have, degraded as it is; degrade=true takes it for an original, degrades it first and says how near
the result comes to it. `noise` is the standard deviation of the input's noise (or of what degrade=true adds) as a share
of full scale, 0.1 is 25 of 255 grey levels. `start` is the second or frame at which a longer file begins. The file is
brought to the model's size, rate and length. Tasks and their options:

"""

import dataclasses
import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

from typing import Any

import torch

from modalities.modality import Modality
from tools import asked, build, guidance, messages, sampling
from tools import recipe as recipes
from tools.editing import folder as edit_folder
from tools.editing.bench import Bench
from tools.editing.command import Command, command, described, settings
from tools.editing.reading import Input, gain_of
from tools.editing.space import space_of
from tools.loss import ENDS
from tools.restored import restored
from tools.sample import newest
from tools.sampling import Sample
from tools.schema import Recipe
from tools.training import autocast
from tools.weaker import weaker


def main(argv: list[str] | None = None) -> int:
    return messages.run(edit, sys.argv[1:] if argv is None else argv, help=(__doc__ or "") + described())


def edit(argv: list[str]) -> int:
    said = command(argv)
    checkpoint = newest(argv)
    defaults = ("sample.n=1", *settings(said.task))
    recipe = recipes.overlay(recipes.read(checkpoint / "recipe.yaml"), [*defaults, *said.words])
    if recipe.stage != "diffusion":
        raise ValueError(f"run={recipe.run} is of stage={recipe.stage}: editing needs a diffusion model")
    if recipe.loss.name in ENDS:
        other = f" (start={recipe.start} is where it began)" if recipe.start else ""
        raise ValueError(f"run={recipe.run} jumps: editing needs a model that answers with means{other}")
    task = said.made()
    bench = made(recipe, said, checkpoint)
    if bench.media.name not in task.MEDIA:
        raise ValueError(f"task={said.task} is for {' and '.join(task.MEDIA)}, this is a model of {bench.media.name}")
    if note := bench.file.converted(bench.media):
        print(note)
    with torch.no_grad(), autocast(recipe, bench.device)():
        edited = task(bench)
    out = Path(recipe.sample.out) if recipe.sample.out else Path(recipe.run) / "edits" / f"{said.task}-{stem(said)}"
    lines = edit_folder.write(bench, edited, out, facts(recipe, said, checkpoint))
    for name in ("psnr", "snr", "lsd"):
        if f"{name}_degraded" in lines[0]:
            print(f"{name} {lines[0][f'{name}_degraded']} dB degraded, {lines[0][name]} dB restored")
    print(f"wrote {len(lines)} results and strip.png to {out}")
    return 0


def made(recipe: Recipe, said: Command, checkpoint: Path) -> Bench:
    """The bench of this command."""
    device = build.device(recipe.device)
    model = build.modality(recipe)
    media = getattr(model, "media", model)
    file = Input(said.input, media, start=said.start)
    return Bench(
        recipe=recipe,
        denoiser=restored(recipe, model, checkpoint, device),
        media=media,
        model=model,
        space=space_of(model),
        file=file,
        samples=asked_for(recipe, model),
        solver=said.solver,
        noise=said.noise,
        degrade=said.degrade,
        gain=gain_of(media, file.read(media)),
        weaker=weaker(recipe, model, device),
    )


def asked_for(recipe: Recipe, model: Modality) -> list[Sample]:
    """Result i is made from seed S + i. Where no label and nothing else is said, the model is asked for nothing: the
    input says what it is."""
    kinds = build.conditions(recipe, model)
    number = sampling.label_number(recipe.sample.label, sampling.classes_of(recipe))
    sampling.negative_number(recipe)
    asked.negative(recipe, kinds)
    quiet = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, examples=[]))
    turns = asked.turns(quiet, kinds) or [{}]
    seeds = range(recipe.sample.n)
    return [Sample(i, recipe.seed + i, number, dict(turns[i % len(turns)])) for i in seeds]


def stem(said: Command) -> str:
    return Path(said.input).stem


def facts(recipe: Recipe, said: Command, checkpoint: Path) -> dict[str, Any]:
    """What the manifest says of every result."""
    return {
        "task": said.task,
        "input": said.input,
        "options": dict(said.options),
        "degrade": said.degrade,
        "label": recipe.sample.label,
        "prompt": recipe.sample.prompt,
        "sampler": recipe.sampler.name,
        "steps": recipe.sampler.steps,
        "guidance": recipe.guidance.scale,
        "guidance_options": guidance.settings(recipe.guidance),
        "noise_scale": recipe.sampler.noise_scale,
        "score_scale": recipe.sampler.score_scale,
        "checkpoint": checkpoint.name,
        "modality": recipe.modality,
    }


if __name__ == "__main__":
    sys.exit(main())
