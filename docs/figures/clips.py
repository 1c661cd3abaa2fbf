"""Draw clips as a still: a clip per row, some of its frames from the first to the last.

    python docs/figures/clips.py samples=DIR out=FILE.png [n=6] [frames=8]

`samples` is a folder of MP4 files, as `tools/sample.py` writes them; the first n by name are drawn.
"""

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # run as a script: the parts lie beside this folder

import av
import torch
from torch import Tensor

from modalities.video.sheet import still
from tools import messages


def main(argv: list[str]) -> int:
    given = {"n": "6", "frames": "8"} | dict(word.partition("=")[::2] for word in argv)
    found = sorted(p for p in Path(given["samples"]).glob("*.mp4") if p.stem != "sheet")
    if not found:
        raise ValueError(f"samples={given['samples']} holds no clips (.mp4)")
    clips = torch.stack([read(path) for path in found[: int(given["n"])]])
    still(clips, Path(given["out"]), frames=int(given["frames"]))
    return 0


def read(path: Path) -> Tensor:
    """uint8 (T, H, W, 3)."""
    with av.open(str(path)) as box:
        return torch.stack([torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in box.decode(video=0)])


if __name__ == "__main__":
    sys.exit(messages.run(main, sys.argv[1:], help=__doc__ or ""))
