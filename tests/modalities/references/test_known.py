"""What is known comes out as it was given, and travels on the path that training shows."""

import torch

from core.condition import is_absent
from core.grids.uniform import uniform
from core.samplers.ddim import ddim
from core.sampling import last, prior
from core.schedules.cosine import cosine
from modalities.references.known import kept, known, put_in

MASK = torch.tensor([True, False, True, False]).view(1, 1, 4).expand(2, 1, 4)
X0 = torch.arange(16.0).view(2, 2, 4) / 8 - 1


def test_known_values_are_put_in_bit_for_bit():
    rows = known(X0, MASK)
    assert torch.equal(rows.isnan(), ~MASK.expand_as(X0))
    assert torch.equal(put_in(torch.full_like(X0, 9.0), rows), torch.where(MASK, X0, 9.0))


def test_where_nothing_is_known_the_row_is_absent():
    rows = known(X0, torch.zeros_like(MASK))
    assert bool(is_absent(rows).all())
    assert torch.equal(put_in(X0, rows), X0)


def test_the_known_part_stays_on_its_path_and_ends_exactly():
    """A network that is wrong everywhere; DDIM keeps the noise that it started with."""
    schedule, rows = cosine(), known(X0, MASK)
    noise = torch.randn(X0.shape, generator=torch.Generator().manual_seed(0))
    times = uniform(schedule, 5)
    x = prior(schedule, noise, times[0])
    denoise = kept(lambda x, t: torch.zeros_like(x) + 0.3, rows)
    for state in list(ddim(denoise, schedule, x, times)):
        alpha, sigma = schedule.alpha(state.t), schedule.sigma(state.t)
        eps = (x - schedule.alpha(times[0]) * X0) / schedule.sigma(times[0])  # the prior leaves out alpha x0
        path = alpha * X0 + sigma * eps
        assert torch.allclose(torch.where(MASK, state.x - path, 0.0), torch.zeros_like(x), atol=1e-5)
    final = last(ddim(denoise, schedule, x, times))
    assert torch.equal(torch.where(MASK, final, 0.0), torch.where(MASK, X0, 0.0))
