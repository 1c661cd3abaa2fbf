"""Diffusion on latents beside diffusion on the media themselves: the same data, the same training time, one machine.

    python benchmarks/latent_and_pixel.py data=PATH pixel=mnist latent=latent_mnist autoencoder=autoencoder_mnist
                                          [latents=RUN] [minutes=4] [n=300] [seed=0] [out=out/latent_and_pixel]

Trains the autoencoder's recipe (or takes the run `latents=`), encodes the data once, trains the latent recipe on the
cache and the pixel recipe on the files for `minutes` each, draws `n` samples of each with its recipe's sampler, and
scores them over one feature network taught from the data. Printed as a table, and kept in `out` as results.json:

    ms a step, steps, MiB      of training; MiB is the most that its process ever held
    s for 100                  samples, decoding and files included
    Fréchet, precision, …      of the samples; of the autoencoder's reconstructions of held-out data, the best that its
                               decoder could do; and the floor, of other real examples

The latents' time is without that of their autoencoder, which is stated. What is done is kept: a benchmark that was
killed goes on where it was.
"""

import json
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from benchmarks import _parts
from core.training.order import data_order
from modalities.data.loader import batches
from modalities.latents.media import LatentMedia
from modalities.writing import write_bytes
from tools import build, messages, run_folder
from tools import recipe as recipes
from tools.evaluation.score import Result, score_folder

ROOT = Path(__file__).resolve().parents[1]
OWN = {
    **dict.fromkeys(("data", "pixel", "latent", "autoencoder", "latents"), ""),
    "minutes": "4",
    "n": "300",
    "seed": "0",
    "out": "out/latent_and_pixel",
}
METRICS = ("frechet", "precision", "recall", "accuracy")
BATCH = 50


def main(argv: list[str]) -> int:
    said = settings(argv)
    out, data = Path(said["out"]), said["data"]
    common = [f"data.path={data}", "data.workers=0"]
    autoencoder = Path(said["latents"] or out / "autoencoder")
    if not (autoencoder / "latents.json").is_file():
        tool("train", f"recipe={said['autoencoder']}", f"run={autoencoder}", *common)
    latents = out / "latents"
    encoding = tool("encode", f"run={autoencoder}", f"out={latents}", *common)
    limits = [f"train.minutes={said['minutes']}", f"seed={said['seed']}", "sample.n=16", "data.workers=0"]
    rows = {
        "pixel": part(out / "pixel", said, [f"recipe={said['pixel']}", f"data.path={data}", *limits]),
        "latent": part(
            out / "latent",
            said,
            [f"recipe={said['latent']}", f"latents={autoencoder}", f"data.path={latents}", *limits],
        ),
    }
    results = {name: scored(out / name, Path(data)) for name in rows}
    reconstructed(out / "latent", Path(data), said.count("n"), out / "reconstructions")
    results["reconstruction"] = scored(out / "latent", Path(data), out / "reconstructions")
    facts = {
        "autoencoder": {"run": str(autoencoder), **trained(autoencoder)},
        "encoding": {"seconds": encoding["seconds"]},
        **{name: rows[name] | values(result) for name, result in results.items() if name in rows},
        "reconstruction": values(results["reconstruction"]),
        "floor": {name: results["pixel"].floor(name) for name in METRICS if name in results["pixel"].floors},
    }
    write_bytes((json.dumps(facts, indent=1) + "\n").encode(), out / "results.json")
    print(table(facts, said))
    return 0


def settings(argv: list[str]) -> _parts.Words:
    """Raises ValueError, before anything is trained, for words that are missing, unknown or no numbers."""
    said = _parts.words(argv, OWN, needed=["data", "pixel", "latent"])
    if said.rest:
        raise ValueError(f"argument {said.rest[0]!r} is not one of {', '.join(f'{key}=' for key in OWN)}")
    if not said["latents"] and not said["autoencoder"]:
        raise ValueError("say autoencoder=, or latents= where one is trained")
    said.check("n")
    return said


