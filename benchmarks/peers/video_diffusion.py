"""`video-diffusion-pytorch`: its three-dimensional U-Net on clips, trained as its Trainer does.

From its README and defaults: L1 loss on the noise, cosine schedule, batch 32, two accumulated, Adam 1e-4, EMA 0.995
every 10 steps once 2000 are done, 1000 ancestral steps. It knows no classes.
"""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers._peer import Peer, Task, widest

START = 2000


def video_diffusion(task: Task) -> Peer:
    """ValueError for anything but square clips. It has no shorter sampler: `steps` train it with as few."""
    if len(task.event_shape) != 4 or task.event_shape[2] != task.event_shape[3]:
        raise ValueError("video_diffusion is for square clips")
    from video_diffusion_pytorch import GaussianDiffusion, Unet3D

    channels, frames, side = task.event_shape[:3]
    levels = next(n for n in (4, 3, 2, 1) if side % 2 ** (n - 1) == 0)

    def make(width: int) -> nn.Module:
        return Unet3D(dim=width, dim_mults=tuple(2**i for i in range(levels)), channels=channels)

    network = widest(make, range(8, 129, 8), task.parameters)
    steps = task.steps or 1000
    diffusion: Any = GaussianDiffusion(
        network, image_size=side, num_frames=frames, channels=channels, timesteps=steps, loss_type="l1"
    )

    def loss(x0: Tensor, label: Tensor) -> Tensor:
        return diffusion((x0 + 1) / 2)  # it takes clips in [0, 1]

    def sample(averaged: nn.Module, label: Tensor) -> Tensor:
        diffusion.denoise_fn = averaged
        try:
            return diffusion.sample(batch_size=len(label)) * 2 - 1
        finally:
            diffusion.denoise_fn = network

    return Peer(
        network,
        torch.optim.Adam(network.parameters(), lr=1e-4),
        loss,
        sample,
        batch=64,
        conditional=False,
        sampling=f"ancestral, {steps} steps",
        accumulate=2,
        clip_norm=0.0,
        every=10,
        average=lambda n: 0.0 if 10 * n < START else 0.995,
    )
