"""What an evaluation looks like: where the samples lie among real examples, and which classes are recognised."""

import io
from pathlib import Path
from typing import Any

import torch

from core.distances.frechet import Gaussian
from modalities.writing import write_bytes
from tools.evaluation.score import Result

INK, REAL, SAMPLES = "#767676", "#b5b5b5", "#4a86c8"
"""Greys with contrast on white and on black, and the blue of the sheets."""

POINTS = 2000
"""Of each set, at most."""


def figure(result: Result, path: Path) -> None:
    """One PNG: features on the first two principal axes of the real ones; samples recognised, by class."""
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    panels = 2 if "accuracy" in result.values else 1
    drawing = Figure(figsize=(4.6 * panels, 4.2), dpi=100, layout="constrained")
    axes = drawing.subplots(1, panels, squeeze=False)[0]
    real = Gaussian.of(result.real.moments)
    plane = torch.linalg.eigh(real.covariance).eigenvectors[:, -2:].flip(1)
    for rows, colour, what in ((result.real.rows, REAL, "real"), (result.samples.rows, SAMPLES, "samples")):
        x, y = ((rows.features[:POINTS].double() - real.mean) @ plane).T.tolist()
        axes[0].scatter(x, y, s=4, color=colour, linewidths=0, label=f"{what} ({len(x)})")
    axes[0].set_title("features, first two principal axes", fontsize=9, color=INK)
    axes[0].legend(fontsize=8, frameon=False, labelcolor=INK, markerscale=3)
    if panels > 1:
        _recognised(result, axes[1])
    save(drawing, path)


def save(drawing: Any, path: Path) -> None:
    """A matplotlib figure as PNG without a ground, its axes in a grey that is read on white and on black."""
    for axis in drawing.axes:
        axis.tick_params(colors=INK, labelsize=8)
        for spine in axis.spines.values():
            spine.set_color(INK)
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", transparent=True)
    write_bytes(buffer.getvalue(), path)


def _recognised(result: Result, axis: object) -> None:
    """Percent of the samples of each class in which it is seen, and of real ones as a line."""
    names = result.network.classes
    shares = []
    for rows in (result.samples.rows, result.real.rows):
        right = (rows.logits.argmax(1) == rows.labels).double()
        of_class = [right[rows.labels == k] for k in range(len(names))]
        shares.append([100 * float(each.mean()) if len(each) else 0.0 for each in of_class])
    places = range(len(names))
    axis.bar(places, shares[0], color=SAMPLES, width=0.7)  # type: ignore[attr-defined]
    axis.scatter(places, shares[1], marker="_", s=220, color=INK)  # type: ignore[attr-defined]
    turned = 60 if max(map(len, names)) > 4 else 0
    axis.set_xticks(places, names, rotation=turned)  # type: ignore[attr-defined]
    axis.set_ylim(0, 105)  # type: ignore[attr-defined]
    axis.set_title("recognised as what was asked for, %; dashes: real examples", fontsize=9, color=INK)  # type: ignore[attr-defined]
