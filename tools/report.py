"""One HTML page about some runs: settings side by side, curves, samples, and what evaluations found.

    python tools/report.py runs/A runs/B ... [out=report.html] [samples=16]
                           [sweep=steps,guidance] [samplers=heun,dpmpp_2m] [steps=5,10,20,50] [scales=1,2,4,8]
                           [n=500] [data=PATH] [key=value ...]

The page holds everything, pictures, sounds and clips included, and can be sent to somebody. `samples` are drawn from
the same seeds of every run (samples=0: none). Evaluations that lie in the runs are shown; with `sweep` those that are
missing are made: `steps` measures quality against the number of network calls, for each of `samplers`; `guidance` at
each of `scales`, quality against diversity. Other keys are those of tools/evaluate.py and hold for all.
"""

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

from core.training.distributed import processes
from modalities.writing import write_bytes
from tools import build, messages
from tools.reporting import command, runs, samples, sweeps
from tools.reporting.page import page


def main(argv: list[str] | None = None) -> int:
    return messages.run(report, sys.argv[1:] if argv is None else argv, help=__doc__ or "")


def report(argv: list[str]) -> int:
    task = command.task(argv)
    found = runs.read(task.folders)
    with processes(build.device(task.device)) as world:
        say = messages.speaker(world.first)
        if task.plan:
            sweeps.fill(task.plan, found, world, say)
        shown = samples.fill(found, task.samples, world, say)
        if world.first:
            write_bytes(page(found, shown).encode(), task.out)
            print(f"wrote {task.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
