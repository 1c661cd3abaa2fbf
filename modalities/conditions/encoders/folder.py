"""Where a pretrained text encoder lies, and which one it is.

    FOLDER                            config.json, *.safetensors and a tokenizer, as `save_pretrained` writes them
    FOLDER of a diffusers pipeline    its `text_encoder` and `tokenizer`
    OWNER/NAME or NAME                of a model hub: from its local cache, else downloaded into it once

Weights are safetensors alone: other formats are not even downloaded, since to read them is to run them.
"""

import functools
import hashlib
import json
import struct
from pathlib import Path
from typing import NamedTuple

WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]
SAMPLES, SAMPLE = 64, 1 << 16
"""A weights file is told by its size, its header, and so many pieces of so many bytes, evenly spread over it."""


class Parts(NamedTuple):
    """Folders of the model and of its tokenizer."""

    model: Path
    tokenizer: Path


@functools.cache
def located(name: str) -> Parts:
    """The folders of the encoder called `name`. Raises ValueError in one line where there is none that can be used."""
    path = Path(name).expanduser()
    if path.is_file():
        raise ValueError(f"encoder={name} is a file; name the folder that holds its config.json")
    root = path if path.is_dir() else downloaded(name)
    model = next((f for f in (root, root / "text_encoder") if (f / "config.json").is_file()), None)
    if model is None:
        raise ValueError(f"encoder={name} holds no config.json: it is no model that transformers has saved")
    if not list(model.glob("*.safetensors")):
        raise ValueError(f"encoder={name} holds no .safetensors, and weights in other formats are not read")
    beside = root / "tokenizer"
    return Parts(model, beside if beside.is_dir() else model)


def downloaded(name: str) -> Path:
    """The local copy of a model of a hub. Raises ValueError where there is none and none can be had."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(name, allow_patterns=WANTED, ignore_patterns=["*/*"]))
    except HFValidationError:
        raise ValueError(f"encoder={name}: there is no such folder, and it is no name of a model") from None
    except Exception as error:  # no network, no such model, a proxy's answer: each client has errors of its own
        why = " ".join(str(error).split())[:160]
        raise ValueError(f"encoder={name}: there is no such folder, and no model of that name came: {why}") from None


def fingerprint(parts: Parts) -> str:
    """16 hexadecimal digits that tell encoders apart by what their files hold, wherever these lie."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in dict.fromkeys(parts):
        for file in sorted(folder.iterdir()):
            if file.suffix in (".json", ".txt", ".model") and file.name != "README.txt":
                digest.update(file.name.encode() + hashlib.blake2b(file.read_bytes()).digest())
    for file in sorted(parts.model.glob("*.safetensors")):
        digest.update(file.name.encode() + _sampled(file))
    return digest.hexdigest()


def _sampled(file: Path) -> bytes:
    """A digest of a weights file without reading all of it: large encoders have many gigabytes."""
    size = file.stat().st_size
    digest = hashlib.blake2b(struct.pack("<Q", size))
    with file.open("rb") as stream:
        for i in range(min(SAMPLES, size // SAMPLE + 1)):
            stream.seek(i * max(size - SAMPLE, 0) // max(SAMPLES - 1, 1))
            digest.update(stream.read(SAMPLE))
    return digest.digest()


def kind_of(parts: Parts) -> str:
    """The `model_type` of the configuration, such as clip_text_model, t5, bert."""
    try:
        config = json.loads((parts.model / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{parts.model}/config.json is no JSON: {error}") from None
    return str(config.get("model_type", "")) if isinstance(config, dict) else ""
