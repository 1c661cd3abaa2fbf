"""Snapshots of power-function averages in the run folder, and an average of any width rebuilt from them.

<run>/averages/step-00001000-0.05.safetensors      see `core.posthoc`
"""

import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.posthoc import Profile, Tracked, coefficients, rebuild
from modalities.writing import atomic

_NAME = re.compile(r"step-(\d{8,})-(0\.\d+)\.safetensors")

WORST = 0.25
"""Largest relative error of a rebuilt profile that still counts as the width that was asked for."""


def write(run: Path, tracked: Tracked) -> None:
    """Store the averages as they stand, one file each, whole or absent."""
    for profile, tensors in tracked.snapshots().items():
        with atomic(_path(run, profile)) as draft:
            save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, draft, metadata={"format": "pt"})


def found(run: Path) -> list[Profile]:
    """The snapshots of a run, oldest first."""
    names = [_NAME.fullmatch(p.name) for p in (run / "averages").glob("step-*")]
    return sorted(Profile(int(m[1]), float(m[2])) for m in names if m)


def load(network: nn.Module, run: Path, step: int, sigma_rel: float, device: torch.device) -> None:
    """Fill `network` with the average of width `sigma_rel` that ends at the newest snapshot up to `step`.

    Raises ValueError where there is no snapshot, where they cannot make such an average, or a file is damaged.
    """
    known = [p for p in found(run) if p.step <= step]
    if not known:
        raise ValueError(f"sample.sigma_rel={sigma_rel}: {run} has no snapshots; train with posthoc.every=N")
    x, error = coefficients(known, Profile(known[-1].step, sigma_rel))
    if error > WORST:
        widths = ", ".join(f"{s:g}" for s in sorted({p.sigma_rel for p in known}))
        raise ValueError(
            f"sample.sigma_rel={sigma_rel}: {len(known)} snapshots of widths {widths} miss it by {error:.0%}; "
            "choose a width nearer to these, or train with a smaller posthoc.every"
        )
    copied = [name for name, _ in network.named_buffers()]
    network.load_state_dict(rebuild(x, (_read(_path(run, p), device) for p in known), copied=copied))


def _path(run: Path, profile: Profile) -> Path:
    return run / "averages" / f"step-{profile.step:08d}-{profile.sigma_rel}.safetensors"


def _read(path: Path, device: torch.device) -> dict[str, Tensor]:
    try:
        return load_file(path, device=str(device))
    except Exception as error:  # safetensors has its own class for a damaged header
        raise ValueError(f"{path} is not a readable weights file: {error}") from None
