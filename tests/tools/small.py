"""The smallest trainings that exercise the real thing: a few seconds each, on embedded data."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from tools import checkpoint, sample, train

FAST = ["optimizer.warmup_steps=0", "optimizer.lr=1", "optimizer.eps=1"]
"""Steps that can be seen and, with an eps this large, linear in the gradient: Adam would blow up its rounding."""

NETWORK = ["network.width=8", "network.multipliers=[1,2]", "network.attention=[false,true]", "network.blocks=1"]
COMMON = [
    *NETWORK,
    "network.head_channels=8",
    "train.batch=4",
    "sample.n=2",
    "sampler.steps=2",
    "data.workers=0",
    *FAST,
]
MEDIA = {
    "image": ["media.size=16", "network.patch=2"],
    "audio": ["media.samples=1024", "network.patch=8"],
    "video": ["media.size=16", "media.frames=4", "network.patch=2"],
}


def arguments(run: Path, *more: str, modality: str = "image", steps: int = 3) -> list[str]:
    """The command line of a small training."""
    words = [f"modality={modality}", *MEDIA[modality], *COMMON, f"train.steps={steps}", f"run={run}", "log.every=1"]
    return [*words, "device=cpu", *more]


def trained(run: Path, *more: str, modality: str = "image", steps: int = 3) -> int:
    return train.main(arguments(run, *more, modality=modality, steps=steps))


def sampled(run: Path, *more: str) -> int:
    return sample.main([f"run={run}", *more])


def weights(run: Path, name: str = "model") -> dict[str, Tensor]:
    """The newest weights of a run."""
    folder = checkpoint.latest(run)
    assert folder is not None
    return load_file(folder / f"{name}.safetensors")
