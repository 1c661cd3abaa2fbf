"""Seeds as a function of what they are for, `seed_of(seed, step, rank)`, never of how often a generator was used.

This is what lets a training be cut anywhere and continue bit for bit, and a sample depend on its own number alone.
"""

import hashlib
import struct

import torch


def seed_of(*parts: int) -> int:
    """A 63-bit seed, well mixed, from any number of integers (each a signed 64-bit value)."""
    digest = hashlib.blake2b(struct.pack(f"<{len(parts)}q", *parts), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator_of(*parts: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator on `device`, seeded with `seed_of(*parts)`."""
    return torch.Generator(device).manual_seed(seed_of(*parts))
