"""Any feature network from a file: TorchScript (`.pt`, `.ts`, `.jit`) or an exported program (`.pt2`).

    image   float (B, 3, H, W)          audio   float (B, T), mono          video   float (B, 3, T, H, W)

goes in, with values in `range`; features (B, D) come out, or (B, ..., D), of which the mean over the middle is taken.
VGGish, CLAP and I3D are distributed so. Such files hold weights and a graph and can run no Python of their own.
"""

import hashlib
import warnings
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from modalities.features.network import Seen
from modalities.modality import Modality

OWN = ("name", "size", "sample_rate", "range")
"""Options that are not passed to the call."""

KNOWN = {"i3d": "FVD", "vggish": "FAD", "clap": "FAD"}
"""Names under which Fréchet distances over some networks are published."""


class FileNetwork:
    """options: name; size, side of frames in pixels, and sample_rate in Hz that the network wants (default: as they
    are); range, [low, high] of its input (default -1 to 1); all others are keyword arguments of its call.

    Raises ValueError for a file that is no network, or one that does not take these media.
    """

    classes: tuple[str, ...] = ()

    def __init__(self, media: Modality, path: Path, options: dict[str, Any]) -> None:
        self.media, self.path = media, path
        self.settings = {key: options[key] for key in OWN if key in options}
        self.call = {key: value for key, value in options.items() if key not in OWN}
        self.name = str(self.settings.get("name", path.stem))
        self.identity = hashlib.blake2b(
            path.read_bytes() + repr(sorted(options.items())).encode(), digest_size=4
        ).hexdigest()
        self.low, self.high = _range(self.settings.get("range", [-1, 1]))
        self.body, self.device = load(path), torch.device("cpu")
        self.titles = {"frechet": KNOWN[self.name]} if self.name in KNOWN else {}
        try:
            for count in (2, 3):  # an exported program may take batches of one size alone
                self.width = self(media.decode(torch.zeros(count, *media.event_shape))).features.shape[1]
        except (RuntimeError, TypeError, NotImplementedError, AssertionError) as error:
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            raise ValueError(f"features={path} does not take {media.name} of this shape: {lines[-1].strip()}") from None

    @torch.inference_mode()
    def __call__(self, media: Tensor) -> Seen:
        x = self.prepared(media.to(self.device))
        out = self.body(x * (self.high - self.low) / 2 + (self.high + self.low) / 2, **self.call)
        out = out[0] if isinstance(out, tuple | list) else out
        if not isinstance(out, Tensor) or out.ndim < 2 or out.shape[0] != len(media):
            shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ValueError(f"features={self.path} gives {shape} for {len(media)} examples, not a row for each")
        return Seen(out.flatten(1, -2).mean(1).float() if out.ndim > 2 else out.float(), None)

    def prepared(self, media: Tensor) -> Tensor:
        """Stored media in -1 to 1, in the layout, size and rate that the network wants."""
        if self.media.name == "audio":
            wave = media.float().mean(1) / 32768
            have, wanted = self.media.sample_rate, self.settings.get("sample_rate")  # type: ignore[attr-defined]
            if wanted in (None, have):
                return wave
            from torchaudio.functional import resample

            return resample(wave, have, int(wanted))
        pixels = media.float() / 127.5 - 1
        if self.media.name == "image":
            return _sized(pixels.expand(-1, 3, -1, -1), self.settings.get("size"))
        frames = pixels.movedim(-1, 2)  # (B, T, C, H, W)
        frames = frames.expand(-1, -1, 3, -1, -1)
        return _sized(frames.flatten(0, 1), self.settings.get("size")).unflatten(0, frames.shape[:2]).transpose(1, 2)

    def to(self, device: torch.device) -> Self:
        if device.type != "cpu":
            self.body, self.device = self.body.to(device), device
        return self


def load(path: Path) -> Any:
    """The network in a file. Raises ValueError, in one line, where there is none in it."""
    try:
        if path.suffix == ".pt2":
            return torch.export.load(path).module()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is on its way out, the files are not
            return torch.jit.load(str(path), map_location="cpu").eval()
    except Exception as error:  # a dozen classes of errors, from zip files to graphs
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"features={path} is not a TorchScript or exported network: {reason}") from None


def _sized(pictures: Tensor, size: Any) -> Tensor:
    if size is None or tuple(pictures.shape[-2:]) == (int(size), int(size)):
        return pictures
    return interpolate(pictures, size=(int(size), int(size)), mode="bilinear", antialias=True).clamp(-1, 1)


def _range(given: Any) -> tuple[float, float]:
    try:
        low, high = (float(x) for x in given)
    except (TypeError, ValueError):
        raise ValueError(f"call.range must be two numbers, got {given!r}") from None
    return low, high
