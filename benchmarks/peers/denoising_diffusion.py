"""`denoising-diffusion-pytorch`, images: its class-conditional U-Net and diffusion, trained as its Trainer does.

From its README: batch 32, two accumulated, Adam 8e-5 with betas 0.9 and 0.99, EMA 0.995 every 10 steps, 250 DDIM
steps; `pred_noise` and the cosine schedule are its defaults, and 3 the low end of the guidance that it recommends. eta
is 0, as in its class without labels: with 1, the default here, it takes the root of a negative number at few steps.
"""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers._peer import Peer, Task, warmed, widest

GUIDANCE = 3.0


def denoising_diffusion(task: Task) -> Peer:
    """ValueError for anything but square pictures with classes."""
    if len(task.event_shape) != 3 or task.event_shape[1] != task.event_shape[2] or not task.classes:
        raise ValueError("denoising_diffusion is for square images with classes")
    from denoising_diffusion_pytorch.classifier_free_guidance import GaussianDiffusion, Unet

    channels, side = task.event_shape[0], task.event_shape[-1]
    levels = next(n for n in (4, 3, 2, 1) if side % 2 ** (n - 1) == 0)

    def make(width: int) -> nn.Module:
        return Unet(
            dim=width, dim_mults=tuple(2**i for i in range(levels)), num_classes=task.classes, channels=channels
        )

    network = widest(make, range(8, 257, 8), task.parameters)
    steps = task.steps or 250
    diffusion: Any = GaussianDiffusion(
        network, image_size=side, timesteps=1000, sampling_timesteps=steps, ddim_sampling_eta=0.0
    )

    def loss(x0: Tensor, label: Tensor) -> Tensor:
        return diffusion((x0 + 1) / 2, classes=label)  # it takes pictures in [0, 1]

    def sample(averaged: nn.Module, label: Tensor) -> Tensor:
        diffusion.model = averaged
        try:
            return diffusion.sample(classes=label, cond_scale=GUIDANCE) * 2 - 1
        finally:
            diffusion.model = network

    return Peer(
        network,
        torch.optim.Adam(network.parameters(), lr=8e-5, betas=(0.9, 0.99)),
        loss,
        sample,
        batch=64,
        conditional=True,
        sampling=f"DDIM, {steps} steps, guidance {GUIDANCE:g}",
        accumulate=2,
        every=10,
        average=warmed(0.995, 2 / 3, start=101, every=10),
    )
