"""What a step asks: the bound under any density and schedule, labels, ranks, and parts with a state, in `fit` too."""

import itertools
import math

import pytest
import torch
from torch import nn

from core.analytic import Mixture1D
from core.couplings.optimal_transport import optimal_transport
from core.denoiser import Denoiser
from core.discover import build, names
from core.draws.loss_aware import LossAware
from core.ema import EMA
from core.losses.mean_flow import MeanFlow
from core.predictions.v import v
from core.schedule import log_snr
from core.schedules.cosine import Cosine
from core.schedules.edm import EDM
from core.schedules.rectified import Rectified
from core.training.fit import fit
from core.training.objective import NO_LABEL, Objective
from core.training.times import nats_per_draw

schedules = pytest.mark.parametrize("schedule", names("core.schedules"))
densities = pytest.mark.parametrize("density", names("core.densities"))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@densities
@schedules
def test_per_nat_means_the_same_under_every_density(schedule, density):
    """E_u[|d lambda / du| g(lambda)] is the integral of g over log-SNR, up to the ends that the density reaches: for a
    normal density where half of the draws lie, the normal distribution function at these ends."""
    schedule, density = build("core.schedules", schedule), build("core.densities", density)
    n = 20_000
    u = (torch.arange(n) + 0.5) / n
    level = log_snr(schedule, density(u, schedule))
    middle, std = level[n // 2], (level[n // 4] - level[3 * n // 4]) / 2
    z = (level - middle) / std
    got = (nats_per_draw(density, schedule, u) * (-(z**2) / 2).exp()).mean() / (std * math.sqrt(2 * math.pi))
    want = torch.special.ndtr(z.max()) - torch.special.ndtr(z.min())
    assert want > 0.6
    assert got.item() == pytest.approx(want.item(), abs=2e-3)


@densities
@schedules
def test_per_nat_is_finite_for_every_draw_in_float32(schedule, density):
    """At the outermost draws, where times are clamped to t_max or alpha is 0, times a weight that falls as the SNR."""
    schedule, density = build("core.schedules", schedule), build("core.densities", density)
    edge = torch.finfo(torch.float32).eps / 2
    u = torch.tensor([edge, 1e-3, 0.5, 0.999, 1 - edge], dtype=torch.float32)
    per_draw = nats_per_draw(density, schedule, u)
    assert per_draw.dtype == torch.float32
    assert (per_draw >= 0).all()
    snr = log_snr(schedule, density(u, schedule)).exp()
    assert ((snr / (1 + snr)) * per_draw).isfinite().all()


def test_literal_nats_per_draw():
    """Uniform times on sigma in (0, 80]: lambda = -2 ln t, so 2 / u; uniform log-SNR: its range; at t_max: nothing."""
    u = torch.tensor([0.25, 0.5])
    assert nats_per_draw(build("core.densities", "uniform"), EDM(), u).tolist() == pytest.approx([8, 4])
    even = build("core.densities", "log_snr", {"low": -3.0, "high": 4.0})
    assert nats_per_draw(even, Cosine(), u).tolist() == pytest.approx([7, 7])
    assert nats_per_draw(even, EDM(t_max=1.0), torch.tensor([0.5, 0.9])).tolist() == pytest.approx([7, 0])


@densities
@pytest.mark.parametrize("schedule", [Cosine(), EDM(t_max=4.0), Rectified()], ids=str)
def test_the_elbo_of_gaussian_data_is_known(schedule, density, oracle_network):
    """1/2 int e^lambda s^2 / (1 + s^2 e^lambda) d lambda = 1/2 ln(1 + s^2 SNR), the information between x0 and x_t: the
    same number from draws of every density, between the levels that it reaches with some probability."""
    n, std, prediction = 40_000, 0.6, build("core.predictions", "edm")
    density = build("core.densities", density)
    low, high = -1.0, 1.0  # all densities cover these; beyond, a heavy tail would ask for more draws

    class Between:
        per_nat = True

        def __call__(self, log_snr):
            return build("core.weightings", "elbo")(log_snr) * ((low < log_snr) & (log_snr < high))

    objective = Objective(density=density, weighting=Between())
    x0 = std * torch.randn(n, 4, generator=seeded(1))
    drawn = objective.draw(schedule, x0, None, seeded(2))
    data = Mixture1D(torch.ones(1), torch.zeros(1), torch.tensor([std]))
    denoiser = Denoiser(oracle_network(data, schedule, prediction, 0.5), schedule, prediction)
    loss = objective(denoiser, x0, drawn.t.double(), drawn.eps, drawn.cond, drawn.weight.double())
    want = (math.log1p(std**2 * math.exp(high)) - math.log1p(std**2 * math.exp(low))) / 2
    assert loss.mean().item() == pytest.approx(want, abs=5 * loss.std().item() / math.sqrt(n))
    assert loss.std().item() / math.sqrt(n) < 0.03 * want  # the tolerance means something


def test_plain_weightings_leave_the_weight_at_one():
    drawn = Objective(build("core.densities", "log_normal"), build("core.weightings", "v")).draw(
        Cosine(), torch.zeros(6, 2), None, seeded()
    )
    assert torch.equal(drawn.weight, torch.ones(6))
    assert torch.equal(drawn.t, build("core.densities", "log_normal")(drawn.u, Cosine()))


@pytest.mark.parametrize("draws", names("core.draws"))
def test_ranks_train_on_the_rows_of_one_process(draws):
    """Row r, r + R, ... of times, noise, dropped labels, and where steps lead, whatever draws the times."""
    parts = build("core.densities", "uniform"), build("core.weightings", "v"), 0.5, build("core.draws", draws)
    objective = Objective(*parts, loss=MeanFlow())
    x0, label = torch.zeros(8, 3), torch.arange(8)
    whole = objective.draw(Cosine(), x0, {"label": label}, seeded(5), step=3)
    assert 0 < (whole.cond["label"] == NO_LABEL).sum() < 8
    assert 0 < (whole.to < whole.t).sum() < 8
    assert Objective(*parts).draw(Cosine(), x0, None, seeded(5), step=3).to is None
    for rank in range(2):
        part = objective.draw(Cosine(), x0[rank::2], {"label": label[rank::2]}, seeded(5), rank=rank, ranks=2, step=3)
        assert torch.equal(part.t, whole.t[rank::2])
        assert torch.equal(part.to, whole.to[rank::2])
        assert torch.equal(part.eps, whole.eps[rank::2])
        assert torch.equal(part.cond["label"], whole.cond["label"][rank::2])


def test_the_coupling_sees_x0_and_the_labels_before_dropout():
    objective = Objective(
        build("core.densities", "uniform"), build("core.weightings", "v"), 0.9, coupling=optimal_transport
    )
    plain = Objective(build("core.densities", "uniform"), build("core.weightings", "v"), 0.9)
    x0, label = torch.randn(20, 2, generator=seeded(1)), torch.arange(20) % 2
    coupled, drawn = (o.draw(Cosine(), x0, {"label": label}, seeded(2)) for o in (objective, plain))
    assert torch.equal(coupled.eps, optimal_transport(x0, drawn.eps, label))
    assert not torch.equal(coupled.eps, drawn.eps)
    assert torch.equal(coupled.t, drawn.t)
    assert torch.equal(coupled.cond["label"], drawn.cond["label"])
    with pytest.raises(ValueError, match="keeps apart examples by label, not by text: use independent"):
        objective.draw(Cosine(), x0, {"label": label, "text": x0}, seeded(2))


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2, dtype=torch.float64)

    def forward(self, x, noise_label, cond):
        return self.layer(torch.cat([x, noise_label[:, None]], 1))


