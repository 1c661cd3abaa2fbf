"""The whole core at once: a small network, trained for a second, comes near the oracle's loss and samples the data."""

import math

import torch
from torch import nn

from core.averages.warm_up import WarmUp
from core.denoiser import Denoiser
from core.densities.log_normal import LogNormal
from core.draws.stratified import stratified
from core.ema import EMA
from core.grids.karras import karras
from core.losses.denoising import denoising_loss
from core.predictions.edm import edm as prediction_of
from core.samplers.heun import heun
from core.sampling import last, prior
from core.schedules.edm import EDM
from core.weightings.edm import edm as weighting_of

SCHEDULE, DENSITY, SIGMA_DATA = EDM(t_max=20.0), LogNormal(), 0.93
PREDICTION, WEIGHTING = prediction_of(SIGMA_DATA), weighting_of(SIGMA_DATA)


class Perceptron(nn.Module):
    """Two hidden layers on x and ln(sigma), for events of one number."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, x, noise_label, cond):
        return self.layers(torch.cat([x, 4 * noise_label[:, None]], 1))


def train(data, steps=600, batch=512):
    """The EDM recipe in float32; the average over the run is returned."""
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(0)
    denoiser = Denoiser(Perceptron().float(), SCHEDULE, PREDICTION, sigma_data=SIGMA_DATA)
    ema = EMA(denoiser, WarmUp(half_life=50.0))
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=1e-2)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in range(steps):
        x0, eps = data.sample((batch, 1), g).float(), torch.randn(batch, 1, generator=g, dtype=torch.float32)
        loss = denoising_loss(denoiser, x0, DENSITY(stratified(batch, g), SCHEDULE), eps, WEIGHTING).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
        ema.update(denoiser)
    return ema.module


def test_a_trained_network_reaches_the_oracle_and_samples_the_data(two_modes, oracle_network):
    denoiser = train(two_modes)
    g, n = torch.Generator().manual_seed(1), 50_000
    x0, eps = two_modes.sample((n, 1), g), torch.randn(n, 1, generator=g)
    t = DENSITY(stratified(n, g), SCHEDULE).double()
    network = oracle_network(two_modes, SCHEDULE, PREDICTION, SIGMA_DATA)
    oracle = Denoiser(network, SCHEDULE, PREDICTION, sigma_data=SIGMA_DATA)
    best = denoising_loss(oracle, x0, t, eps, WEIGHTING)
    reached = denoising_loss(denoiser, x0.float(), t.float(), eps.float(), WEIGHTING)
    # The oracle's loss is the least possible. On common draws the excess is |F - F*|^2 up to chance.
    excess = reached - best
    assert excess.mean() > -3 * excess.std() / math.sqrt(n)
    assert reached.mean() < 1.006 * best.mean()

    # The largest distance between distribution functions: chance alone takes 1.63 / sqrt(n) = 0.026 in one case of a
    # hundred, and a Gaussian with the data's mean and variance stands at 0.09.
    n = 4000
    start = prior(SCHEDULE, torch.randn(n, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float32))
    x = last(heun(denoiser, SCHEDULE, start, karras(SCHEDULE, 18)))[:, 0].double().sort().values
    data_cdf = two_modes.cdf(SCHEDULE, x, torch.tensor(0.0))
    mean, variance = two_modes.moments()
    assert (data_cdf - (torch.arange(n) + 0.5) / n).abs().max() < 0.04
    assert (data_cdf - torch.special.ndtr((x - mean) / variance.sqrt())).abs().max() > 0.08
