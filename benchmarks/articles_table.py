"""The table of the source articles, reproduced at equal compute: DDPM, DDIM, latent diffusion, flow matching.

    python benchmarks/articles_table.py data=PATH [base=mnist|cifar10|cifar10_full] [minutes=10] [steps=250] [seeds=1]
                                        [n=2000] [out=out/articles] [latent=…] [autoencoder=…] [key=value ...]

The articles print the FID of four published models on CIFAR-10, of other sizes and budgets each. Here all four have the
data, the time (`minutes`, of which the latent one spends a third on its autoencoder) and, in pixels, the network of the
recipe `base`; without labels, as theirs; the latent one has the recipes latent_BASE and autoencoder_BASE.

    DDPM       Ho et al. 2020: eps, linear schedule, L_simple, ancestral sampling in `steps` steps (theirs: 1000)
    DDIM-50    the same model, Song et al. 2021a, 50 steps
    latent     Rombach et al. 2022: eps and the linear schedule on the latents of a KL autoencoder, DDIM, 50 steps
    flow       Lipman et al. 2023: the rectified path, its velocity, uniform times, Euler, 50 steps

Ours is a Fréchet distance over a network taught from the data, beside that of as many real examples: not an FID, and
not to be compared with one. `key=value` goes to every training: precision=bf16, compile=true. What is done is kept.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import _parts
from modalities.writing import write_bytes
from tools import checkpoint, messages
from tools.evaluation.score import Target

OWN = {"data": "", "base": "mnist", "latent": "", "autoencoder": "", "out": "out/articles"}
NUMBERS = {"minutes": "10", "steps": "250", "seeds": "1", "n": "2000", "real": "5000", "batch": "100"}

AUTOENCODER = 1 / 3
"""Share of the latent model's time that its autoencoder is trained for."""

EPS = ["denoiser.schedule=linear", "denoiser.prediction=eps", "loss.weighting=simple", "loss.density=uniform"]
FLOW = ["denoiser.schedule=rectified", "denoiser.prediction=flow", "loss.weighting=flow", "loss.density=uniform"]
DDIM = ["sampler=ddim", "sampler.steps=50", "sampler.grid=uniform"]


@dataclass(frozen=True)
class Row:
    """A line of the table: the articles' figure, the training that it takes, and the words that it is sampled with."""

    title: str
    fid: float
    """On CIFAR-10, as the articles print it."""
    training: str
    sampling: list[str]


def rows(steps: int) -> list[Row]:
    ancestral = ["sampler=ddpm", f"sampler.steps={steps}", "sampler.grid=uniform"]
    return [
        Row(f"DDPM, {steps} steps", 7.68, "pixels", ancestral),
        Row("DDIM, 50 steps", 9.14, "pixels", DDIM),
        Row("latent diffusion, DDIM, 50 steps", 6.91, "latent", DDIM),
        Row(
            "flow matching, Euler, 50 steps",
            6.50,
            "flow",
            ["sampler=euler", "sampler.steps=50", "sampler.grid=uniform"],
        ),
    ]


def main(argv: list[str]) -> int:
    given = _parts.words(argv, OWN | NUMBERS, needed=["data"])
    given.check("seeds", "n", "real", "batch", "steps")
    out, table = Path(given["out"]), rows(given.count("steps"))
    target: Target | None = None
    found: dict[str, list[dict[str, Any]]] = {row.title: [] for row in table}
    for seed in range(given.count("seeds")):
        for row in table:
            run, done = trained(given, row.training, seed, out)
            if target is None:
                folder = checkpoint.folders(run)[-1]
                target = _parts.goal_of(folder, Path(given["data"]), n=given.count("n"), real=given.count("real"))
            found[row.title].append(scored(given, row, run, target, seed) | {"training": done})
    written = {"arguments": given.own | {"words": given.rest}, "rows": found}
    write_bytes(json.dumps(written, indent=1).encode(), out / "articles.json")
    print(printed(table, found))
    print(f"wrote {out / 'articles.json'}")
    return 0


def trained(given: _parts.Words, kind: str, seed: int, out: Path) -> tuple[Path, dict[str, Any]]:
    """The run of one kind of training, `pixels`, `latent` or `flow`, and what it took; done unless it is there."""
    base, minutes = given["base"], given.number("minutes", 0.01)
    common = [f"data.path={given['data']}", f"seed={seed}", "data.class_conditional=false", "guidance.scale=1"]
    run = out / f"{kind}-{seed}"
    if kind != "latent":
        words = [f"recipe={base}", *common, f"train.minutes={minutes}", *(FLOW if kind == "flow" else EPS), *given.rest]
        return run, kept(run, words)
    first = out / f"autoencoder-{seed}"
    recipe = given["autoencoder"] or f"autoencoder_{base}"
    words = [f"recipe={recipe}", *common[:2], f"train.minutes={AUTOENCODER * minutes}", *given.rest]
    autoencoder = kept(first, words)
    recipe = given["latent"] or f"latent_{base}"
    words = [f"recipe={recipe}", *common, f"latents={first}", f"train.minutes={(1 - AUTOENCODER) * minutes}", *EPS]
    return run, kept(run, [*words, *given.rest]) | {"autoencoder": autoencoder}


def kept(run: Path, words: list[str]) -> dict[str, Any]:
    return _parts.part(run.parent / f"{run.name}.training.json", {"words": words}, lambda: _parts.trained(run, words))


def scored(given: _parts.Words, row: Row, run: Path, target: Target, seed: int) -> dict[str, Any]:
    """The metrics of `n` samples of the run's last checkpoint under the row's sampler."""
    folder = checkpoint.folders(run)[-1]
    words = [f"run={run}", f"n={given.count('n')}", f"batch={given.count('batch')}", "seed=1000000", *row.sampling]
    settings = {"words": words, "real": given.count("real")}
    name = row.title.replace(", ", "-").replace(" ", "_")
    path = run.parent / f"{name}-{seed}.scores.json"
    return _parts.part(path, settings, lambda: _parts.scores(target, _parts.samples(folder, words)))


def printed(table: list[Row], found: dict[str, list[dict[str, Any]]]) -> str:
    """The table: the articles' figures, then ours, means over the seeds."""
    head = f"{'':34}{'articles: FID':>14}{'Fréchet here':>16}{'precision':>11}{'recall':>8}"
    lines = [f"{head}{'M params':>10}{'images seen':>13}{'s per 1000':>12}"]
    for row in table:
        seeds = found[row.title]
        mean = {name: fmean(s["values"][name] for s in seeds) for name in ("frechet", "precision", "recall")}
        training = [s["training"] for s in seeds]
        pace = fmean(1000 * s["seconds"] / s["n"] for s in seeds)
        lines.append(
            f"{row.title:34}{row.fid:14.2f}{mean['frechet']:16.2f}{mean['precision']:11.3f}{mean['recall']:8.3f}"
            f"{training[0]['parameters'] / 1e6:10.2f}{fmean(t['examples'] for t in training):13.0f}{pace:12.1f}"
        )
    first = next(iter(found.values()))[0]
    floor = [first["floors"][name] for name in ("frechet", "precision", "recall")]
    lines.append(f"{'as many real examples':48}{floor[0]:16.2f}{floor[1]:11.3f}{floor[2]:8.3f}")
    lines.append(
        f"Fréchet here: {first['n']} samples against {first['real']} real examples over {first['network']}, "
        f"{len(next(iter(found.values())))} seeds. It is no FID: the columns rank, and do not compare. "
        "Parameters and images of the latent row are without its autoencoder's."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
