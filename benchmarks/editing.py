"""How near does each solver come to the original, task by task? Some of its numbers: docs/guide/editing.md.

    python benchmarks/editing.py run=runs/NAME data=PATH [n=32] [tasks=…] [solvers=…] [key=value ...]

Held-out examples of the data are degraded as `tools/edit.py degrade=true` degrades them, with the task's options below,
and restored by every solver that takes the task's operator, one draw each. Printed: the mean of the results in decibels
against the originals (PSNR; signal-to-noise ratio of sounds), the share whose class is recognised by the classifier
that evaluations teach from the training data, how far the results are from their measurement (root mean square, in
thousandths of full scale), and the time. Other keys are those of sampling: sampler=ddpm sampler.steps=100.
"""

import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor

from core import discover
from modalities.features.classifier import Classifier
from modalities.modality import Modality
from tools import build, messages
from tools import recipe as recipes
from tools.editing.bench import Bench, Edited
from tools.editing.command import settings
from tools.editing.folder import measures_of
from tools.editing.space import space_of
from tools.evaluation import networks, stream
from tools.restored import restored
from tools.sample import newest
from tools.sampling import Sample
from tools.schema import Options
from tools.training import autocast

Setting = tuple[str, dict[str, Any], float | None]
"""Task, its options, and the noise of the measurement as a share of full scale."""

SETTINGS: dict[str, list[Setting]] = {
    "image": [
        ("inpaint", {"region": "14:28,0:28"}, None),
        ("super_resolve", {"factor": 2}, None),
        ("super_resolve", {"factor": 4}, None),
        ("super_resolve", {"factor": 4}, 0.02),
        ("deblur", {"std": 1.5}, 0.01),
        ("denoise", {"estimate": "draw"}, 0.2),
        ("denoise", {"estimate": "mean"}, 0.2),
        ("colourise", {}, None),
    ],
    "audio": [
        ("inpaint", {"region": "0.1:0.15"}, None),
        ("bandwidth_extend", {"cutoff": 2000.0}, None),
        ("declip", {}, None),
        ("denoise", {"estimate": "draw"}, 0.02),
        ("denoise", {"estimate": "mean"}, 0.02),
    ],
    "video": [
        ("interpolate", {"every": 2}, None),
        ("interpolate", {"every": 4}, None),
        ("inpaint", {"region": "6:10"}, None),
        ("super_resolve", {"factor": 4}, None),
        ("deblur", {"std": 1.5}, 0.01),
        ("denoise", {"estimate": "mean"}, 0.2),
    ],
}
SOLVERS: list[Options] = [
    {"name": "ddnm"},
    {"name": "ddnm_plus"},
    {"name": "diffpir"},
    {"name": "diffpir", "zeta": 0.5},
    {"name": "pigdm"},
    {"name": "moment_matching", "iterations": 5},
    {"name": "dps", "scale": 1.0},
    {"name": "replacement"},
    {"name": "repaint", "repeats": 5},
]


class Many:
    """Many examples in place of one file."""

    def __init__(self, media: Modality, stored: Tensor) -> None:
        self.path, self.start, self.stored = Path("held out"), 0.0, stored
        self.facts = {"rate": getattr(media, "sample_rate", 0)}

    def read(self, media: Modality) -> Tensor:
        return self.stored


def bench_of(argv: list[str], stored: Tensor) -> Bench:
    checkpoint = newest(argv)
    recipe = recipes.overlay(recipes.read(checkpoint / "recipe.yaml"), argv)
    media, n = build.modality(recipe), len(stored)
    return Bench(
        recipe=dataclasses.replace(recipe, sample=dataclasses.replace(recipe.sample, batch=n)),
        denoiser=restored(recipe, media, checkpoint, build.device(recipe.device)),
        media=media,
        model=media,
        space=space_of(media),
        file=Many(media, stored),  # type: ignore[arg-type]
        samples=[Sample(i, i, -1) for i in range(n)],
        degrade=True,
    )


