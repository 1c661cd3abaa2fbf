"""`denoising-diffusion-pytorch`, its one-dimensional U-Net on waveforms, trained as its Trainer1D does.

From its README: v prediction, batch 32, two accumulated, Adam 8e-5 with betas 0.9 and 0.99, EMA 0.995 every 10 steps,
1000 sampling steps. It knows no classes.
"""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers._peer import Peer, Task, warmed, widest


def denoising_diffusion_1d(task: Task) -> Peer:
    """ValueError for anything but waveforms whose length 8 divides."""
    if len(task.event_shape) != 2 or task.event_shape[1] % 8:
        raise ValueError("denoising_diffusion_1d is for waveforms whose length 8 divides")
    from denoising_diffusion_pytorch import GaussianDiffusion1D, Unet1D

    channels, length = task.event_shape

    def make(width: int) -> nn.Module:
        return Unet1D(dim=width, dim_mults=(1, 2, 4, 8), channels=channels)

    network = widest(make, range(8, 257, 8), task.parameters)
    steps = task.steps or 1000
    diffusion: Any = GaussianDiffusion1D(
        network, seq_length=length, timesteps=1000, sampling_timesteps=steps, objective="pred_v"
    )

    def loss(x0: Tensor, label: Tensor) -> Tensor:
        return diffusion((x0 + 1) / 2)  # it takes sequences in [0, 1]

    def sample(averaged: nn.Module, label: Tensor) -> Tensor:
        diffusion.model = averaged
        try:
            return diffusion.sample(batch_size=len(label)) * 2 - 1
        finally:
            diffusion.model = network

    return Peer(
        network,
        torch.optim.Adam(network.parameters(), lr=8e-5, betas=(0.9, 0.99)),
        loss,
        sample,
        batch=64,
        conditional=False,
        sampling=f"{'ancestral' if steps == 1000 else 'DDIM'}, {steps} steps",
        accumulate=2,
        every=10,
        average=warmed(0.995, 2 / 3, start=101, every=10),
    )
