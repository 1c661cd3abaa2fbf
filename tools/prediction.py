"""What a network predicts where a recipe leaves it open, and the loss that belongs to it.

    denoiser.prediction=null    x0 where a position holds a quarter as many numbers as the network has channels, or
                                more; v elsewhere. For a model that jumps, which must return x where there is no noise,
                                anchored in place of x0
    loss.weighting=null         the plain error of what is predicted; of x0 an SNR that is kept between two levels
    loss.density=null           of x0 log-normal times, the median where the noise is three times the signal; of edm
                                those of Karras et al. 2022; else uniform ones

To predict v the noise of a whole patch must pass through the network to its output, which narrow networks on large
patches do not learn; x0 has few degrees of freedom (Li & He 2025). Where patches are small v is ahead: its error falls
with the noise. Measured on both sides: docs/design/0005.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from core import discover
from core.losses.mean_flow import tells_x0_in_noise
from tools.loss import ENDS
from tools.schema import Options, Recipe

SHARE = 0.25
"""Numbers of a position, of the network's channels, from which on x0 is predicted."""

DENSITY: dict[str, Options] = {
    "x0": {"name": "log_normal", "mean": 1.2, "std": 1.6},  # layouts are decided where noise is many times the signal
    "edm": {"name": "log_normal"},
}
DENSITY["anchored"] = DENSITY["x0"]
"""By prediction, where it is not uniform."""


def folded(event_shape: Sequence[int], network: dict[str, Any]) -> int:
    """Numbers of x0 (C, *size) that the network sees as one position; frames are folded by `temporal_patch`."""
    axes = 1 if len(event_shape) == 2 else 2
    per_channel: int = network["patch"] ** axes * network.get("temporal_patch", 1)
    return event_shape[0] * per_channel


def weighting_of(prediction: str) -> str:
    """The name of the weighting that is a prediction's plain error: its own, or eps' where none is called so."""
    if prediction in ("x0", "anchored"):
        return "clamped_snr"  # its plain error would forget the details
    return prediction if prediction in discover.names("core.weightings") else "simple"


def chosen(recipe: Recipe, event_shape: Sequence[int]) -> Recipe:
    """`recipe`, whose patch is known, with prediction, weighting and density filled in where they are open.

    ValueError for a prediction with which the loss cannot train.
    """
    denoiser, loss = recipe.denoiser, recipe.loss
    wide = folded(event_shape, recipe.network) >= SHARE * recipe.network["width"]
    jumps = loss.name in ENDS
    if jumps and denoiser.prediction and denoiser.prediction["name"] == "x0":
        raise ValueError(
            f"loss={loss.name} needs a model that returns x itself where there is no noise, which with "
            "denoiser.prediction=x0 it does not: choose anchored, or v where patches are small"
        )
    given = denoiser.prediction["name"] if denoiser.prediction else None
    if loss.name == "mean_flow" and given and not tells_x0_in_noise(discover.build("core.predictions", given)):
        raise ValueError(
            "loss=mean_flow needs a prediction from which x0 follows where there is nothing but noise, which with "
            f"denoiser.prediction={given} it does not: choose v, or x0 where patches are large"
        )
    prediction = denoiser.prediction or {"name": ("anchored" if jumps else "x0") if wide else "v"}
    weighting = loss.weighting or {"name": weighting_of(prediction["name"])}
    density = loss.density or DENSITY.get(prediction["name"], {"name": "uniform"})
    return dataclasses.replace(
        recipe,
        denoiser=dataclasses.replace(denoiser, prediction=prediction),
        loss=dataclasses.replace(loss, weighting=weighting, density=density),
    )
