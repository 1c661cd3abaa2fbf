"""Sample a trained model: one PNG, WAV or MP4 per sample, a sheet for the eye, and a manifest.

    python tools/sample.py run=runs/NAME [n=16] [label=K | prompt="TEXT"] [sampler=NAME] [sampler.steps=N]
                           [guidance.scale=G] [guidance=NAME] [seed=S] [out=DIR] [key=value ...]

A sample depends on its own seed alone: sample i is made from seed S + i, whatever the batch. `label` is a number or a
name; without it the classes take turns. What else a model was trained with can be asked for too: prompt="TEXT" or
prompts=FILE, negative_prompt="TEXT" with guidance, reference=FILE, and condition.NAME=VALUE.
`torchrun --nproc-per-node=N tools/sample.py ...` spreads the work.
"""

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

from core.training.distributed import processes
from tools import asked, build, checkpoint, guidance, messages, sample_folder, stage
from tools import recipe as recipes
from tools.progress import Progress
from tools.schema import Recipe


def main(argv: list[str] | None = None) -> int:
    return messages.run(sample, sys.argv[1:] if argv is None else argv, help=__doc__ or "")


def sample(argv: list[str]) -> int:
    folder = newest(argv)
    recipe = recipes.overlay(recipes.read(folder / "recipe.yaml"), argv)
    with processes(build.device(recipe.device)) as world:
        media = build.modality(recipe)
        draw = stage.of(recipe).restored(recipe, media, folder, world.device)
        out = Path(recipe.sample.out) if recipe.sample.out else default_out(recipe, folder)
        with Progress(recipe.sample.n, unit="sample", quiet=not world.first) as bar:
            fill = sample_folder.fill
            fill(recipe, draw, media, out, checkpoint=folder.name, world=world, done=bar.update)
        if world.first:
            print(f"wrote {recipe.sample.n} samples and {sample_folder.sheet_name(media)} to {out}")
    return 0


def newest(argv: list[str]) -> Path:
    """The newest checkpoint of `run=`. Raises ValueError where there is no run, or no checkpoint in it."""
    run = recipes.argument(argv, "run")
    if not run:
        raise ValueError("say which run to sample: run=runs/NAME")
    if not Path(run).is_dir():
        raise ValueError(f"run={run}: there is no such folder")
    found = checkpoint.latest(Path(run))
    if found is None:
        raise ValueError(f"run={run} has no checkpoint: train it first")
    return found


def default_out(recipe: Recipe, folder: Path) -> Path:
    """A folder of the run that says what made the samples, so that another setting does not overwrite them."""
    words = [folder.name]
    if recipe.stage == "diffusion":
        words += [recipe.sampler.name, str(recipe.sampler.steps), guidance.word(recipe.guidance)]
    label = [] if recipe.sample.label is None else [f"label{recipe.sample.label}"]
    said = asked.short(recipe.sample)
    average = [] if recipe.sample.sigma_rel is None else [f"average{recipe.sample.sigma_rel:g}"]
    return Path(recipe.run) / "samples" / "-".join([*words, *average, *label, *said, f"seed{recipe.seed}"])


if __name__ == "__main__":
    sys.exit(main())
