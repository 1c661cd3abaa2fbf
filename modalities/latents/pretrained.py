"""Autoencoders of the `diffusers` library by folder or name, behind the interface of our own.

    latents=stabilityai/sd-vae-ft-mse        a name, downloaded once by diffusers, or from its cache
    latents=models/vae                       a folder that `save_pretrained` wrote, or a pipeline's with `vae/` in it

Images (B, 3, H, W) and clips (B, 3, T, H, W) are in [-1, 1] for them as for us; sounds (B, C, samples) are the samples
themselves. z is the mean of the posterior, or what is quantised; many of clips want 4 k + 1 or 8 k + 1 frames.
Weights are read from safetensors files alone: a pickle can run what it likes.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modalities.latents.fingerprint import fingerprint

KINDS = {
    "image": (
        *("AutoencoderKL", "AutoencoderTiny", "AutoencoderDC", "AutoencoderKLHunyuanImage", "VQModel"),
        "AsymmetricAutoencoderKL",
    ),
    "audio": ("AutoencoderOobleck",),
    "video": (
        *("AutoencoderKLTemporalDecoder", "AutoencoderKLCogVideoX", "AutoencoderKLWan", "AutoencoderKLMochi"),
        *("AutoencoderKLLTXVideo", "AutoencoderKLHunyuanVideo", "AutoencoderKLMagvit"),
    ),
}
"""The classes that are known to fit, by the modality that they encode."""


class Pretrained(nn.Module):
    """`encode(x0 (B, *event)) -> z (B, c, *size)` and back, by a model of diffusers; `modality` is what it encodes."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        name = type(model).__name__
        self.modality = next((kind for kind, names in KINDS.items() if name in names), "")
        if not self.modality:
            known = ", ".join(name for names in KINDS.values() for name in names)
            raise ValueError(f"{name} is no autoencoder that latents can come from; choose one of {known}")
        self.model = model
        self.by_frame = name == "AutoencoderKLTemporalDecoder"  # it encodes pictures and decodes clips
        self._shapes: dict[tuple[int, ...], tuple[int, ...]] = {}

    def encode(self, x0: Tensor) -> Tensor:
        if self.by_frame:
            frames = self._encoded(self.model, x0.transpose(1, 2).flatten(0, 1))
            return frames.unflatten(0, (len(x0), x0.shape[2])).transpose(1, 2)
        return self._encoded(self.model, x0)

    def decode(self, z: Tensor) -> Tensor:
        if self.by_frame:
            frames = self.model.decode(z.transpose(1, 2).flatten(0, 1), num_frames=z.shape[2]).sample  # type: ignore[operator]
            return frames.unflatten(0, (len(z), z.shape[2])).transpose(1, 2)
        return self.model.decode(z).sample  # type: ignore[operator]

    def latent_shape(self, event_shape: Sequence[int]) -> tuple[int, ...]:
        """(c, *size) for x0 of `event_shape`, found without computing anything. Raises ValueError where x0 has other
        channels, or a size that would not come back."""
        event = tuple(event_shape)
        if event not in self._shapes:
            self._shapes[event] = self._latent_shape(event)
        return self._shapes[event]

    def spread(self) -> tuple[list[float], list[float]] | None:
        """Shift and scale per channel that the model was published with; None where it states none: measure them."""
        config: Any = self.model.config
        mean, std, factor = (config.get(k) for k in ("latents_mean", "latents_std", "scaling_factor"))
        if mean and std:
            return list(mean), [(factor or 1.0) / s for s in std]
        if not factor or factor == 1.0:
            return None
        channels = next(config[k] for k in ("latent_channels", "z_dim") if k in config)
        return [float(config.get("shift_factor") or 0.0)] * channels, [float(factor)] * channels

    def fingerprint(self) -> str:
        return fingerprint(self.model, {"class": type(self.model).__name__})

    def save(self, folder: Path) -> None:
        """Write `config.json` and the weights as safetensors, for `load_pretrained(folder)`."""
        self.model.save_pretrained(folder, safe_serialization=True)  # type: ignore[operator]

    @staticmethod
    def _encoded(model: nn.Module, x0: Tensor) -> Tensor:
        out = model.encode(x0)  # type: ignore[operator]
        if hasattr(out, "latent_dist"):
            return out.latent_dist.mode()
        return out.latents if hasattr(out, "latents") else out.latent

    def _latent_shape(self, event: tuple[int, ...]) -> tuple[int, ...]:
        config: Any = self.model.config
        channels = config.get("audio_channels") or config.get("out_channels") or config["in_channels"]
        if event[0] != channels:
            raise ValueError(f"{type(self.model).__name__} encodes {channels} channels, the media have {event[0]}")
        try:
            with torch.device("meta"):
                empty = Pretrained(type(self.model).from_config(config)).to("meta")  # type: ignore[attr-defined]
                z = empty.encode(torch.empty(1, *event))
                back = tuple(empty.decode(z).shape[1:])
        except RuntimeError as error:  # too small for its convolutions, or no multiple of its factor
            raise ValueError(f"{type(self.model).__name__} cannot encode media of shape {event}: {error}") from None
        if back != event:
            raise ValueError(
                f"{type(self.model).__name__} gives media of shape {event} back as {back}: choose another size"
            )
        return tuple(z.shape[1:])


def find(name: str) -> Path | None:
    """The folder of a diffusers autoencoder at `name`, or in `vae/` of the pipeline that lies there; None: no such."""
    path = Path(name).expanduser()
    for folder in (path, path / "vae"):
        if (folder / "config.json").is_file() and not (folder / "recipe.yaml").is_file():
            return folder
    return None


def is_name(name: str) -> bool:
    """Whether this could be OWNER/NAME of a model hub, and is no path of ours."""
    return re.fullmatch(r"(?!runs/)[\w.-]+/[\w.-]+", name) is not None and not Path(name).parent.exists()


def load_pretrained(name: str) -> Pretrained:
    """The autoencoder in a folder or of a name, float32 on the CPU. Raises ValueError in one line where there is none,
    where it is of an unknown class, or where its weights are damaged or no safetensors."""
    from diffusers.models import autoencoders

    folder = find(name)
    where: dict[str, Any] = {"local_files_only": True} if folder else {}
    try:
        config = autoencoders.AutoencoderKL.load_config(str(folder or name), **where)
        kind = str(config.get("_class_name", "a model without a class"))
        if not any(kind in names for names in KINDS.values()):
            known = ", ".join(known for names in KINDS.values() for known in names)
            raise ValueError(f"latents={name} is {kind}; latents can come from {known}")
        model = getattr(autoencoders, kind).from_pretrained(
            str(folder or name), use_safetensors=True, torch_dtype=torch.float32, low_cpu_mem_usage=False, **where
        )
    except (OSError, RuntimeError) as error:  # a missing file, no network, weights of another shape
        why = " ".join(str(error).split())[:200]
        lead = (
            f"latents={name} could not be read" if folder else f"latents={name} is no folder, and no model of that name"
        )
        raise ValueError(f"{lead}: {why}") from None
    return Pretrained(model)
