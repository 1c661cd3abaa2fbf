"""One figure of the three families: samples, quality against diversity, and the distance over the training."""

from pathlib import Path
from typing import Any

COLOURS = {"gan": "#c4502d", "vae": "#3f7f5f", "diffusion": "#2f5fa8"}
TITLES = {"gan": "GAN", "vae": "VAE", "diffusion": "diffusion"}
BARS = {
    "frechet": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "accuracy": "label accuracy",
    "sharpness": "sharpness",
}


def figure(table: dict[str, Any], path: Path) -> None:
    """Write the PNG; every seed is a dot, bars are means."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [name for name in BARS if all(name in found["values"] for found in table.values())]
    shown = {family: found["shown"] for family, found in table.items() if found["shown"]}
    layout = [["curves"] * 2 + ["bars"] * 4]
    canvas = pyplot.figure(figsize=(12, 3.6 + 1.0 * len(shown)), layout="constrained")
    top, bottom = canvas.subfigures(2, 1, height_ratios=[max(0.01, 1.0 * len(shown)), 3.6])
    _pictures(top, shown)
    parts = bottom.subplot_mosaic(layout)
    _curves(parts["curves"], table)
    parts["bars"].axis("off")
    for i, name in enumerate(names):
        _bars(parts["bars"].inset_axes((i / len(names) + 0.04, 0.02, 0.66 / len(names), 0.9)), table, name)
    canvas.savefig(path, dpi=110)
    pyplot.close(canvas)


def _pictures(area: Any, shown: dict[str, Any]) -> None:
    """A row of samples of the first seed per family."""
    import numpy

    if not shown:
        return
    axes = area.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axis, (family, pictures) in zip(axes, shown.items(), strict=True):
        row = numpy.concatenate([numpy.asarray(p, dtype=numpy.uint8) for p in pictures], axis=2).transpose(1, 2, 0)
        axis.imshow(row.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_ylabel(TITLES[family], color=COLOURS[family], rotation=0, ha="right", va="center")
        axis.set_xticks([])
        axis.set_yticks([])


def _curves(axis: Any, table: dict[str, Any]) -> None:
    """The distance of every seed over the minutes of its training."""
    for family, found in table.items():
        for number, points in enumerate(found["curves"]):
            minutes, values = ([p[key] for p in points] for key in ("seconds", "frechet"))
            label = TITLES[family] if number == 0 else None
            axis.plot([m / 60 for m in minutes], values, ".-", color=COLOURS[family], alpha=0.8, label=label)
    axis.set_yscale("log")
    axis.set_xlabel("minutes of training")
    axis.set_title("Fréchet distance, each seed", fontsize=9)
    axis.legend(frameon=False, fontsize=8)


def _bars(axis: Any, table: dict[str, Any], name: str) -> None:
    """Means as bars, seeds as dots, real examples as a line."""
    for place, (family, found) in enumerate(table.items()):
        axis.bar(place, found["mean"][name], color=COLOURS[family], alpha=0.55, width=0.8)
        values = found["values"][name]
        axis.plot([place] * len(values), values, "o", color=COLOURS[family], markersize=3)
    floor = 1.0 if name == "sharpness" else next(iter(table.values()))["floor"].get(name)
    if floor is not None:
        axis.axhline(floor, color="#555555", linewidth=0.8, linestyle=":")
    if name == "frechet":
        axis.set_yscale("log")
    axis.set_title(BARS[name], fontsize=9)
    axis.set_xticks([])
    axis.tick_params(labelsize=7)
