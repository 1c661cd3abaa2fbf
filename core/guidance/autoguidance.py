"""Autoguidance (Karras et al. 2024): away from a worse version of the model itself, under the same condition."""

from core.guidance._extrapolated import extrapolated
from core.schedule import Denoise


def autoguidance(conditional: Denoise, weaker: Denoise, *, scale: float) -> Denoise:
    """`weaker + scale * (conditional - weaker)`, x0_hat of shape (B, *event).

    `weaker` is a smaller or less trained model of the same data, on the same schedule (`core.schedule.transport` brings
    it there). Scale 1 is off and never calls it. Unlike classifier-free guidance it works without conditions.
    """
    return extrapolated(weaker, conditional, scale=scale)
