"""Fixtures shared by every part: where the real data sets are, and one thread for tiny tensors."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data("mnist")` is the folder of that data set; the test is skipped where it is absent."""
    root = Path(os.environ.get("TRIFUSE_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        if not (root / name).exists():
            pytest.skip(f"needs the {name} data (set TRIFUSE_DATA to the folder that holds it)")
        return root / name

    return find
