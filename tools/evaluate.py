"""Measure what a model makes, or a folder of samples, against real examples.

    python tools/evaluate.py run=runs/NAME  [data=PATH] [n=1000] [metrics=NAME,NAME] [sampler.steps=N] [key=value ...]
    python tools/evaluate.py samples=FOLDER data=PATH   [n=N]    [metrics=NAME,NAME] [media.size=N]    [key=value ...]

Metrics: frechet, kernel, precision, recall, density, coverage, score, accuracy; of sounds spectrum; of clips motion,
jerk and flicker. On request, or with metrics=all: likelihood, reconstruction, memorisation. Beside each value stands
its interval, and its floor: that of real examples in the place of the samples.
Features come from a small network that is taught from the data, once; features=inception evaluate.weights=FILE,
or features=FILE with call.KEY=VALUE, name others. data=embedded is the built-in generator. against=REPORT sets another
evaluation beside this one. `torchrun --nproc-per-node=N tools/evaluate.py ...` spreads the work.
"""

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

from core.training.distributed import processes
from tools import build, messages
from tools.evaluation import command, run


def main(argv: list[str] | None = None) -> int:
    return messages.run(evaluate, sys.argv[1:] if argv is None else argv, help=__doc__ or "")


def evaluate(argv: list[str]) -> int:
    task = command.task(argv)
    with processes(build.device(task.recipe.device)) as world:
        run.evaluate(task, world, messages.speaker(world.first))
    return 0


if __name__ == "__main__":
    sys.exit(main())
