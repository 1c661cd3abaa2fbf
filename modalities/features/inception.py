"""The network of FID, KID and the Inception score as published, through torch-fidelity's port of its weights.

    pool_3 features (2048)  and  logits without bias (1008)      (Heusel et al. 2017; Salimans et al. 2016)

The weights (91 MiB) are a file, or are downloaded by torch-fidelity. Numbers over any other network have other names.
"""

import hashlib
import pickle
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from modalities.features.network import Seen
from modalities.modality import Modality

TITLES = {"frechet": "FID", "kernel": "KID", "score": "Inception score"}


class Inception:
    """uint8 pictures (B, 1 or 3, H, W) -> (B, 2048). Raises ValueError for other media, and without the weights."""

    name, width = "inception", 2048
    classes: tuple[str, ...] = ()
    titles = TITLES

    def __init__(self, media: Modality, weights: str | None = None) -> None:
        if media.name != "image":
            raise ValueError(f"features=inception looks at pictures; for {media.name} choose classifier or a file")
        self.body = extractor(weights)
        digest = hashlib.blake2b(digest_size=4)
        for _, tensor in sorted(self.body.state_dict().items()):
            digest.update(tensor.contiguous().numpy().tobytes())
        self.identity = digest.hexdigest()

    def __call__(self, media: Tensor) -> Seen:
        device = next(self.body.parameters()).device
        with torch.inference_mode():
            features, logits = self.body(media.expand(-1, 3, -1, -1).to(device))
        return Seen(features, logits)

    def to(self, device: torch.device) -> Self:
        self.body.to(device)
        return self


def extractor(weights: str | None) -> Any:
    """torch-fidelity's network with the weights of a file, or those that it downloads."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3 as Extractor
    except ImportError:
        raise ValueError("features=inception needs torch-fidelity: pip install torch-fidelity") from None
    wanted = ["2048", "logits_unbiased"]
    if weights is None:
        try:
            return Extractor("inception-v3-compat", wanted, verbose=False).eval()
        except OSError as error:  # URLError is one
            raise ValueError(
                f"the weights of features=inception cannot be downloaded ({error}): give them, evaluate.weights=FILE"
            ) from None
    path = Path(weights).expanduser()
    if not path.is_file():
        raise ValueError(f"evaluate.weights={weights}: there is no such file")
    try:
        torch.load(path, map_location="cpu", weights_only=True)  # plain tensors, so that reading it again runs nothing
        return Extractor("inception-v3-compat", wanted, feature_extractor_weights_path=str(path), verbose=False).eval()
    except (RuntimeError, pickle.UnpicklingError, EOFError, AttributeError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"evaluate.weights={weights} are not those of torch-fidelity's Inception: {reason}") from None
