"""How well samples follow their references, beside what is had without a model.

    python benchmarks/references.py run=runs/NAME data=PATH [n=32] [out=DIR] [sampler.steps=N ...]

mel             log-spectral distance of the sample's mel to the one given, in dB, and of its spectra to the original's;
                beside it Griffin-Lim (fast, 60 iterations) from the same mel, and another sound's mel
low_resolution  PSNR to the original; how far the sample's own low resolution is from the one given; the power in what
                the low resolution lacks, of the original's. Beside it the enlarged low resolution (bicubic)
frames          error of the frames that were not given, for four tasks, and of the first one after the last known;
                beside it the nearest known frame, and the mean of all clips
The examples are held-out ones (split test). `out` gets a picture of some originals above their samples.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor
from torch.nn.functional import pad

from modalities.audio.representation import Spectrogram
from modalities.condition import Condition
from modalities.modality import Modality
from modalities.references import degrade
from modalities.references.files import read
from modalities.references.mel import Mel, distance
from modalities.references.value import parse
from modalities.tiling import grid
from tools import build, messages, restored, sample, sampling
from tools import recipe as recipes
from tools.schema import Recipe

TASKS = ("4", "first_last", "every_4", "first")
SHOWN = 4


class Bench:
    """A run, its reference condition and `n` held-out examples."""

    def __init__(self, recipe: Recipe, data: str, folder: Path) -> None:
        self.recipe, self.data = recipe, data
        self.media: Modality = build.modality(recipe)
        kinds = build.conditions(recipe, self.media)
        found = [name for name, kind in kinds.items() if kind.word == "reference"]
        if len(found) != 1:
            raise ValueError(f"run={recipe.run} has {len(found)} reference conditions: this needs one")
        self.name: str = found[0]
        self.kind: Condition = kinds[self.name]
        self.node = recipe.conditions[self.name]["name"]
        self.denoiser = restored.restored(recipe, self.media, folder, build.device(recipe.device))

    def words(self, what: str = "") -> list[str]:
        return [f"{self.data}#{i}{what}" for i in range(self.recipe.sample.n)]

    def originals(self, whole: int = 0) -> list[Tensor]:
        """x0 (1, *event) of each example."""
        return [read(parse(word), self.media, whole=whole).x0[None] for word in self.words()]

    def drawn(self, what: str = "") -> list[Tensor]:
        """A sample (1, *event) for each example."""
        samples = [
            sampling.Sample(i, i, sampling.NO_LABEL, {self.name: word}) for i, word in enumerate(self.words(what))
        ]
        parts = sampling.draw(self.recipe, self.denoiser, self.media, samples)
        return [row[None] for _, x0 in parts for row in x0.cpu()]

    def show(self, name: str, originals: list[Tensor], samples: list[Tensor]) -> None:
        if self.recipe.sample.out:
            rows = torch.cat([row for pair in zip(originals, samples, strict=True) for row in pair][: 2 * SHOWN])
            path = Path(self.recipe.sample.out) / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if self.media.name == "video":  # a clip a row
                clips = self.media.decode(rows)
                grid(clips.flatten(0, 1).movedim(-1, 1), columns=clips.shape[1], wanted=48).save(path)
            else:
                self.media.sheet(self.media.decode(rows), path)


def main(argv: list[str] | None = None) -> int:
    return messages.run(measure, sys.argv[1:] if argv is None else argv, help=__doc__ or "")


def measure(argv: list[str]) -> int:
    data = recipes.argument(argv, "data")
    if not data:
        raise ValueError("say where the examples are: data=PATH")
    said = [word for word in argv if not word.startswith("data=")]
    folder = sample.newest(said)
    bench = Bench(recipes.overlay(recipes.read(folder / "recipe.yaml"), said), data, folder)
    if bench.node not in MEASURES:
        raise ValueError(f"conditions of kind {bench.node} are not measured here: {', '.join(MEASURES)} are")
    for line in MEASURES[bench.node](bench):
        print(line, flush=True)
    return 0


def mean(values: list[Tensor]) -> float:
    return float(torch.cat([v.reshape(1) for v in values]).mean())


def of_mels(bench: Bench) -> Iterator[str]:
    mel: Mel = bench.kind.log_mel  # type: ignore[attr-defined]
    view = bench.media.view  # type: ignore[attr-defined]
    given = [bench.kind.given(word) for word in bench.words()]
    originals = bench.originals(whole=mel.hop)
    samples = bench.drawn()
    bench.show("mel", [_cut(o, 4096) for o in originals], [_cut(s, 4096) for s in samples])
    waves = {
        "sample": [view.decode(x).mean(1) for x in samples],
        "griffin_lim": [griffin_lim(row.exp(), mel) for row in given],
        "original": [view.decode(x).mean(1) for x in originals],
        "another": [_cut(view.decode(originals[i - 1]).mean(1), 64 * row.shape[-1]) for i, row in enumerate(given)],
    }
    spectra = Mel(sample_rate=mel.sample_rate, n_mels=120, n_fft=512, hop=mel.hop, fmin=60.0, floor=mel.floor)
    yield f"{'':12} {'mel to given, dB':>18} {'spectra to original, dB':>24}"
    for name, sounds in waves.items():
        to_given = mean([distance(mel(s), row) for s, row in zip(sounds, given, strict=True)])
        to_own = mean([distance(spectra(s), spectra(o)) for s, o in zip(sounds, waves["original"], strict=True)])
        yield f"{name:12} {to_given:18.2f} {to_own:24.2f}"


def griffin_lim(mel: Tensor, bank: Mel, steps: int = 60, momentum: float = 0.99) -> Tensor:
    """Amplitudes (1, n_mels, N) -> a wave (1, N hop) with about those mels (Perraudin et al. 2013, algorithm 2).

    The linear spectrum is the non-negative part of the least-squares one; phases start from a fixed draw.
    """
    stft = Spectrogram(n_fft=bank.n_fft, hop=bank.hop, power=1.0)
    window = torch.hann_window(bank.n_fft)
    magnitude = (torch.linalg.pinv(bank.bank().T) @ mel).clamp_min(0) * window.sum() / window.square().sum().sqrt()
    phase = 2 * torch.pi * torch.rand(magnitude.shape, generator=torch.Generator().manual_seed(0))
    estimate, before = torch.polar(magnitude, phase)[None], torch.zeros(())
    for _ in range(steps):
        rebuilt = stft.stft(stft.istft(estimate))
        fast = rebuilt + momentum * (rebuilt - before)
        estimate, before = magnitude * fast / fast.abs().clamp_min(1e-9), rebuilt
    return stft.istft(estimate)[0]


def _cut(x: Tensor, count: int) -> Tensor:
    return pad(x[..., :count], (0, max(0, count - x.shape[-1])))


def of_low_resolutions(bench: Bench) -> Iterator[str]:
    originals, samples = torch.cat(bench.originals()), torch.cat(bench.drawn())
    low = torch.cat([bench.kind.given(word) for word in bench.words()])
    bench.show("low_resolution", list(originals.split(1)), list(samples.split(1)))
    yield f"{'':12} {'PSNR, dB':>10} {'low resolution off by':>22} {'power beyond it':>16}"
    factor, lacks = bench.kind.factor, (originals - low).square().mean()  # type: ignore[attr-defined]
    for name, x in {"sample": samples.clamp(-1, 1), "bicubic": low, "original": originals}.items():
        psnr = 10 * torch.log10(4 / (x - originals).square().flatten(1).mean(1).clamp_min(1e-12)).mean()
        own = degrade.pictures(x, factor) if bench.media.name != "audio" else bench.kind.degraded(x)  # type: ignore[attr-defined]
        off, beyond = (own - low).square().mean().sqrt(), (x - own).square().mean() / lacks
        yield f"{name:12} {float(psnr):10.2f} {float(off):22.4f} {float(beyond):16.2f}"


def of_frames(bench: Bench) -> Iterator[str]:
    originals = torch.cat(bench.originals())
    yield f"{'known':12} {'sample':>9} {'nearest':>9} {'mean':>9}   next frame: {'sample':>7} {'nearest':>8}"
    for task in TASKS:
        rows = torch.cat([bench.kind.given(word) for word in bench.words(f"@{task}")])
        samples = torch.cat(bench.drawn(f"@{task}"))
        bench.show(f"frames_{task}", list(originals.split(1)), list(samples.split(1)))
        known = ~rows[0, 0].isnan().flatten(1).any(1)
        assert torch.equal(samples[:, :, known], originals[:, :, known]), "known frames come out as they were given"
        places, T = known.nonzero().flatten(), len(known)
        nearest = [int(places[(places - t).abs().argmin()]) for t in range(T)]
        after = next(t for t in range(T) if not known[t])
        guesses = {
            "sample": samples,
            "nearest": originals[:, :, nearest],
            "mean": originals.mean().expand_as(originals),
        }
        error = {name: float((x - originals)[:, :, ~known].square().mean()) for name, x in guesses.items()}
        soon = {name: float((x - originals)[:, :, after].square().mean()) for name, x in guesses.items()}
        yield (
            f"{task:12} {error['sample']:9.4f} {error['nearest']:9.4f} {error['mean']:9.4f}"
            f"               {soon['sample']:7.4f} {soon['nearest']:8.4f}"
        )


MEASURES: dict[str, Callable[[Bench], Iterator[str]]] = {
    "mel": of_mels,
    "low_resolution": of_low_resolutions,
    "frames": of_frames,
}

if __name__ == "__main__":
    sys.exit(main())
