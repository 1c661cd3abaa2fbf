"""Train a diffusion model, or an autoencoder, from scratch on a folder of images, sounds or clips.

    python tools/train.py modality=image|audio|video [recipe=NAME] [data.path=PATH] [run=runs/NAME]
                          [stage=diffusion|autoencoder|gan] [train.minutes=M|train.steps=N] [checkpoint.every=N]
                          [seed=S] [key=value ...]
    python tools/train.py start=runs/NAME run=runs/NEW [key=value ...]

Stops on the clock or on the count, with a checkpoint and a sample sheet; a run that exists is continued exactly.
`start=` begins with the weights and the recipe of another run: other data of its kind, or another loss.
Ctrl-C saves a checkpoint and ends with exit code 130. `torchrun --nproc-per-node=N tools/train.py ...` shares the work.
Every key, with its unit and meaning, is in configs/defaults.yaml and configs/modality/; `recipe=` names a file in
configs/recipe/ or one of yours.
"""

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

from core.training.distributed import World, processes
from modalities.conditions.paired import Paired
from modalities.data.example import Source
from tools import build, messages, run_folder, stage, start
from tools import recipe as recipes
from tools.feed import feed
from tools.interrupt import Interrupt
from tools.latents import space as latents
from tools.measure import measured
from tools.progress import Progress, clock
from tools.schema import Recipe
from tools.sitting import sit
from tools.stage import Stage
from tools.stills import mixed


def main(argv: list[str] | None = None) -> int:
    return messages.run(train, sys.argv[1:] if argv is None else argv, help=__doc__ or "")


def train(argv: list[str]) -> int:
    recipe = recipes.load(argv)
    with Interrupt() as interrupt, processes(build.device(recipe.device)) as world:
        recipe, source, folder = prepared(recipe, world)
        training = stage.of(recipe)(recipe, build.modality(recipe), world)
        if folder:
            training.load(folder)
        elif recipe.start:
            training.begin(start.weights(recipe))
        with Progress(recipe.train.steps, recipe.train.minutes, start=training.counters, quiet=not world.first) as bar:
            bar.note(introduction(training, source, folder))
            first = training.counters.step
            batches = feed(recipe, source, training.media, world, first, bar.note)
            if recipe.data.stills > 0:
                batches = mixed(batches, recipe, world, first)
            sit(training, batches, bar, interrupt)
        done = f"{training.counters.step} steps in {clock(training.seconds())}"
        if world.first:
            print(f"{'interrupted after' if interrupt.asked else 'trained'} {done}: {recipe.run}", flush=True)
    return messages.INTERRUPTED if interrupt.asked else 0


def prepared(recipe: Recipe, world: World) -> tuple[Recipe, Source, Path | None]:
    """The recipe with what it leaves open measured or taken from its run, its data, and where it continues from."""
    recipe = latents.adopted(recipe)
    media = build.modality(recipe)
    source = media.source(Path(recipe.data.path) if recipe.data.path else None, recipe.data.split)
    for kind in build.conditions(recipe, media).values():
        if isinstance(kind, Paired):
            source = kind.beside(source)
    stored, folder = run_folder.claim(recipe)
    recipe = run_folder.continued(recipe, stored) if stored else measured(recipe, source, world.device)
    if not folder:
        start.check(recipe)
    world.barrier()  # the first process makes the folder only after all have looked whether it is there
    if world.first:
        run_folder.store(recipe, Path(recipe.run))
        latents.keep(recipe)
        start.keep(recipe)
    world.barrier()
    return recipe, source, folder


def introduction(training: Stage, source: Source, folder: Path | None) -> str:
    recipe = training.recipe
    classes = f", {len(recipe.data.classes)} classes" if recipe.data.class_conditional else ""
    asked = f", asked for by {', '.join(recipe.conditions)}" if recipe.conditions else ""
    what = f"{recipe.data.path or 'embedded generator'}: {len(source)} examples{classes}{asked}"
    how = f"{training.parameters:,} parameters on {training.world.device} in {recipe.precision}"
    whence = f"continuing from {folder.name}" if folder else f"from {recipe.start}" if recipe.start else "from scratch"
    return f"{recipe.modality} · {what} · {how} · {whence} · {recipe.run}"


if __name__ == "__main__":
    sys.exit(main())
