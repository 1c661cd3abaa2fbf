"""Recipes as OmegaConf YAML: defaults, one file per modality, and ready-made recipes. Read by `tools.recipe`."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
DEFAULTS = FOLDER / "defaults.yaml"


def recipes() -> dict[str, Path]:
    """The ready-made recipes by name, sorted."""
    return _files("recipe")


def modalities() -> dict[str, Path]:
    """What each modality lays over the defaults, by name, sorted."""
    return _files("modality")


def _files(folder: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((FOLDER / folder).glob("*.yaml"))}
