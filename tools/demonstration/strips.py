"""The two processes as pictures: an example diffused from clean to noise, and a sample on its way back.

x_t is shown at the spread of the data whatever the schedule, x_t sigma_data / sqrt(alpha² sigma_data² + sigma²), so
that neither the noise of a variance-exploding schedule nor the signal in it leaves the range of the media.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.schedule import Schedule, diffuse, scales
from core.state import State
from modalities.modality import Modality

STAGES = 8
CLEANEST, NOISIEST = 3.5, -4.5
"""log-SNR in nats of the second and the last but one stage of the forward process."""


def forward(media: Modality, schedule: Schedule, sigma_data: float, x0: Tensor, seed: int, path: Path) -> None:
    """x0 (*event) at `STAGES` times from 0 to t_max, equally spaced in log-SNR between the ends, with one noise."""
    inner = schedule.time(torch.linspace(CLEANEST, NOISIEST, STAGES - 2, dtype=torch.float64))
    times = torch.cat([torch.zeros(1), inner, torch.tensor([schedule.t_max])]).double()
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed))
    stages = [State(t, diffuse(schedule, x0[None], t, eps[None])) for t in times]
    strip(media, schedule, sigma_data, stages, path)


def reverse(media: Modality, schedule: Schedule, sigma_data: float, states: Sequence[State], path: Path) -> None:
    """`STAGES` of a sampler's states, the noise that it started from and the sample included, at equal distances."""
    chosen = torch.linspace(0, len(states) - 1, min(STAGES, len(states))).round().long().tolist()
    strip(media, schedule, sigma_data, [states[i] for i in chosen], path)


def strip(media: Modality, schedule: Schedule, sigma_data: float, stages: Sequence[State], path: Path) -> None:
    """Each state holds one example, x (1, *event)."""
    shown = torch.cat([media.decode(visible(schedule, sigma_data, state).cpu()) for state in stages])
    media.strip(shown, path, [f"t = {float(state.t):.2g}" for state in stages])


def visible(schedule: Schedule, sigma_data: float, state: State) -> Tensor:
    """x_t scaled to the standard deviation of the data; at t = 0 it is x0 itself."""
    alpha, sigma = scales(schedule, state.t, state.x)
    return state.x * (sigma_data / torch.hypot(alpha * sigma_data, sigma))
