"""Does training ever wait for its data? Examples per second of each source against those of the step that it feeds.

    python benchmarks/data.py [--workers 2] [--seconds 3] [--device auto] [--full] [--only TEXT] [--data FOLDER]

loader: what `workers` processes decode while nothing else runs. step: what training takes from a batch that is there
already. ratio: loader / step, which should be above 1. waits: the share of its time that a real training with these
workers spends waiting for the next batch (on a CPU the workers take cores from it, which the ratio cannot show).
On a GPU, or with --full, the steps are those of the full-scale recipes. Real data sets are looked for under --data,
TRIFUSE_DATA or ../shared/data, and left out where they are not there.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.training.distributed import World  # noqa: E402
from core.training.fit import Conditioned  # noqa: E402
from core.training.order import data_order  # noqa: E402
from modalities.data.example import Source  # noqa: E402
from modalities.data.loader import batches  # noqa: E402
from tools import build, measure, recipe  # noqa: E402
from tools.feed import feed  # noqa: E402
from tools.schema import Recipe  # noqa: E402
from tools.stages.diffusion import Diffusion  # noqa: E402


class Case(NamedTuple):
    """A source and the recipe that it feeds: on a CPU, and at full scale."""

    name: str
    path: str
    small: str
    full: str


SPRITES = "media.size=64 media.frames=8 media.channels=3"
CASES = (
    Case("shapes, embedded", "", "recipe=demo_image", "recipe=images64"),
    Case("MNIST, idx", "mnist", "recipe=mnist", "recipe=cifar10_full media.size=28 media.channels=1"),
    Case("CIFAR-10, Parquet", "cifar10", "recipe=cifar10", "recipe=cifar10_full"),
    Case("folder of PNG, 96x72", "made/png", "recipe=demo_image", "recipe=images64"),
    Case("tones, embedded", "", "recipe=demo_audio", "recipe=speech16k"),
    Case("FSDD, tar of FLAC", "fsdd", "recipe=fsdd", "recipe=speech16k"),
    Case("the same, spectrograms", "fsdd", "recipe=fsdd_spectrogram", "recipe=speech16k"),
    Case("folder of WAV, 3 s at 44.1 kHz", "made/wav", "recipe=fsdd", "recipe=speech16k"),
    Case("moving shapes, embedded", "", "recipe=demo_video", "recipe=video64"),
    Case("sprites, tar of GIF", "sprites", f"recipe=moving_mnist {SPRITES}", f"recipe=video64 {SPRITES}"),
    Case("folder of MP4, 64 frames 96x64", "made/mp4", "recipe=moving_mnist", "recipe=video64"),
)


def make_files(folder: Path) -> None:
    """A folder each of PNG, WAV and MP4 files."""
    import av
    import numpy as np
    import soundfile
    from PIL import Image

    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:72, 0:96] / 40
    for kind in ("png", "wav", "mp4"):
        for i in range(128):
            (folder / kind / str(i % 4)).mkdir(parents=True, exist_ok=True)
            path = folder / kind / str(i % 4) / f"{i}.{kind}"
            wave = [np.sin(x * a + y * b + c) * 90 + 128 for a, b, c in rng.normal(size=(3, 3)) * 4]
            picture = (np.stack(wave, -1) + rng.normal(size=(72, 96, 3)) * 6).clip(0, 255).astype(np.uint8)
            if kind == "png":
                Image.fromarray(picture).save(path)
            elif kind == "wav":
                soundfile.write(path, rng.normal(size=(3 * 44_100, 2)) * 0.1, 44_100)
            else:
                with av.open(str(path), "w") as box:
                    stream = box.add_stream("libx264", rate=25, options={"preset": "veryfast", "threads": "1"})
                    stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
                    for k in range(64):
                        frame = av.VideoFrame.from_ndarray(np.roll(picture[:64], k, axis=1).copy(), format="rgb24")
                        box.mux(stream.encode(frame))
                    box.mux(stream.encode())


def loader_rate(source: Source, train: Recipe, workers: int, seconds: float) -> float:
    """Examples per second through `batches`, the start of the workers left out."""
    ready = batches(source, data_order(len(source), train.train.batch, seed=0), workers=workers)
    for _ in range(2 * workers + 1):  # what they may have ready
        next(ready)
    begin = time.perf_counter()
    count, elapsed = 0, 0.0
    while elapsed < seconds:
        next(ready)
        count, elapsed = count + 1, time.perf_counter() - begin
    return count * train.train.batch / elapsed


def steps_rate(training: Diffusion, fed: Iterable[Conditioned], seconds: float) -> float:
    """Examples per second of optimiser steps on what is fed, the first two left out."""
    steps = training.run(fed)
    for _ in range(2):
        float(next(steps).loss)  # reading it waits for the device
    begin = time.perf_counter()
    for count in itertools.count(1):
        metrics = next(steps)
        if count >= 3 and time.perf_counter() - begin > seconds:
            float(metrics.loss)
            return count * training.recipe.train.batch / (time.perf_counter() - begin)
    raise AssertionError


class Waits:
    """Passes an iterator on and measures the time that its consumer waits, from the third item on."""

    def __init__(self, of: Iterator[Conditioned]) -> None:
        self.of, self.waited, self.since = of, 0.0, 0.0

    def __iter__(self) -> Iterator[Conditioned]:
        for i in itertools.count():
            begin = time.perf_counter()
            item = next(self.of)
            if i == 2:
                self.waited, self.since = 0.0, time.perf_counter()
            self.waited += time.perf_counter() - begin if i > 2 else 0.0
            yield item

    def share(self) -> float:
        return self.waited / (time.perf_counter() - self.since)


def row(case: Case, path: Path | None, options: argparse.Namespace, full: bool) -> str:
    """Measure one case and write its line of the table."""
    argv = (case.full if full else case.small).split()
    said = recipe.load([*argv, "run=unused", "train.minutes=1000", "compile=false", f"device={options.device}"])
    device = build.device(said.device)
    media = build.modality(said)
    source = media.source(path, "train")
    training = Diffusion(measure.measured(said, source, device), media, World(rank=0, size=1, device=device))
    loaded = loader_rate(source, training.recipe, options.workers, options.seconds)
    training.recipe.data.workers = options.workers
    one = next(feed(training.recipe, source, media, training.world, 0, print))
    stepped = steps_rate(training, itertools.repeat(one), options.seconds)
    waits = Waits(feed(training.recipe, source, media, training.world, 0, print))
    steps_rate(training, waits, options.seconds)
    return f"| {case.name} | {loaded:,.0f} | {stepped:,.1f} | {loaded / stepped:,.1f} | {100 * waits.share():.1f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each of the three measurements of a case")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--full", action="store_true", help="the steps of the full-scale recipes")
    parser.add_argument("--only", default="", help="cases with this text in their names")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIFUSE_DATA", ROOT.parent / "shared/data")))
    options = parser.parse_args()
    device = build.device(options.device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(
        f"torch {torch.__version__}, {name}, {os.cpu_count()} cores, {options.workers} workers; examples per second\n"
    )
    print("| source | loader | step | ratio | waits |\n| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        for case in CASES:
            path = Path(folder) / case.path[5:] if case.path.startswith("made/") else options.data / case.path
            if options.only in case.name and (path.exists() or not case.path):
                print(
                    row(case, path if case.path else None, options, options.full or device.type == "cuda"), flush=True
                )


if __name__ == "__main__":
    main()
