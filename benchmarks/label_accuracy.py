"""How many samples show the class that they were asked for, by a classifier trained on real data.

    python benchmarks/label_accuracy.py samples=DIR run=runs/NAME data=PATH [examples=20000] [minutes=2]

A small convolutional network learns the labels of the data that the run was trained on, at its own size and rate: on
pixels, on log-mel spectrograms, on single frames of clips (whose votes are added). Printed beside the share of
samples that it recognises: the share of real, held-out examples (split test), which is the most that it could see, and
the count per class. It sees files, as a person would: PNG, WAV and MP4 are read back.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.training.order import data_order
from modalities.data.batch import Batch
from modalities.data.example import Source
from modalities.data.loader import batches
from modalities.modality import Modality
from tools import build, messages
from tools import recipe as recipes
from tools.schema import Recipe


class Classifier(nn.Module):
    """(B, V, C, H, W) views of B examples -> (B, classes), the mean over the V views."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        widths = [channels, 32, 64, 96]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
            layers += [nn.Conv2d(b, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2))
        self.head = nn.Linear(4 * widths[-1], classes)

    def forward(self, views: Tensor) -> Tensor:
        B, V = views.shape[:2]
        return self.head(self.body(views.flatten(0, 1))).unflatten(0, (B, V)).mean(1)


def views_of(recipe: Recipe, media: Tensor) -> Tensor:
    """Stored media (B, ...) as float maps (B, V, C, H, W): a picture, a log-mel spectrogram, or four frames."""
    if recipe.modality == "image":
        return (media.float() / 127.5 - 1)[:, None]
    if recipe.modality == "video":
        frames = media[:, torch.linspace(0, media.shape[1] - 1, 4).long()]
        return frames.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
    from torchaudio.transforms import MelSpectrogram

    wave = media.float().mean(1) / 32768
    wave = wave / wave.square().mean(1, keepdim=True).sqrt().clamp_min(1e-4)
    mel = MelSpectrogram(recipe.media["sample_rate"], n_fft=512, hop_length=128, n_mels=48, power=1.0)(wave)
    return torch.log(mel + 0.1)[:, None, None] / 2


def examples(media: Modality, source: Source, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in batches(source, data_order(len(source), size, seed=seed), workers=0):
        yield media.prepare(batch, None), batch.labels


def learn(recipe: Recipe, media: Modality, source: Source, minutes: float) -> Classifier:
    torch.manual_seed(0)
    network, steps, started = None, 0, time.monotonic()
    for stored, labels in examples(media, source, 64, 0):
        x = views_of(recipe, stored)
        if network is None:
            network = Classifier(x.shape[2], len(source.classes))
            optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
        used = (time.monotonic() - started) / (60 * minutes)
        if used >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1.0, 10 * (1 - used))
        loss = functional.cross_entropy(network(shifted(x)), labels, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    assert network is not None
    print(f"classifier: {steps} steps of 64 on {len(source)} examples in {minutes:g} minutes")
    return network.eval()


def shifted(x: Tensor) -> Tensor:
    """The batch moved by up to two positions along its last axis: time of a sound, place of a picture."""
    return torch.roll(x, int(torch.randint(-2, 3, ())), dims=-1)


@torch.inference_mode()
def votes(network: Classifier, recipe: Recipe, parts: Iterator[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """What the classifier says of each example, and what it should say."""
    said, meant = [], []
    for stored, labels in parts:
        said.append(network(views_of(recipe, stored)).argmax(1))
        meant.append(labels)
    return torch.cat(said), torch.cat(meant)


def main(argv: list[str]) -> int:
    given = dict(word.split("=", 1) for word in argv if "=" in word)
    if missing := {"samples", "run", "data"} - given.keys():
        raise ValueError(f"say {', '.join(f'{name}=' for name in sorted(missing))}")
    recipe, folder = recipes.read(Path(given["run"]) / "recipe.yaml"), Path(given["samples"])
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    media = build.modality(recipe)
    network = learn(recipe, media, media.source(Path(given["data"]), "train"), float(given.get("minutes", 2)))
    held_out = media.source(Path(given["data"]), "test")
    count = min(len(held_out), 2000)
    said, meant = votes(network, recipe, islice(examples(media, held_out, 50, 1), -(-count // 50)))
    print(f"real, held out: {100 * (said == meant).float().mean():.1f} % of {len(said)} recognised")
    files = folder_source(media, folder, lines)
    said, meant = votes(network, recipe, iter(files))
    right = said == meant
    print(f"samples: {100 * right.float().mean():.1f} % of {len(said)} recognised as what was asked for")
    per_class = Counter(meant[right].tolist())
    names = recipe.data.classes
    print("  ".join(f"{names[k]}: {per_class[k]}/{int((meant == k).sum())}" for k in range(len(names))))
    return 0


def folder_source(media: Modality, folder: Path, lines: list[dict]) -> list[tuple[Tensor, Tensor]]:
    """The sample files, read back, with the labels of the manifest."""
    source = media.source(folder, "train")
    label = {Path(line["file"]).stem: line["label"] for line in lines}
    generator, parts = torch.Generator(), []
    for draws in range(0, len(source), 50):
        read = [source.read(i, generator.manual_seed(0)) for i in range(draws, min(draws + 50, len(source)))]
        kept = [example for example in read if Path(example.name).stem in label]  # the sheet is no sample
        if not kept:
            continue
        labels = torch.tensor([label[Path(example.name).stem] for example in kept])
        parts.append((media.prepare(Batch.of(kept), None), labels))
    return parts


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