def edited(bench: Bench, setting: Setting, solver: Options | None) -> Edited:
    name, options, noise = setting
    task = discover.build("tools.editing.tasks", name, options)
    with torch.no_grad(), autocast(bench.recipe, bench.device)():
        return task(dataclasses.replace(bench, solver=solver, noise=noise))


def recognised(network: Classifier, bench: Bench, signals: Tensor, labels: Tensor) -> float:
    """Share of signals whose class the classifier sees."""
    with torch.inference_mode():
        logits = network(bench.space.stored(signals).cpu()).logits
    return float((logits.argmax(1) == labels).float().mean()) if logits is not None else float("nan")


def rows(argv: list[str], given: dict[str, str]) -> Iterator[str]:
    first = recipes.read(newest(argv) / "recipe.yaml")
    media, data = build.modality(first), Path(given["data"])
    held_out, train = media.source(data, "test"), media.source(data, "train")
    parts = list(stream.real(media, held_out, stream.some(len(held_out), int(given.get("n", 32)))))
    stored, labels = torch.cat([part.media for part in parts]), torch.cat([part.labels for part in parts])
    items = stream.divided(len(train), teaches=True).taught
    network = networks.taught(media, train, items, name=data.name, say=print)
    yield "| task | solver | dB | recognised | misfit | seconds |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for setting in SETTINGS[media.name]:
        if given.get("tasks") and setting[0] not in given["tasks"].split(","):
            continue
        if setting[0] == "colourise" and media.event_shape[0] != 3:
            continue
        bench = bench_of([*settings(setting[0]), *argv], stored)
        title = f"{setting[0]} {' '.join(f'{k}={v}' for k, v in setting[1].items())}"
        title += f" noise={setting[2]}" if setting[2] else ""
        some = [s for s in SOLVERS if s["name"] in given.get("solvers", s["name"]).split(",")]
        for solver in (None, *some) if setting[1].get("estimate") != "mean" else (None,):
            yield row(bench, setting, solver, title, network, labels)


def row(bench: Bench, setting: Setting, solver: Options | None, title: str, network: Classifier, labels: Tensor) -> str:
    started = time.monotonic()
    name = "the task's own" if solver is None else " ".join(str(v) for v in solver.values())
    try:
        result = edited(bench, setting, solver)
    except ValueError:
        return f"| {title} | {name} | – | – | – | – |"
    seconds = time.monotonic() - started
    assert result.original is not None
    cells = []
    for label, measure in measures_of(bench).items():
        pairs = list(zip(result.original.split(1), result.results.split(1), strict=True))
        cells.append(f"{label} {sum(measure(a, b)[0] for a, b in pairs) / len(pairs):.1f}")
        if solver is None and result.degraded is not None and result.degraded.shape == result.original.shape:
            before = list(zip(result.original.split(1), result.degraded.split(1), strict=True))
            cells[-1] += f" (before {sum(measure(a, b)[0] for a, b in before) / len(before):.1f})"
    share, fit = recognised(network, bench, result.results, labels), misfit(bench, result)
    chosen = result.facts.get("solver", result.facts.get("estimate", ""))
    name += f", {chosen}" if solver is None else ""
    return f"| {title} | {name} | {', '.join(cells)} | {100 * share:.0f} % | {fit:.1f} | {seconds:.0f} |"


def misfit(bench: Bench, result: Edited) -> float:
    """Root mean square of what the results, degraded again, differ from their measurement, in thousandths of full
    scale; 0 where the task does not say what it measured."""
    if result.again is None or result.degraded is None:
        return 0.0
    gap = result.again(result.results) - result.degraded
    return 1000 * float(gap.square().mean().sqrt()) / bench.space.unit


def main(argv: list[str]) -> int:
    given = dict(word.split("=", 1) for word in argv if "=" in word)
    if missing := {"run", "data"} - given.keys():
        raise ValueError(f"say {', '.join(f'{name}=' for name in sorted(missing))}")
    mine = ("data", "n", "tasks", "solvers")
    for line in rows([word for word in argv if word.partition("=")[0] not in mine], given):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