def stateful():
    """A network and an objective that learns and remembers, with one optimizer for both."""
    torch.manual_seed(0)
    objective = Objective(
        build("core.densities", "log_normal"),
        build("core.weightings", "uncertainty", {"channels": 8}),
        draws=LossAware(bins=4, history=2),
    )
    network = Line()
    parameters = [*network.parameters(), *objective.modules.parameters()]
    return network, objective, torch.optim.Adam(parameters)


def run(network, objective, optimizer, start, steps, accumulate=1):
    batches = (((torch.randn(12, 2, generator=seeded(k)) + 1), None) for k in itertools.count(start))
    denoiser = Denoiser(network, Cosine(), v)
    options = {"ema": EMA(network), "learning_rate": lambda step: 1e-2, "seed": 7, "start": start}
    training = fit(denoiser, network, batches, objective, optimizer, accumulate=accumulate, **options)
    return list(itertools.islice(training, steps))[-1]


def test_training_with_state_continues_exactly():
    """Ten steps, and five with the rest after a round trip through the state dicts: the same numbers, bit for bit."""
    whole, first, second = stateful(), stateful(), stateful()
    run(*whole, 0, 10)
    run(*first, 0, 5)
    for a, b in zip(first, second, strict=True):
        (b.modules if isinstance(b, Objective) else b).load_state_dict(
            (a.modules if isinstance(a, Objective) else a).state_dict()
        )
    run(*second, 5, 5)
    for a, b in zip(whole[0].parameters(), second[0].parameters(), strict=True):
        assert torch.equal(a, b)
    want, got = whole[1].modules.state_dict(), second[1].modules.state_dict()
    assert set(got) == {"weighting.gain", "draws.losses", "draws.seen"}
    assert all(torch.equal(want[key], got[key]) for key in want)
    assert got["weighting.gain"].abs().max() > 0  # it learnt
    assert got["draws.seen"].sum() == 120  # it looked at every loss


def test_passes_change_rounding_only():
    whole, split = stateful(), stateful()
    a, b = run(*whole, 0, 3), run(*split, 0, 3, accumulate=4)
    assert a.loss.item() == pytest.approx(b.loss.item(), rel=1e-12)
    assert torch.allclose(whole[0].layer.weight, split[0].layer.weight, rtol=1e-9)
    assert torch.allclose(whole[1].draws.losses, split[1].draws.losses, rtol=1e-6)


def test_resampling_is_shown_the_losses_before_its_weight():
    """What bin k remembers is the loss under uniform draws, whatever the bins' probabilities are by then."""
    network, objective, _ = stateful()
    x0, denoiser = torch.randn(64, 2, generator=seeded(3)), Denoiser(network, Cosine(), v)
    objective.draws.observe(torch.linspace(0.01, 0.99, 16), torch.linspace(1, 9, 16))
    drawn = objective.draw(Cosine(), x0, None, seeded(4))
    assert drawn.weight.max() > 1.2  # resampling is on
    losses = objective(denoiser, x0, drawn.t, drawn.eps, None, drawn.weight)
    plain = objective(denoiser, x0, drawn.t, drawn.eps, None)
    assert torch.allclose(losses, drawn.weight * plain)
    objective.observe(drawn, losses)
    kept = objective.draws.losses.flatten()
    assert (torch.isclose(kept[:, None], plain.detach().float(), rtol=1e-5)).any(1).all()
