"""Outputs of a frozen encoder on disk, by content: each caption is encoded once, for all runs that ever use it.

    FOLDER/ab/abcdef….safetensors        named by a hash of encoder, settings and caption; one tensor (n, D)

A file is written under another name and renamed, and what is in it follows from its name: any number of processes may
read and write at once without a lock. A damaged file is written anew.
"""

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from modalities.writing import write_bytes

KEPT = 1 << 28
"""Bytes kept in memory as well, those used last."""


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/trifuse/text`, by default `~/.cache/trifuse/text`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "trifuse" / "text"


class Cache:
    """`cache(captions, facts, encode) -> [states (n, D) float32]`; `encode` sees only what is not there, each once."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self.folder, self.dtype = folder, dtype
        self.memory: OrderedDict[str, Tensor] = OrderedDict()
        self.bytes = 0

    def __call__(
        self, captions: Sequence[str], facts: Sequence[object], encode: Callable[[list[str]], list[Tensor]]
    ) -> list[Tensor]:
        """`facts` is all that the states follow from beside the caption."""
        keys = [key_of(caption, [*facts, str(self.dtype)]) for caption in captions]
        found = {key: self.get(key) for key in dict.fromkeys(keys)}
        lacking = {key: caption for key, caption in zip(keys, captions, strict=True) if found[key] is None}
        if lacking:
            most = torch.finfo(self.dtype).max
            for key, states in zip(lacking, encode(list(lacking.values())), strict=True):
                found[key] = kept = states.clamp(-most, most).to(self.dtype)
                self.put(key, kept)
        return [state.float() for key in keys if (state := found[key]) is not None]

    def get(self, key: str) -> Tensor | None:
        """The states kept under `key`, None where there are none that can be read."""
        if key in self.memory:
            self.memory.move_to_end(key)
            return self.memory[key]
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            states = load(self.path(key).read_bytes())["states"]
        except (OSError, SafetensorError, KeyError):
            return None
        self._remember(key, states)
        return states

    def put(self, key: str, states: Tensor) -> None:
        """Keep states (n, D). Raises OSError where the folder cannot be written."""
        from safetensors.torch import save

        write_bytes(save({"states": states.contiguous()}), self.path(key))
        self._remember(key, states)

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"

    def _remember(self, key: str, states: Tensor) -> None:
        self.memory[key] = states
        self.bytes += states.nbytes
        while self.bytes > KEPT and len(self.memory) > 1:
            self.bytes -= self.memory.popitem(last=False)[1].nbytes


def key_of(caption: str, facts: Sequence[object]) -> str:
    """40 hexadecimal digits: two different captions, encoders or settings share them with probability 2^-160."""
    return hashlib.blake2b(json.dumps([*facts, caption]).encode(), digest_size=20).hexdigest()
