"""The smallest trainings that exercise the real thing: a few seconds each, on embedded data."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from modalities.data import splits
from modalities.features import learning
from tools import checkpoint, sample, train
from tools.evaluation import measures, networks

FAST = ["optimizer=adamw", "optimizer.warmup_steps=0", "optimizer.lr=1", "optimizer.eps=1", "optimizer.decay=constant"]
"""Steps that can be seen and, with an eps this large, linear in the gradient: Adam would blow up its rounding."""

NETWORK = ["network.width=8", "network.multipliers=[1,2]", "network.attention=[false,true]", "network.blocks=1"]
COMMON = [
    *NETWORK,
    "network.head_channels=8",
    "denoiser.prediction=v",  # so narrow a network would predict x0, of which a few steps learn next to nothing
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


@contextmanager
def small_evaluations(cache: Path) -> Iterator[None]:
    """Feature networks of a few steps in a cache of their own, few embedded examples, short bootstraps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRIFUSE_CACHE", str(cache))
        patch.setattr(networks, "EXAMPLES", {2: 128, 3: 128})
        patch.setattr(learning, "STEPS", 4)
        patch.setattr(measures, "RESAMPLES", 20)
        patch.setattr(splits, "EMBEDDED", {"train": (600, 0), "val": (100, 1), "test": (100, 2)})
        yield


def weights(run: Path, name: str = "model") -> dict[str, Tensor]:
    """The newest weights of a run."""
    folder = checkpoint.latest(run)
    assert folder is not None
    return load_file(folder / f"{name}.safetensors")
