"""How good are samples after so many minutes on this machine? This suite beside other libraries, and choice by choice.

    python benchmarks/time_to_quality.py task=mnist|fsdd|moving_mnist data=PATH [minutes=10] [seeds=1] [n=2000]
                                         [systems=ours,diffusers_unet,…] [steps=…] [out=out/time] [key=value ...]

Each system trains for `minutes` of wall-clock time on the same examples and machine, the peers as wide as our number of
parameters allows and as their documentation recommends (benchmarks/peers), in the precision that is fastest for them;
draws n samples with the sampler recommended for it; and all are scored over one feature network taught from the data.

    ours           the recipe of the task's name; key=value lies over it
    ours-NAME      the same with one choice taken back: the rows of an ablation (ABLATIONS below); a choice of sampling
                   alone is taken back on the weights of `ours`
    the others     a peer; left out, with a line that says so, where its library is not installed

`steps=` cuts the sampling steps of the peers. What is done is kept in `out`; a benchmark that was killed goes on there.
"""

import json
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from benchmarks import _parts
from benchmarks.peers import _training
from benchmarks.peers._peer import Peer, Task
from core import discover
from modalities.modality import Modality
from modalities.writing import write_bytes
from tools import build, checkpoint, messages, prediction
from tools import recipe as recipes
from tools.evaluation import score
from tools.evaluation.score import Target
from tools.schema import Recipe

TASKS = {
    "mnist": ("ours", "diffusers_unet", "denoising_diffusion"),
    "fsdd": ("ours", "denoising_diffusion_1d"),
    "moving_mnist": ("ours", "video_diffusion"),
}
"""Systems of each task; its name is that of our recipe."""

LIBRARIES = {
    "diffusers_unet": "diffusers",
    "denoising_diffusion": "denoising_diffusion_pytorch",
    "denoising_diffusion_1d": "denoising_diffusion_pytorch",
    "video_diffusion": "video_diffusion_pytorch",
}
"""The library of each peer, for who has it not."""

ABLATIONS = {
    "adamw": ["optimizer=adamw", "optimizer.lr=1e-3"],
    "constant_lr": ["optimizer.decay=constant"],
    "eps": ["denoiser.prediction=eps"],
    "v": ["denoiser.prediction=v"],
    "x0": ["denoiser.prediction=x0"],
    "uniform_times": ["loss.density=uniform"],
    "noisy_times": ["loss.density=log_normal", "loss.density.mean=1.2", "loss.density.std=1.6"],
    "independent_draws": ["loss.draws=independent"],
    "small_patch": ["network.patch=1"],
    "short_ema": ["ema.half_life=50"],
    "raw_weights": ["ema.half_life=1e-3"],
    "no_guidance": ["guidance.scale=1"],
    "ddim": ["sampler=ddim", "sampler.steps=50", "sampler.grid=uniform"],
    "heun": ["sampler=heun", "sampler.steps=18"],
}
"""What `ours-NAME` says on the command line; refused for a task whose recipe has it so anyway."""

OWN = {"task": "mnist", "data": "", "systems": "", "steps": "", "out": "out/time"}
NUMBERS = {"minutes": "10", "seeds": "1", "n": "2000", "real": "5000", "batch": "100"}


def main(argv: list[str]) -> int:
    given = _parts.words(argv, OWN | NUMBERS, needed=["data"])
    given.check("seeds", "n", "real", "batch")
    if given["task"] not in TASKS:
        raise ValueError(f"task={given['task']} must be one of {', '.join(TASKS)}")
    systems = chosen(given)
    base = recipes.load(said(given, "ours"))
    if build.device(base.device).type != "cpu":
        raise ValueError("the peers train on the CPU here, and so must ours: say device=cpu")
    media, data = build.modality(base), Path(given["data"])
    for name in systems:
        if "-" in name and same(base, recipes.load(said(given, name)), media):
            raise ValueError(f"{name} changes nothing: recipe={given['task']} has it so")
    source = media.source(data, "train")
    n, real = given.count("n"), given.count("real")
    target = score.target(media, source, samples=n, real=real, name=data.name, say=print)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in systems}
    for seed in range(given.count("seeds")):
        for name in systems:
            make = ours if name.partition("-")[0] == "ours" else theirs
            found[name].append(make(given, name, seed, media, target))
    out = Path(given["out"])
    written = {"arguments": given.own | {"words": given.rest}, "rows": found}
    write_bytes(json.dumps(written, indent=1).encode(), out / f"{given['task']}.json")
    print(printed(found))
    print(f"wrote {out / given['task']}.json")
    return 0


def chosen(given: _parts.Words) -> list[str]:
    """The systems asked for whose libraries are there; ValueError for a name that is none."""
    known = [*TASKS[given["task"]], *(f"ours-{name}" for name in ABLATIONS)]
    wanted = given.chosen("systems", known) if given["systems"] else list(TASKS[given["task"]])
    there = []
    for name in wanted:
        library = LIBRARIES.get(name)
        if library is not None and find_spec(library) is None:
            print(f"{name} is left out: {library} is not installed (pip install 'trifuse[bench]')")
        else:
            there.append(name)
    if not there:
        raise ValueError("none of the systems asked for is installed")
    return there


def said(given: _parts.Words, name: str, *more: str) -> list[str]:
    """The command line of our recipe, with one choice taken back where the name says which."""
    return [f"recipe={given['task']}", f"data.path={given['data']}", *more, *given.rest, *taken_back(name)]


