"""Log-mels in files: `.npy`, or `.safetensors` with one tensor; (n_mels, N) natural logarithms of amplitude."""

from pathlib import Path

import torch
from torch import Tensor

from modalities.references.mel import Mel

SUFFIXES = (".npy", ".safetensors")


def load(path: str, mel: Mel) -> Tensor:
    """(n_mels, N) float32; below the floor is raised to it. Raises ValueError in one line for anything else."""
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    rows = _numpy(path) if path.endswith(".npy") else _safetensors(path)
    rows = rows.squeeze(0) if rows.ndim == 3 and len(rows) == 1 else rows
    if rows.ndim != 2 or rows.shape[0] != mel.n_mels or not rows.shape[1]:
        raise ValueError(f"{path} has the shape {tuple(rows.shape)}: a mel for this model is ({mel.n_mels}, frames)")
    if not rows.is_floating_point() or not bool(rows.isfinite().all()):
        raise ValueError(f"{path} must hold finite natural logarithms of amplitude")
    return rows.float().clamp_min(torch.tensor(mel.floor).log())


def _numpy(path: str) -> Tensor:
    import numpy

    try:
        return torch.from_numpy(numpy.load(path, allow_pickle=False).copy())
    except (ValueError, OSError, TypeError, EOFError) as error:
        raise ValueError(f"{path} is not a readable array: {str(error).splitlines()[0]}") from None


def _safetensors(path: str) -> Tensor:
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except Exception as error:  # it raises a class of its own for a damaged header
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from None
    if len(tensors) != 1:
        raise ValueError(f"{path} holds {len(tensors)} tensors: a mel is one")
    return next(iter(tensors.values()))
