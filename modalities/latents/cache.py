"""A folder of latents, written once and read many times: what training on latents reads in the place of media.

    cache.json            the autoencoder's fingerprint, shapes, and what belongs to each split
    train-00000.tar       000000000.npy 000000000.json  000000001.npy …       the WebDataset convention
    train-00000.json      where the latents of that shard lie, their labels and captions; its checksum

A member .npy holds the latents of one example before shift and scale, (views, c, *size): as it is and, of a cache made
with `media.flip`, mirrored. Of an example in several crops each crop is a member of its own. The .json beside a shard
is written after it, so a shard without one is unfinished; a training reads these alone, and one latent per example.
"""

import ast
import contextlib
import hashlib
import json
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from modalities.data.example import Example, Value
from modalities.data.item import Handles, open_range
from modalities.data.splits import choose
from modalities.data.strings import Strings

if TYPE_CHECKING:
    from modalities.modality import Modality

NAME = "cache.json"
DTYPES = {"<f4": torch.float32, "<f2": torch.float16}
"""As numpy writes them: float32 and float16, little-endian."""
FREE = ("flip", "fps")
"""Options of media that do not change what is encoded; whether mirrored latents are there is asked apart."""


class Facts(NamedTuple):
    """What `cache.json` says of a whole cache."""

    fingerprint: str
    """Of the autoencoder."""
    modality: str
    media: dict[str, Any]
    latent_shape: list[int]
    dtype: str
    flip: bool
    crops: int
    splits: dict[str, Any]
    """Per split: examples, shards, shard (examples in each), classes."""


def is_cache(path: Path) -> bool:
    return (path / NAME).is_file()


def read_facts(path: Path) -> Facts:
    """Raises ValueError where `path` holds no cache, or one that is damaged."""
    try:
        return Facts(**json.loads((path / NAME).read_text()))
    except FileNotFoundError:
        raise ValueError(f"{path} is no cache of latents: it has no {NAME}") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path / NAME} does not describe a cache of latents: {error}") from None


def shard_name(split: str, number: int) -> str:
    return f"{split}-{number:05d}"


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def npy(latents: Tensor) -> bytes:
    """A tensor as the bytes of a .npy file (NumPy's format 1.0): header of a multiple of 64 bytes, then the values."""
    code = next(code for code, dtype in DTYPES.items() if dtype == latents.dtype)
    header = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {tuple(latents.shape)}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    values = latents.detach().cpu().contiguous().numpy().tobytes()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values


def from_npy(data: bytes) -> Tensor:
    """The tensor in the bytes of a .npy file as `npy` writes them."""
    start = 10 + struct.unpack("<H", data[8:10])[0]
    head = ast.literal_eval(data[10:start].decode())
    return torch.frombuffer(bytearray(data[start:]), dtype=DTYPES[head["descr"]]).view(head["shape"])


class Cache:
    """A `Source` of one split: `Example.media` is float (views, c, *size). Raises ValueError for an unfinished one.

    Of an example in several crops, the generator takes one: the length is the number of examples.
    """

    def __init__(self, path: Path, split: str) -> None:
        self.path, self.facts = path, read_facts(path)
        self.split = choose({name: name for name in self.facts.splits}, split, path)
        about = self.facts.splits[self.split]
        self.classes = tuple(about["classes"])
        indices = [self._index(number, about["shards"]) for number in range(about["shards"])]
        self.shards = [str(path / f"{shard_name(self.split, number)}.tar") for number in range(about["shards"])]
        self.shard = array("I", [i for i, index in enumerate(indices) for _ in index["offsets"]])
        self.offsets = array("Q", [offset for index in indices for offset in index["offsets"]])
        self.labels = array("i", [label for index in indices for label in index["labels"]])
        self.captions = Strings(caption for index in indices for caption in index["captions"])
        self.names = Strings(name for index in indices for name in index["names"])
        self.values: list[dict[str, Value]] = [values for index in indices for values in index["values"]]
        self.size = indices[0]["size"]
        self.handles = Handles()

    def __len__(self) -> int:
        return len(self.offsets) // self.facts.crops

    def read(self, index: int, generator: torch.Generator) -> Example:
        """Example `index`; of its crops the one that `generator` draws."""
        crop = int(torch.randint(self.facts.crops, (), generator=generator))
        at = index * self.facts.crops + crop
        stream = open_range(self.handles(self.shards[self.shard[at]]), self.offsets[at], self.size)
        latents = from_npy(stream.read())
        return Example(latents, self.labels[at], self.captions[at], name=self.names[at], values=self.values[at])

    def field(self, name: str) -> list[Value | None]:
        """The field `name` of every example, None where one lacks it."""
        return [values.get(name) for values in self.values[:: self.facts.crops]]

    def check(self, fingerprint: str, shape: Sequence[int], media: "Modality") -> None:
        """Raise ValueError unless these are latents (c, *size) of that autoencoder and of such media, mirrored ones
        among them where the media are to be."""
        if self.facts.fingerprint != fingerprint:
            theirs = self.facts.fingerprint[:12]
            raise ValueError(f"{self.path} holds latents of another autoencoder ({theirs}, not {fingerprint[:12]})")
        for option, theirs in self.facts.media.items():
            if option not in FREE and getattr(media, option, theirs) != theirs:
                ours = getattr(media, option)
                raise ValueError(f"{self.path} holds latents of media with {option}={theirs}; this recipe says {ours}")
        if tuple(self.facts.latent_shape) != tuple(shape):
            held = tuple(self.facts.latent_shape)
            raise ValueError(f"{self.path} holds latents of shape {held}; this recipe's have {tuple(shape)}")
        if getattr(media, "flip", False) and not self.facts.flip:
            raise ValueError(f"{self.path} holds no mirrored latents: make it with media.flip=true, or train without")

    def _index(self, number: int, count: int) -> dict[str, Any]:
        name = shard_name(self.split, number)
        with contextlib.suppress(OSError, ValueError, KeyError):
            found = json.loads((self.path / f"{name}.json").read_text())
            if (self.path / f"{name}.tar").stat().st_size == found["bytes"]:
                return found
        raise ValueError(
            f"{self.path} is unfinished: shard {number + 1} of {count} of its {self.split} split is missing or "
            "damaged; the same tools/encode.py command completes it"
        )
