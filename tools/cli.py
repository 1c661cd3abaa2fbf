"""The `trifuse` command: the tools under one name, wherever the package is installed.

    trifuse train    modality=image|audio|video [recipe=NAME] [data.path=PATH] [run=runs/NAME] [key=value ...]
    trifuse sample   run=runs/NAME [n=16] [label=K] [sampler=NAME] [sampler.steps=N] [seed=S] [out=DIR] [key=value ...]
    trifuse evaluate run=runs/NAME | samples=FOLDER  [data=PATH] [n=N] [metrics=NAME,NAME] [out=DIR] [key=value ...]
    trifuse edit     run=runs/NAME task=TASK input=FILE [option=VALUE ...] [degrade=true] [out=DIR] [key=value ...]
    trifuse report   runs/A runs/B ... [sweep=steps,guidance] [samples=16] [out=report.html] [key=value ...]
    trifuse encode   run=runs/AUTOENCODER data.path=PATH out=DIR [key=value ...]
    trifuse recipes  the ready-made recipes, a line each; `recipes NAME` prints one, `recipes defaults` every key

`trifuse train --help`, and so on, say more. The same as `python tools/train.py` and the others in `tools/`.
"""

import importlib
import sys
from collections.abc import Sequence

import configs
from tools import messages, nearest

TOOLS = ("train", "sample", "evaluate", "report", "edit", "encode")
"""Files of this folder with a `main(argv)`."""
COMMANDS = (*TOOLS, "recipes")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; returns its exit code."""
    command, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if command == "--version":
        from importlib.metadata import version

        print(f"trifuse {version('trifuse')}")
        return 0
    if command in TOOLS:
        return importlib.import_module(f"tools.{command}").main(rest)
    if command == "recipes":
        return messages.run(recipes, rest, RECIPES_HELP)
    return messages.run(unknown, [command], __doc__ or "")


RECIPES_HELP = """
trifuse recipes           lists the ready-made recipes, each with the first line of its header
trifuse recipes NAME      prints one, as a start for a file of your own: trifuse train recipe=mine.yaml
trifuse recipes defaults  prints every key with its unit and meaning; `image`, `audio`, `video` those of a modality
"""


def recipes(argv: list[str]) -> int:
    """List the ready-made recipes, or print one of the files in `configs`."""
    files = {name: path.read_text() for name, path in configs.recipes().items()}
    if argv:
        others = {"defaults": configs.DEFAULTS, **configs.modalities()}
        texts = files | {name: path.read_text() for name, path in others.items()}
        if argv[0] not in texts:
            raise nearest.unknown("recipe", argv[0], texts)
        print(texts[argv[0]], end="")
        return 0
    width = max(map(len, files), default=0)
    for name, text in files.items():
        print(f"{name:<{width}}  {text.splitlines()[0].removeprefix('#').strip()}")
    return 0


def unknown(argv: list[str]) -> int:
    raise nearest.unknown("command", argv[0], COMMANDS)


if __name__ == "__main__":
    sys.exit(main())