def tool(name: str, *words: str) -> dict[str, float]:
    """Run one of the tools in a process of its own: its seconds, and the most memory that it ever held, in MiB."""
    print(f"$ tools/{name}.py {' '.join(words)}", flush=True)
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, str(ROOT / "tools" / f"{name}.py"), *words])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ValueError(f"tools/{name}.py ended with exit code {process.returncode}")
    return {"seconds": time.monotonic() - began, "MiB": usage.ru_maxrss / 1024}


def part(run: Path, said: _parts.Words, words: list[str]) -> dict[str, Any]:
    """Train a recipe and draw from it; done before with the same words, its facts are read back."""

    def made() -> dict[str, Any]:
        training = tool("train", f"run={run}", *words)
        drawing = tool("sample", f"run={run}", f"n={said['n']}", f"batch={BATCH}", f"out={run / 'drawn'}")
        seconds = 100 * drawing["seconds"] / said.count("n")
        return {"MiB": training["MiB"], "seconds for 100": seconds, **trained(run)}

    return _parts.part(run / "facts.json", {"words": words, "n": said["n"]}, made)


def trained(run: Path) -> dict[str, float]:
    """Steps and seconds of a run, as its log has them; the first steps, which warm everything up, are no measure."""
    lines = run_folder.read_log(run)
    if not lines:
        raise ValueError(f"{run} was trained too shortly to be timed: its log is empty")
    first, last = lines[0], lines[-1]
    steps = max(1, last["step"] - first["step"])
    took = last["seconds"] - first["seconds"]
    return {"steps": last["step"], "seconds": last["seconds"], "ms a step": 1000 * took / steps}


def scored(run: Path, data: Path, samples: Path | None = None) -> Result:
    media = build.modality(recipes.read(run / "recipe.yaml"))
    media = media.media if isinstance(media, LatentMedia) else media
    return score_folder(samples or run / "drawn", data, media, real=5000, metrics=METRICS, say=print)


def values(result: Result) -> dict[str, float]:
    return {name: result.value(name) for name in METRICS if name in result.values}


@torch.inference_mode()
def reconstructed(run: Path, data: Path, n: int, out: Path) -> None:
    """`n` held-out examples after a way through the autoencoder, as files with a manifest of their labels."""
    manifest = out / "manifest.jsonl"
    if manifest.is_file() and len(manifest.read_text().splitlines()) == n:
        return
    media = build.modality(recipes.read(run / "recipe.yaml"))
    assert isinstance(media, LatentMedia)
    source = media.media.source(data, "test")
    lines: list[dict[str, Any]] = []
    for batch in batches(source, islice(data_order(len(source), BATCH, seed=0), -(-n // BATCH)), workers=0):
        for made, label in zip(media.decode(media.encode(media.prepare(batch, None))), batch.labels, strict=True):
            if len(lines) < n:
                name = f"{len(lines):06d}{media.suffix}"
                media.write(made, out / name)
                lines.append({"file": name, "label": int(label) if label >= 0 else None})
    write_bytes("".join(json.dumps(line) + "\n" for line in lines).encode(), manifest)


def table(facts: dict[str, Any], said: _parts.Words) -> str:
    columns = ("ms a step", "steps", "MiB", "seconds for 100", *METRICS)
    text = [f"| {said['pixel']} | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
    for name in ("pixel", "latent", "reconstruction", "floor"):
        cells = [f"{facts[name][key]:.4g}" if key in facts[name] else "" for key in columns]
        text.append(f"| {name} | {' | '.join(cells)} |")
    own = facts["autoencoder"]
    text.append(
        f"{said.number('minutes', 0):g} minutes of training each, {said['n']} samples. The autoencoder was trained for "
        f"{own['seconds'] / 60:.1f} minutes before; encoding all data took {facts['encoding']['seconds']:.0f} s."
    )
    return "\n".join(text)


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], __doc__ or ""))
