"""Do clips show the action, the direction and the clothes that their captions ask for? By a classifier of real clips.

    python benchmarks/sprites.py run=runs/sprites data=PATH [n=64] [minutes=2] [seed=0] [out=DIR] [key=value ...]

For `recipe=sprites`. A small convolutional network with a head per attribute learns the attributes of the training
clips (the words and numbers beside the captions) at the size of the run. The captions of the split `test` are
combinations that are in no training clip; each of n is sampled once. Printed: the share that is right of real held-out
clips (the most that the classifier could see), of the samples, and of real clips under another one's caption (chance).
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.compositions import drawn, table
from core.training.distributed import processes
from core.training.order import data_order
from modalities.data.example import Source
from modalities.data.loader import batches
from modalities.modality import Modality
from tools import build, messages, stage
from tools import recipe as recipes
from tools.sample import newest

ATTRIBUTES = ("action", "direction", "body", "hair", "topwear", "bottomwear", "shoes")


class Heads(nn.Module):
    """(B, T, H, W, 3) uint8 -> logits by attribute; the frames are channels, so that motion is seen as well."""

    def __init__(self, frames: int, kinds: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise([3 * frames, 48, 96, 128]):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
            layers += [nn.Conv2d(b, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.3))
        self.heads = nn.ModuleDict({name: nn.Linear(128 * 16, len(words)) for name, words in kinds.items()})

    def forward(self, clips: Tensor) -> dict[str, Tensor]:
        maps = clips.permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 127.5 - 1
        features = self.body(maps)
        return {name: head(features) for name, head in self.heads.items()}


def examples(media: Modality, source: Source, size: int) -> Iterator[tuple[Tensor, Mapping[str, Sequence[str]]]]:
    """Clips in batches with the words of their attributes, in the order of a training; without end."""
    for batch in batches(source, data_order(len(source), size, seed=0), workers=0):
        yield media.prepare(batch, None), {name: [str(v) for v in batch.values[name]] for name in ATTRIBUTES}


def numbers(words: Mapping[str, Sequence[str]], kinds: Mapping[str, Sequence[str]]) -> dict[str, Tensor]:
    return {name: torch.tensor([kinds[name].index(word) for word in words[name]]) for name in kinds}


def learn(media: Modality, source: Source, minutes: float) -> tuple[Heads, dict[str, list[str]]]:
    torch.manual_seed(0)
    kinds = {name: sorted({str(v) for v in source.field(name)}) for name in ATTRIBUTES}  # type: ignore[attr-defined]
    network = Heads(media.event_shape[1], kinds)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    started, steps = time.monotonic(), 0
    for clips, words in examples(media, source, 48):
        used = (time.monotonic() - started) / (60 * minutes)
        if used >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1.0, 5 * (1 - used))
        told = network(shifted(clips))
        losses = [functional.cross_entropy(told[name], which) for name, which in numbers(words, kinds).items()]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
        steps += 1
    print(f"classifier: {steps} steps of 48 on {len(source)} clips in {minutes:g} minutes")
    return network.eval(), kinds


def shifted(clips: Tensor) -> Tensor:
    """The batch (B, T, H, W, 3) moved by up to a pixel each way."""
    moves = tuple(int(move) for move in torch.randint(-1, 2, (2,)))
    return torch.roll(clips, moves, dims=(2, 3))


@torch.inference_mode()
def right(network: Heads, clips: Tensor, wanted: Mapping[str, Tensor]) -> dict[str, float]:
    """The share of clips that show each attribute as wanted, and all of them at once."""
    told = network(clips)
    hits = {name: told[name].argmax(1) == wanted[name] for name in wanted}
    shares = {name: float(hit.float().mean()) for name, hit in hits.items()}
    return shares | {"whole": float(torch.stack(list(hits.values())).all(0).float().mean())}


def main(argv: list[str]) -> int:
    given = dict(word.split("=", 1) for word in argv if word.startswith(("data=", "minutes=")))
    if "data" not in given:
        raise ValueError("say where the clips are: data=PATH")
    rest = [word for word in argv if not word.startswith(("data=", "minutes="))]
    folder = newest(rest)
    recipe = recipes.overlay(recipes.read(folder / "recipe.yaml"), ["n=64", *rest])
    with processes(build.device(recipe.device)) as world:
        media = build.modality(recipe)
        network, kinds = learn(media, media.source(Path(given["data"]), "train"), float(given.get("minutes", 2)))
        source = media.source(Path(given["data"]), "test")
        n = min(recipe.sample.n, len(source))
        generator = torch.Generator().manual_seed(0)
        held = [source.read(i, generator) for i in range(n)]
        clips = torch.stack([example.media for example in held])
        words = {name: [str(example.values[name]) for example in held] for name in ATTRIBUTES}
        wanted = numbers(words, kinds)
        draw = stage.of(recipe).restored(recipe, media, folder, world.device)
        samples = torch.stack(drawn(recipe, media, draw, [example.caption for example in held], "held out"))
    columns = {
        "samples": right(network, samples, wanted),
        "real": right(network, clips, wanted),
        "chance": right(network, clips.roll(1, 0), wanted),
    }
    print(f"{recipe.run}: {n} held-out captions, guidance {recipe.guidance.scale:g}, {folder.name}")
    print(table(columns))
    return 0


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