def taken_back(name: str) -> list[str]:
    """What `ours-NAME` says on the command line; `ours` says nothing."""
    return ABLATIONS[name.partition("-")[2]] if "-" in name else []


def same(a: Recipe, b: Recipe, media: Modality) -> bool:
    """Whether two recipes train and sample alike, what they leave open filled in."""
    return prediction.chosen(a, media.event_shape) == prediction.chosen(b, media.event_shape)


def trained_alike(a: Recipe, b: Recipe) -> bool:
    """Whether two recipes differ at most in how samples are drawn."""
    return replace(a, sampler=b.sampler, guidance=b.guidance) == b


def ours(given: _parts.Words, name: str, seed: int, media: Modality, target: Target) -> dict[str, Any]:
    """Train and score the recipe, with one choice taken back where the name says which."""
    scored = Path(given["out"]) / given["task"] / f"{name}-{seed}"
    plain, ablated = (recipes.load(said(given, system)) for system in ("ours", name))
    weights = "ours" if trained_alike(plain, ablated) else name
    run = scored.with_name(f"{weights}-{seed}") / "run"
    words = [*said(given, weights, f"seed={seed}"), f"train.minutes={given.number('minutes', 0.01)}"]
    done = _parts.part(run.parent / "training.json", {"words": words}, lambda: _parts.trained(run, words))
    folder = checkpoint.folders(run)[-1]
    drawn = [] if weights == name else taken_back(name)
    sampling = [f"run={run}", f"n={given.count('n')}", f"batch={given.count('batch')}", "seed=1000000", *drawn]
    settings = {"words": [*words, *drawn], "n": given.count("n"), "real": given.count("real")}
    recipe, _ = _parts.overlaid(folder, sampling)
    how = f"{recipe.sampler.name}, {recipe.sampler.steps} steps, guidance {recipe.guidance.scale:g}"
    extra = {"training": done | {"sampling": how, "precision": recipe.precision}}
    parts = _parts.samples(folder, sampling)
    return _parts.part(scored / "scores.json", settings, lambda: _parts.scores(target, parts) | extra)


def theirs(given: _parts.Words, name: str, seed: int, media: Modality, target: Target) -> dict[str, Any]:
    """Train and score a peer."""
    folder = Path(given["out"]) / given["task"] / f"{name}-{seed}"
    seconds, steps = 60 * given.number("minutes", 0.01), given.count("steps") if given["steps"] else None
    settings = {"seconds": seconds, "data": given["data"], "parameters": parameters(given, media), "steps": steps}

    def peer() -> Peer:
        torch.manual_seed(seed)
        task = Task(tuple(media.event_shape), len(target.source.classes), settings["parameters"], steps)
        return discover.resolve("benchmarks.peers", name)(task)

    def training() -> dict[str, Any]:
        return _training.trained(peer(), media, target.source, folder / "state.pt", seconds=seconds, seed=seed)

    def scored() -> dict[str, Any]:
        drawn = _training.drawn(
            peer(),
            media,
            folder / "state.pt",
            n=given.count("n"),
            classes=len(target.source.classes),
            batch=given.count("batch"),
            seed=seed,
            precision=done["precision"],
        )
        return _parts.scores(target, drawn) | {"training": done}

    done = _parts.part(folder / "training.json", settings, training)
    counts = settings | {"n": given.count("n"), "real": given.count("real")}
    return _parts.part(folder / "scores.json", counts, scored)


def parameters(given: _parts.Words, media: Modality) -> int:
    """Of our recipe's network, which no peer may pass."""
    recipe = recipes.load(said(given, "ours"))
    classes = len(media.source(Path(given["data"]), "train").classes)
    with torch.random.fork_rng(devices=[]):
        return sum(p.numel() for p in media.network(classes=classes, **recipe.network).parameters())


def printed(found: dict[str, list[dict[str, Any]]]) -> str:
    """One line per system: means over the seeds, and the spread of the distance."""
    head = f"{'':26}{'Fréchet':>18}{'of the floor':>14}{'accuracy':>10}{'precision':>11}{'recall':>8}"
    lines = [f"{head}{'M params':>10}{'seen':>10}{'s per 1000':>12}  sampling, precision"]
    for name, seeds in found.items():
        mean = {key: fmean(s["values"].get(key, float("nan")) for s in seeds) for key in _parts.METRICS}
        distances = [s["values"]["frechet"] for s in seeds]
        spread = f"{mean['frechet']:.2f} ± {stdev(distances):.2f}" if len(seeds) > 1 else f"{mean['frechet']:.2f}"
        training, pace = seeds[0]["training"], fmean(1000 * s["seconds"] / s["n"] for s in seeds)
        accuracy = f"{mean['accuracy']:.3f}" if mean["accuracy"] == mean["accuracy"] else "-"
        lines.append(
            f"{name:26}{spread:>18}{mean['frechet'] / seeds[0]['floors']['frechet']:14.1f}{accuracy:>10}"
            f"{mean['precision']:11.3f}{mean['recall']:8.3f}{training['parameters'] / 1e6:10.2f}"
            f"{fmean(s['training']['examples'] for s in seeds):10.0f}{pace:12.1f}  "
            f"{training['sampling']}, {training['precision']}"
        )
    first = next(iter(found.values()))[0]
    lines.append(
        f"{first['n']} samples against {first['real']} real examples over {first['network']}; "
        f"floor: {first['floors']['frechet']:.3g}, that of as many real examples"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
