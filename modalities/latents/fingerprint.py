"""Which autoencoder it is: a hash of its weights and of what they are weights of, the same wherever the files lie."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from torch import nn


def fingerprint(network: nn.Module, facts: Mapping[str, Any]) -> str:
    """32 hexadecimal digits of every tensor of `network`, by name, shape and value, and of `facts` about it."""
    about = json.dumps(facts, sort_keys=True, default=str)
    digest = hashlib.blake2b(about.encode(), digest_size=16)
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
