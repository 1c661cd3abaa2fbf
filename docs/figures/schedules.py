"""Draw every schedule's alpha, sigma and log-SNR: docs/pictures/schedules.png.

python docs/figures/schedules.py
"""

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # run as a script: the parts lie beside this folder

import torch
from matplotlib.figure import Figure
from torch import Tensor

from core.discover import build, names
from core.schedule import Schedule, log_snr

TARGET = Path(__file__).resolve().parents[1] / "pictures/schedules.png"
OPTIONS = {"shifted": {"base": "cosine"}, "zero_terminal": {"base": "linear"}}
LABELS = {"shifted": "shifted cosine, factor 3", "zero_terminal": "zero_terminal linear"}


def curves(schedule: Schedule) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Share of t_max, alpha, sigma and log-SNR, each (2000,)."""
    u = torch.linspace(0, 1, 2001, dtype=torch.float64)[1:]
    t = u * schedule.t_max
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    return u, alpha, sigma, log_snr(schedule, t)


def main() -> None:
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for i, name in enumerate(names("core.schedules")):
        u, alpha, sigma, snr = (c.numpy() for c in curves(build("core.schedules", name, OPTIONS.get(name))))
        dashes = ("-", (0, (5, 2)), (0, (1, 1.2)))[i % 3]  # some coincide: the dashes let the one below show
        style = {"color": f"C{i}", "linewidth": 1.8, "linestyle": dashes, "label": LABELS.get(name, name)}
        left.plot(u, alpha, **style)
        middle.plot(u, sigma, **style)
        right.plot(u, snr, **style)
    left.set(title="α: what is left of the signal", xlabel="t / t_max", ylim=(-0.03, 1.06))
    middle.set(title="σ: the noise", xlabel="t / t_max", yscale="log", ylim=(1e-2, 1e2))
    right.set(title="log-SNR in nats", xlabel="t / t_max", ylim=(-14, 14))
    for axes in (left, middle, right):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    figure.savefig(TARGET, dpi=100)


if __name__ == "__main__":
    main()
