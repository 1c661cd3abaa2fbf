"""A folder of an edit: what was given, what came out, both side by side, and `manifest.jsonl`, a line per result.

out/input.png  out/degraded.png  out/000000.png  …  out/strip.png  (out/sheet.mp4)  out/manifest.jsonl
"""

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modalities.modality import Modality
from modalities.writing import write_bytes
from tools import sample_folder
from tools.editing.bench import Bench, Edited
from tools.editing.score import decibels, log_spectral_distance

SHOWN = 8
"""A strip shows at most so many results."""
FRAMES = 16
"""A strip of clips shows at most so many frames."""
WINDOW = 0.032
"""Seconds, about, of the windows in which spectra are compared."""


def write(bench: Bench, edited: Edited, out: Path, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Write everything into `out`, which is cleared as a folder of samples is; returns the lines of the manifest."""
    sample_folder.clear(out)
    media = bench.media
    before = [(caption, stored(bench, signal)[0]) for caption, signal in edited.before]
    results = list(stored(bench, edited.results))
    for caption, example in before:
        media.write(example, out / f"{caption.replace(' ', '_')}{media.suffix}")
    scores = compared(bench, edited)
    lines = []
    for i, example in enumerate(results):
        name = f"{i:06d}{media.suffix}"
        media.write(example, out / name)
        sample = bench.samples[i % len(bench.samples)]
        each = dict(edited.each[i]) if edited.each else {}
        score = {key: values[i % len(values)] for key, values in scores.items()}
        lines.append({"file": name, **facts, "seed": sample.seed, **edited.facts, **each, **score})
    show(media, out, before, [(caption_of(line, i), r) for i, (line, r) in enumerate(zip(lines, results, strict=True))])
    text = "".join(json.dumps({k: v for k, v in line.items() if k != "caption"}) + "\n" for line in lines)
    write_bytes(text.encode(), out / "manifest.jsonl")
    return lines


def stored(bench: Bench, signal: Tensor) -> Tensor:
    """Signals in stored units at the loudness of the file, on the CPU."""
    return bench.space.stored(signal / bench.gain).cpu()


def compared(bench: Bench, edited: Edited) -> dict[str, list[float]]:
    """Decibels of the degraded input and of each result against the original, where there is one."""
    if edited.original is None:
        return {}
    measures = measures_of(bench)
    found = {name: measure(edited.original, edited.results) for name, measure in measures.items()}
    if edited.degraded is not None and edited.degraded.shape == edited.original.shape:
        for name, measure in measures.items():
            found[f"{name}_degraded"] = measure(edited.original, edited.degraded)
    return {key: [round(v, 2) if math.isfinite(v) else 999.0 for v in values] for key, values in found.items()}


def measures_of(bench: Bench) -> dict[str, Callable[[Tensor, Tensor], list[float]]]:
    """Of pictures the peak signal-to-noise ratio; of sounds the ratio itself, and the distance of their spectra."""
    if bench.media.name != "audio":
        return {"psnr": partial(decibels, peak=bench.space.unit)}
    window = 2 ** round(math.log2(bench.space.rate * WINDOW))
    return {"snr": partial(decibels, peak=None), "lsd": partial(log_spectral_distance, window=window)}


def caption_of(line: dict[str, Any], number: int) -> str:
    said = line.get("caption") or f"result {number}" * (number > 0) or "result"
    score = line.get("psnr", line.get("snr"))
    return f"{said} {score:.1f} dB" if score is not None else str(said)


def show(media: Modality, out: Path, before: list[tuple[str, Tensor]], results: list[tuple[str, Tensor]]) -> None:
    """`strip.png`, everything side by side; of clips a row each, and `sheet.mp4`, in which they play in step."""
    captions, examples = zip(*before, *results[:SHOWN], strict=True)
    all_of_them = torch.stack(list(examples))
    if media.name == "video":
        from modalities.video.sheet import still

        still(all_of_them, out / "strip.png", captions, frames=FRAMES)
        media.sheet(all_of_them, out / "sheet.mp4", captions)
    elif media.name == "audio":
        media.sheet(all_of_them, out / "strip.png", captions)
    else:
        media.strip(all_of_them, out / "strip.png", captions)
