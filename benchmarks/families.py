"""GAN, VAE and diffusion on the same data for the same time: quality, diversity, spread over seeds, stability.

    python benchmarks/families.py data=PATH [minutes=2] [seeds=3] [n=2000] [out=out/families]
                                  [families=gan,vae,diffusion] [gan=gan] [vae=vae] [diffusion=mnist] [points=6]
                                  [key=value ...]

Each family trains its recipe from `seeds` seeds, `minutes` each, on the machine at hand; `gan=`, `vae=` and
`diffusion=` name the recipes, further keys go to every training. Printed, and kept in `out` as families.json and
families.png:

    Fréchet distance, precision   quality, over one feature network taught from the data
    recall, coverage              diversity
    accuracy                      samples that show the class that they were asked for
    sharpness                     mean difference between neighbouring positions, over that of real examples
    spread                        standard deviation over the seeds
    set-back                      by which factor the distance ever rose above the best so far, at `points` checkpoints

What is done is kept: a benchmark that was killed goes on where it was.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor

from benchmarks import _parts
from benchmarks._families_figure import figure
from modalities.modality import Modality
from modalities.writing import write_bytes
from tools import checkpoint, messages
from tools.evaluation import stream
from tools.evaluation.score import Target
from tools.evaluation.stream import Part

FAMILIES = ("gan", "vae", "diffusion")
RECIPES = {"gan": "gan", "vae": "vae", "diffusion": "mnist"}
OWN = {"data": "", "minutes": "2", "seeds": "3", "n": "2000", "real": "5000", "out": "out/families", "points": "6"}
SHOWN = 20
"""Samples of each family in the figure."""

CURVE = 250
"""Samples behind a point of a curve: enough to see it rise and fall, and few enough to draw."""


class Sharpness:
    """The mean difference of x0 between neighbours along its last axis, over the parts of a stream that pass."""

    def __init__(self, media: Modality) -> None:
        self.media, self.total, self.count = media, 0.0, 0

    def watched(self, parts: Iterable[Part]) -> Iterator[Part]:
        for part in parts:
            self.total += float(self.media.encode(part.media).diff(dim=-1).abs().flatten(1).mean(1).sum())
            self.count += len(part.numbers)
            yield part

    @property
    def value(self) -> float:
        return self.total / self.count


def main(argv: list[str]) -> int:
    given = _parts.words(argv, OWN | RECIPES | {"families": ",".join(FAMILIES)}, needed=["data"])
    given.check("seeds", "n", "real", "points")
    families, out = given.chosen("families", FAMILIES), Path(given["out"])
    goals: dict[int, Target] = {}
    for seed in range(given.count("seeds")):
        for family in families:
            once(given, family, seed, out, goals)
    table = {family: found for family in FAMILIES if (found := gathered(out, family))}
    write_bytes(json.dumps(table, indent=1).encode(), out / "families.json")
    figure(table, out / "families.png")
    print(printed(table))
    print(f"wrote {out / 'families.json'} and {out / 'families.png'}")
    return 0


def once(given: _parts.Words, family: str, seed: int, out: Path, goals: dict[int, Target]) -> None:
    """Train and score one family from one seed, unless that is done."""
    run, minutes, data = out / f"{family}-{seed}" / "run", given.number("minutes", 0.01), Path(given["data"])
    said = {"recipe": given[family], "minutes": minutes, "data": str(data.resolve()), "words": given.rest}
    points = given.count("points")
    every = [f"checkpoint.minutes={minutes / points}", f"checkpoint.keep={10 * points}"]
    words = [f"recipe={given[family]}", f"data.path={data}", f"train.minutes={minutes}", f"seed={seed}", *every]
    done = _parts.part(run.parent / "training.json", said, lambda: _parts.trained(run, [*words, *given.rest]))
    n, real = given.count("n"), given.count("real")

    def goal(count: int) -> Target:
        if count not in goals:
            goals[count] = _parts.goal_of(checkpoint.folders(run)[-1], data, n=count, real=real)
        return goals[count]

    counts = said | {"n": n, "real": real}
    _parts.part(run.parent / "scores.json", counts, lambda: scored(goal(n), run, n) | {"training": done})
    few = min(n, CURVE)
    _parts.part(run.parent / "curve.json", counts, lambda: {"curve": curve(goal(few), run, few)})


def scored(goal: Target, run: Path, n: int) -> dict[str, Any]:
    """Of the last checkpoint: the metrics, sharpness, and some samples for the figure."""
    folder = checkpoint.folders(run)[-1]
    made, real = Sharpness(goal.media), Sharpness(goal.media)
    shown: list[Tensor] = []

    def kept(parts: Iterable[Part]) -> Iterator[Part]:
        for part in parts:
            shown.extend(part.media[: max(0, SHOWN - len(shown))])
            yield part

    parts = _parts.samples(folder, [f"run={run}", f"n={n}", "batch=100", "seed=1000000"])
    found = _parts.scores(goal, kept(made.watched(parts)))
    for _ in real.watched(stream.real(goal.media, goal.source, goal.compared[:1000])):
        pass
    found["values"]["sharpness"] = made.value / real.value
    if goal.media.name == "image":
        found["shown"] = [picture.tolist() for picture in shown]
    return found


def curve(goal: Target, run: Path, n: int) -> list[dict[str, float]]:
    """The Fréchet distance at every checkpoint of a run, oldest first."""
    points = []
    for folder in checkpoint.folders(run):
        parts = _parts.samples(folder, [f"run={run}", f"n={n}", "batch=100", "seed=2000000"])
        value = _parts.scores(goal, parts, metrics=["frechet"])["values"]["frechet"]
        counters = checkpoint.training_state(folder)[0]
        points.append({"seconds": counters.seconds, "step": counters.step, "frechet": value})
    return points


def gathered(out: Path, family: str) -> dict[str, Any]:
    """All seeds of a family that are done: values by seed, their mean and spread; empty where none is."""
    folders = sorted(folder for folder in out.glob(f"{family}-*") if (folder / "curve.json").is_file())
    if not folders:
        return {}
    seeds = [json.loads((folder / "scores.json").read_text())["result"] for folder in folders]
    curves = [json.loads((folder / "curve.json").read_text())["result"]["curve"] for folder in folders]
    for found, points in zip(seeds, curves, strict=True):
        found["values"]["set-back"] = setback([point["frechet"] for point in points])
    values = {name: [found["values"][name] for found in seeds] for name in seeds[0]["values"]}
    return {
        "training": [found["training"] for found in seeds],
        "values": values,
        "mean": {name: fmean(each) for name, each in values.items()},
        "spread": {name: stdev(each) if len(each) > 1 else 0.0 for name, each in values.items()},
        "floor": seeds[0]["floors"],
        "network": seeds[0]["network"],
        "n": seeds[0]["n"],
        "real": seeds[0]["real"],
        "seconds": [found["seconds"] for found in seeds],
        "curves": curves,
        "shown": seeds[0].get("shown"),
    }


def setback(distances: Sequence[float]) -> float:
    """The largest factor by which a distance ever lies above the least before it; 1 where none rises."""
    best = torch.tensor(distances, dtype=torch.float64).cummin(0).values
    return float((torch.tensor(distances, dtype=torch.float64) / best).max())


def printed(table: dict[str, Any]) -> str:
    """One line per family: mean and spread over the seeds."""
    names = list(next(iter(table.values()))["values"])
    lines = [f"{'':10}" + "".join(f"{name:>20}" for name in names)]
    for family, found in table.items():
        cells = [f"{found['mean'][name]:.3g} ± {found['spread'][name]:.2g}" for name in names]
        lines.append(f"{family:10}" + "".join(f"{cell:>20}" for cell in cells))
    first = next(iter(table.values()))
    floors = [f"{first['floor'][name]:.3g}" if name in first["floor"] else "" for name in names]
    lines.append(f"{'real':10}" + "".join(f"{cell:>20}" for cell in floors))
    for family, found in table.items():
        mean = {key: fmean(t[key] for t in found["training"]) for key in ("steps", "examples", "seconds")}
        parameters = found["training"][0]["parameters"]
        lines.append(
            f"{family}: {parameters:,} parameters, {mean['steps']:.0f} steps, {mean['examples']:.0f} examples in "
            f"{mean['seconds']:.0f} s, {len(found['training'])} seeds; scored in {fmean(found['seconds']):.0f} s"
        )
    lines.append(f"{first['n']} samples against {first['real']} real examples, over {first['network']}: not an FID")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
