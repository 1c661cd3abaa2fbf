"""The autoencoder that `latents=` names: a run of `stage=autoencoder`, or one of the diffusers library.

latents=runs/autoencoder_mnist    a run that was trained to its end
latents=models/vae                a folder of diffusers (`config.json` and safetensors), or a pipeline's with `vae/`
latents=OWNER/NAME                a name that diffusers downloads
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from modalities.latents.fingerprint import fingerprint
from modalities.latents.pretrained import find, is_name, load_pretrained

VIEW = ("channels", "sample_rate", "representation", "n_fft", "hop", "power", "scale")
"""Options of media that change what an autoencoder sees of them; sizes and lengths may be others."""


@dataclass(frozen=True)
class Found:
    """An autoencoder with what is known of its latents."""

    autoencoder: nn.Module
    modality: str
    media: dict[str, Any]
    """The options of `VIEW` that it was trained with; empty: not known."""
    fingerprint: str
    spread: tuple[list[float], list[float]] | None
    """Shift and scale per channel; None: to be measured."""


def found(name: str) -> Found:
    """Read the autoencoder of `latents=name`, on the CPU. Raises ValueError in one line where there is none."""
    path = Path(name).expanduser()
    if (path / "recipe.yaml").is_file():
        return of_run(path)
    if find(name):
        return pretrained(name)
    if path.exists():
        raise ValueError(f"latents={name} is neither a run of stage=autoencoder nor an autoencoder of diffusers")
    if is_name(name):
        return pretrained(name)
    raise ValueError(f"latents={name}: there is no such folder")


def of_run(path: Path) -> Found:
    """One that was trained here."""
    from tools.stages.autoencoder import load_autoencoder  # it imports `tools.build`, which leads here

    recipe, autoencoder, of_latents = load_autoencoder(path)
    if autoencoder.classes:
        raise ValueError(f"latents={path} is told the class (autoencoder.label=true): latents need one that is not")
    media = {key: recipe.media[key] for key in VIEW if key in recipe.media}
    facts = {"modality": recipe.modality, **media}
    spread = (of_latents.shift, of_latents.scale)
    return Found(autoencoder, recipe.modality, media, fingerprint(autoencoder, facts), spread)


def pretrained(name: str) -> Found:
    """One of diffusers; images and clips are in [-1, 1] for all of them, sounds are the samples themselves."""
    autoencoder = load_pretrained(name)
    config: Any = autoencoder.model.config
    media = {}
    if autoencoder.modality == "audio":
        media = {"sample_rate": config["sampling_rate"], "representation": "waveform", "scale": 1.0}
    return Found(autoencoder, autoencoder.modality, media, autoencoder.fingerprint(), autoencoder.spread())
