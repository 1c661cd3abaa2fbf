"""Does a model of captions draw combinations that it has never seen? Held-out captions against those of known kinds.

    python benchmarks/compositions.py run=runs/NAME [n=64] [seed=0] [out=DIR] [guidance.scale=G] [key=value ...]

For a run on the captioned embedded generators (`recipe=scenes`, `melodies`, `walks`). Each of n captions of the split
`val` (known combinations) and of `test` (each with a held-out combination) is sampled once, and a judge that knows only
the generator says for each attribute whether the sample shows it. Beside that stands what the judge says of the
generator's own examples (the most that it could see) and of examples under another one's caption (chance).
Every other key is one of sampling. With `out`, the samples lie there in two folders, with sheets.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor

from core.training.distributed import processes
from modalities.modality import Modality
from tools import asked, build, messages, stage
from tools import recipe as recipes
from tools.compositions.judge import judge, shares
from tools.sample import newest
from tools.sampling import Sample
from tools.schema import Recipe
from tools.stage import Draw

SPLITS = {"val": "known", "test": "held out"}


def main(argv: list[str]) -> int:
    folder = newest(argv)
    recipe = recipes.overlay(recipes.read(folder / "recipe.yaml"), ["n=64", *argv])
    if recipe.data.path or recipe.media.get("embedded") != "composed":
        raise ValueError(f"run={recipe.run} was not trained on captioned embedded examples (media.embedded=composed)")
    columns: dict[str, dict[str, float]] = {}
    with processes(build.device(recipe.device)) as world:
        media = build.modality(recipe)
        draw = stage.of(recipe).restored(recipe, media, folder, world.device)
        for split, word in SPLITS.items():
            examples, captions = real(media, split, recipe.sample.n)
            columns[word] = judged(media, drawn(recipe, media, draw, captions, word), captions)
            columns[f"real {word}"] = judged(media, examples, captions)
        columns["chance"] = judged(media, examples, captions[1:] + captions[:1])
    print(f"{recipe.run}: {recipe.sample.n} captions each, guidance {recipe.guidance.scale:g}, {folder.name}")
    print(table(columns))
    return 0


def real(media: Modality, split: str, count: int) -> tuple[list[Tensor], list[str]]:
    """The first examples of a split and their captions."""
    source: Any = media.source(None, split)
    read = [source.read(i) for i in range(count)]
    return [example.media for example in read], [example.caption for example in read]


def drawn(recipe: Recipe, media: Modality, draw: Draw, captions: Sequence[str], word: str) -> list[Tensor]:
    """One sample for each caption, in stored units; sample i is made from seed `recipe.seed` + i."""
    name = asked.by_word("prompt", captions[0], build.conditions(recipe, media))
    samples = [Sample(i, recipe.seed + i, -1, {name: caption}) for i, caption in enumerate(captions)]
    found = [example for _, x0 in draw(samples) for example in media.decode(x0.float()).cpu()]
    if recipe.sample.out:
        out = Path(recipe.sample.out) / word.replace(" ", "_")
        out.mkdir(parents=True, exist_ok=True)
        for sample, example in zip(samples, found, strict=True):
            media.write(example, out / f"{sample.number:06d}{media.suffix}")
        media.sheet(torch.stack(found[:36]), out / f"sheet{media.suffix.replace('.wav', '.png')}", captions[:36])
    return found


def judged(media: Modality, examples: Sequence[Tensor], captions: Sequence[str]) -> dict[str, float]:
    return shares([judge(media, example, caption) for example, caption in zip(examples, captions, strict=True)])


def table(columns: dict[str, dict[str, float]]) -> str:
    """Attributes down, columns across, in percent."""
    rows = list(dict.fromkeys(name for column in columns.values() for name in column))
    lines = ["| % right | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for row in rows:
        cells = (f"{100 * column[row]:.0f}" if row in column else "" for column in columns.values())
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
