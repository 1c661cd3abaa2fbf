"""The samplers beside those of diffusers and k-diffusion: what a step costs, and how far each ends from the exact flow.

    python benchmarks/samplers.py [overhead|accuracy] [--rounds N] [--figure FILE]

overhead    microseconds per network call outside the network, 64x3x32x32 float32 on this CPU (_overhead.py)
accuracy    error against the exact flow of 100 Gaussians in 64 dimensions at 5 ... 50 network calls, each sampler on
            its best grid (_accuracy.py)

Without a word it does both. Tables are Markdown. k-diffusion is left out where it is not installed
(`pip install --no-deps k-diffusion torchsde torchdiffeq trampoline`).
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

import torch

from benchmarks._accuracy import CALLS, Best, accuracy
from benchmarks._overhead import overhead

Table = dict[str, dict[str, dict[int, Best]]]


def print_overhead(rounds: int) -> None:
    print("| sampler | of diffusers | µs, sampler | µs, with denoiser | µs, diffusers | ratio | with denoiser |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for row, at in overhead(rounds):
        options = "".join(f" {value}" for value in row.options.values())
        chosen = (k if v is True else str(v) for k, v in row.peer_options.items() if v is not False)
        peer = " ".join([row.peer.removesuffix("Scheduler"), *chosen])
        cells = f"{at.sampler:.0f} | {at.with_denoiser:.0f} | {at.peer:.0f}"
        ratios = f"{at.sampler / at.peer:.2f} | {at.with_denoiser / at.peer:.2f}"
        print(f"| `{row.sampler}{options}` | {peer} | {cells} | {ratios} |", flush=True)


def print_accuracy(table: Table) -> None:
    """Every sampler of ours, then the best of each library."""
    print("| | " + " | ".join(f"{calls} calls" for calls in CALLS) + " |\n| --- |" + " ---: |" * len(CALLS))
    for name, row in table["trifuse"].items():
        print(f"| `{name}` | " + " | ".join(f"{row[calls].error:.2e}" for calls in CALLS) + " |")
    for library, rows in table.items():
        cells = []
        for calls in CALLS:
            name = min(rows, key=lambda name, calls=calls, rows=rows: rows[name][calls].error)
            cells.append(f"{rows[name][calls].error:.2e}<br>{name}<br>{rows[name][calls].grid}")
        print(f"| **best of {library}** | " + " | ".join(cells) + " |")


def draw(table: Table, path: Path) -> None:
    """Error against calls: every sampler thin, the best of each library thick."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots()
    for colour, (library, rows) in zip(("C0", "C1", "C2"), table.items(), strict=False):
        for row in rows.values():
            axes.plot(CALLS, [row[calls].error for calls in CALLS], color=colour, linewidth=0.5, alpha=0.45)
        best = [min(row[calls].error for row in rows.values()) for calls in CALLS]
        axes.plot(CALLS, best, color=colour, linewidth=2.2, marker="o", label=f"best of {library}")
    axes.set(xscale="log", yscale="log", xlabel="network calls", ylabel="distance to the exact flow, rms per dimension")
    axes.set_xticks(CALLS, [str(calls) for calls in CALLS])
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("overhead", "accuracy"))
    parser.add_argument("--rounds", type=int, default=15, help="counted repetitions of each run of `overhead`")
    parser.add_argument("--figure", type=Path, help="where to draw `accuracy`")
    options = parser.parse_args()
    torch.set_num_threads(1)  # small tensors: threads would only wait for each other
    if options.part != "accuracy":
        print_overhead(options.rounds)
    if options.part != "overhead":
        table = accuracy(print if sys.stdout.isatty() else lambda _: None)
        print_accuracy(table)
        if options.figure:
            draw(table, options.figure)


if __name__ == "__main__":
    main()
