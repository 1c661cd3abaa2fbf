"""Learned uncertainty (Karras et al. 2024b; after Kendall et al. 2018): every noise level learns at one speed.

    loss = w(lambda) / e^(u(lambda)) |x0 - x0_hat|^2 / d + u(lambda)

u is trained with the network and tends to the logarithm of the loss itself, where each level's weighted error is 1: the
scale of w no longer matters. w is the EDM weighting; u is linear in fixed waves of ln(sigma / alpha) / 4.
"""

import math

import torch
from torch import Tensor, nn

from core.weightings.edm import EDM


class Uncertainty(nn.Module):
    """`weighting(log_snr (B,)) -> w / e^u`, and `penalty(log_snr) -> u`, both (B,), with gradients to u.

    The paper draws frequencies ~ N(0, 1) and phases; here they are quantiles, so that nothing is random. u starts at 0
    (theirs at random), which is the EDM objective. channels: how many waves; 128 in the paper.
    Raises ValueError unless sigma_data and channels are positive.
    """

    def __init__(self, sigma_data: float = 0.5, channels: int = 128) -> None:
        super().__init__()
        if not (sigma_data > 0 and channels > 0):
            raise ValueError(
                f"weighting uncertainty: sigma_data and channels must be positive, got {sigma_data} and {channels}"
            )
        self.base = EDM(sigma_data)
        index = torch.arange(channels, dtype=torch.float64)
        frequency = 2 * math.pi * torch.special.ndtri((index + 0.5) / channels)
        phase = 2 * math.pi * (index * (math.sqrt(5) - 1) / 2 % 1)  # golden: spread evenly, unrelated to the frequency
        self.frequency: Tensor
        self.phase: Tensor
        self.register_buffer("frequency", frequency.to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("phase", phase.to(torch.get_default_dtype()), persistent=False)
        self.gain = nn.Parameter(torch.zeros(channels))

    def penalty(self, log_snr: Tensor) -> Tensor:
        """u(lambda)."""
        noise_label = -log_snr.clamp(-20, 20)[..., None].to(self.gain) / 8  # as the network sees it
        waves = math.sqrt(2) * torch.cos(noise_label * self.frequency + self.phase)
        return (waves @ self.gain / math.sqrt(len(self.gain))).to(log_snr)

    def forward(self, log_snr: Tensor) -> Tensor:
        return self.base(log_snr) * (-self.penalty(log_snr)).exp()


uncertainty = Uncertainty
