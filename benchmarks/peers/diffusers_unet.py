"""`diffusers`: UNet2DModel and DDPMScheduler as in its unconditional-training example, with class labels.

From examples/unconditional_image_generation: 1000 steps, linear betas, eps, AdamW with betas 0.95 and 0.999 and weight
decay 1e-6, cosine learning rate after a warm-up, EMA with power 3/4. Batch 64, learning rate 1e-3, a warm-up of 50
steps and DDIM with 50 suit the short budget better than its 16, 1e-4, 500 and 1000: ten minutes on two cores are some
700 steps, of which its warm-up would leave little.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers._peer import Peer, Task, warmed, widest

WARM_UP = 50


def diffusers_unet(task: Task) -> Peer:
    """ValueError for anything but pictures."""
    from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel

    if len(task.event_shape) != 3:
        raise ValueError("diffusers_unet is for images")
    channels, side = task.event_shape[0], task.event_shape[-1]

    def make(width: int) -> nn.Module:
        return UNet2DModel(
            sample_size=side,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=2,
            block_out_channels=(width, 2 * width, 2 * width),
            down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            norm_num_groups=8,
            num_class_embeds=task.classes or None,
        )

    network: Any = widest(make, range(16, 513, 8), task.parameters)
    noising = DDPMScheduler(num_train_timesteps=1000)
    steps = task.steps or 50

    def loss(x0: Tensor, label: Tensor) -> Tensor:
        eps, t = torch.randn_like(x0), torch.randint(1000, (len(x0),), device=x0.device)
        labels = label if task.classes else None
        made = network(noising.add_noise(x0, eps, t), t, class_labels=labels, return_dict=False)[0]
        return nn.functional.mse_loss(made.float(), eps)

    def sample(averaged: Any, label: Tensor) -> Tensor:
        denoising = DDIMScheduler.from_config(noising.config)
        denoising.set_timesteps(steps)
        x = torch.randn(len(label), *task.event_shape, device=label.device)
        for t in denoising.timesteps:
            labels = label if task.classes else None
            made = averaged(x, t, class_labels=labels, return_dict=False)[0]
            x = denoising.step(made.float(), t, x, return_dict=False)[0]
        return x

    def rate(step: int, share: float) -> float:
        return min(1.0, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * share)) / 2

    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.95, 0.999), weight_decay=1e-6)
    return Peer(
        network,
        optimizer,
        loss,
        sample,
        batch=64,
        conditional=task.classes > 0,
        sampling=f"DDIM, {steps} steps",
        average=warmed(0.9999, 0.75),
        rate=rate,
    )
