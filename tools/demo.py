"""The main job on embedded data, in minutes on two CPU cores: train an image, an audio and a video model, sample them.

    python tools/demo.py [out=out/demo] [minutes=6.4] [n=40]

minutes: of training, for the three together. n: samples of each. Everything lands in `out`: PNG, WAV and MP4 files,
the three runs, and `index.html`, which shows it all. What is in `out` from an earlier demo is made anew.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # run as a script: the parts lie beside this folder

from modalities.writing import write_bytes
from tools import messages, nearest
from tools.demonstration import facts
from tools.demonstration.page import duration, page

SHARE = {"image": 0.3, "audio": 0.3, "video": 0.4}
"""Of the minutes of training."""
SHORT_SPIN = {"GOMP_SPINCOUNT": "10000"}
"""Threads of a step that wait for each other sleep soon instead of spinning on. On two free cores that cost 2 to 19 %
of the speed; beside one other busy program it was ten times faster once, and no slower another time."""
DEFAULTS = {"out": "out/demo", "minutes": "6.4", "n": "40"}


def main(argv: list[str] | None = None) -> int:
    return messages.run(demo, sys.argv[1:] if argv is None else argv, help=__doc__ or "")


def demo(argv: list[str]) -> int:
    began = time.monotonic()
    out, minutes, n = settings(argv)
    clear(out)
    for number, (modality, share) in enumerate(SHARE.items(), 1):
        print(f"\n[{number}/{len(SHARE)}] {modality}: {duration(60 * minutes * share)} of training", flush=True)
        words = [f"modality={modality}", f"out={out}", f"minutes={minutes * share:.4g}", f"n={n}"]
        code = patiently([sys.executable, str(Path(__file__).with_name("demonstration") / "part.py"), *words])
        if code:
            return code
    parts = [facts.load(out / modality / "facts.json") for modality in SHARE]
    seconds = time.monotonic() - began
    write_bytes(page(parts, seconds, machine()).encode(), out / "index.html")
    print(f"\nmade in {duration(seconds)}, at most {max(part.peak_mib for part in parts):,.0f} MiB of memory")
    for part in parts:
        print(f"  {part.modality}: {part.verdict}")
    for line in filter(None, (part.crowded for part in parts)):
        print(f"note: {line}")
    print(f"open {(out / 'index.html').resolve()}")
    return 0


def settings(argv: list[str]) -> tuple[Path, float, int]:
    """Where to, minutes of training, samples of each. Raises ValueError for anything else."""
    given = dict(DEFAULTS)
    for word in argv:
        key, equals, text = word.partition("=")
        if not equals or key not in DEFAULTS:
            raise ValueError(
                f"unknown argument {word!r}{nearest.hint(key, DEFAULTS)}: the demo takes {', '.join(DEFAULTS)}"
            )
        given[key] = text
    try:
        minutes, n = float(given["minutes"]), int(given["n"])
    except ValueError:
        raise ValueError(f"minutes={given['minutes']} n={given['n']}: both must be numbers, n a whole one") from None
    if not minutes > 0 or n < 1:
        raise ValueError(f"minutes={minutes:g} n={n}: both must be above 0")
    return Path(given["out"]), minutes, n


def clear(out: Path) -> None:
    """Remove what an earlier demo left in `out`; a folder with anything else in it is refused."""
    if not out.exists():
        return
    ours = {*SHARE, "runs", "index.html"}
    others = [path.name for path in out.iterdir() if path.name not in ours] if out.is_dir() else [out.name]
    if others:
        raise ValueError(f"out={out} holds other things ({sorted(others)[0]}): choose an empty or a new folder")
    shutil.rmtree(out)


def patiently(command: list[str]) -> int:
    """Exit code of a child. Ctrl-C reaches it directly: it is left the time to save what it has."""
    child = subprocess.Popen(command, env=SHORT_SPIN | os.environ)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


def machine() -> str:
    """«2 CPU cores (Linux, Python 3.12)»."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} CPU cores ({platform.system()}, Python {platform.python_version()})"


if __name__ == "__main__":
    sys.exit(main())
