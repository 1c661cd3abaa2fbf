"""The uniforms behind the training times: uniform each, even together, and resampled without bias."""

import math
from collections import deque
from decimal import Decimal, getcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.discover import build, names
from core.draws.golden import Golden
from core.draws.lattice import lattice
from core.draws.loss_aware import LossAware

draws_of = pytest.mark.parametrize("draws", names("core.draws"))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@draws_of
@given(n=st.integers(1, 300), seed=st.integers(0, 2**31), step=st.integers(0, 10**12))
@settings(max_examples=15, deadline=None)
def test_strictly_inside_and_a_function_of_seed_and_step(draws, n, seed, step):
    draws = build("core.draws", draws)
    u = draws(n, seeded(seed), None, step)
    assert u.shape == (n,)
    assert u.dtype == torch.float32
    assert (u > 0).all()
    assert (u < 1).all()
    assert torch.special.ndtri(u).isfinite().all()
    assert torch.equal(u, draws(n, seeded(seed), "cpu", step))


@draws_of
def test_each_place_in_the_batch_is_uniform_on_its_own(draws):
    """Over many batches of 4, every place has the deciles of U(0, 1): within 5 binomial standard errors."""
    draws, g = build("core.draws", draws), seeded(0)
    u = torch.stack([draws(4, g, None, step) for step in range(2000)])
    for place in u.T:
        counts = torch.histc(place.double(), bins=10, min=0, max=1)
        assert ((counts - 200).abs() < 5 * math.sqrt(2000 * 0.1 * 0.9)).all()


@draws_of
@pytest.mark.parametrize("extreme", [0.0, 1 - 2**-24], ids=["least", "greatest"])
def test_no_draw_rounds_to_an_end(draws, extreme, monkeypatch):
    rand = {"rand": lambda *shape, dtype=None, **_: torch.full(shape if shape != ((),) else (), extreme, dtype=dtype)}
    monkeypatch.setattr(torch, "rand", rand["rand"])
    u = build("core.draws", draws)(1024, seeded(0), None, 0)
    assert (u > 0).all()
    assert (u < 1).all()


def test_lattice_is_one_shift_of_a_grid():
    u = lattice(8, seeded(1)).double()
    assert torch.allclose(u.sort().values.diff(), torch.full((7,), 1 / 8), atol=1e-6)
    assert not torch.allclose(u, lattice(8, seeded(2)).double())


def test_golden_goes_on_over_the_steps():
    """Batches are slices of one sequence, whatever their size, and a later start continues it."""
    whole = Golden()(400, seeded(0), None, 0)
    assert torch.equal(whole, torch.cat([Golden()(4, seeded(k), None, k) for k in range(100)]))
    assert not torch.equal(whole, Golden(seed=1)(400, seeded(0), None, 0))


def test_golden_is_exact_after_any_number_of_steps():
    """u_k - u_0 = k (sqrt 5 - 1) / 2 mod 1, against 60 decimal digits."""
    getcontext().prec = 60
    phi = (Decimal(5).sqrt() - 1) / 2
    first = Golden()(1, seeded(0), None, 0).item()
    for k in (1, 2, 10**6, 10**12):
        turned = (Golden()(1, seeded(0), None, k).item() - first) % 1
        assert abs((turned - float(phi * k % 1) + 0.5) % 1 - 0.5) < 2**-22 + k * 2**-64


def test_golden_covers_the_times_of_consecutive_steps():
    """Kuipers & Niederreiter 1974, theorem 2.3.4, partial quotients 1: N D_N <= 3 + (1 / ln phi + 1 / ln 2) ln N.
    Random draws, with a D_N of about 0.8 / sqrt(N), stand at several times that."""

    def discrepancy(u):
        u = u.double().sort().values
        i = torch.arange(len(u)) / len(u)
        return torch.maximum((u - i).max(), (i + 1 / len(u) - u).max()).item()

    n = 100_000
    bound = (3 + (1 / math.log((1 + math.sqrt(5)) / 2) + 1 / math.log(2)) * math.log(n)) / n
    batches = torch.cat([Golden()(1000, seeded(0), None, k) for k in range(7, 107)])
    assert discrepancy(batches) < bound
    assert discrepancy(build("core.draws", "independent")(n, seeded(0))) > 2 * bound


def taught(bins, history, loss, uniform=0.001):
    """A resampler that has seen `history` draws per bin, with the losses loss(u)."""
    draws = LossAware(bins=bins, history=history, uniform=uniform)
    u = ((torch.arange(bins)[:, None] + (torch.arange(history) + 0.5) / history) / bins).flatten().float()
    draws.observe(u, loss(u))
    return draws


def test_probabilities_are_eq_18():
    """p_k ~ sqrt(mean of the squared losses of bin k), here 1, 3, 2 and 2, with a share of 0.2 uniform."""
    draws = LossAware(bins=4, history=2, uniform=0.2)
    assert draws.probabilities().tolist() == pytest.approx([0.25] * 4)
    u = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8])
    draws.observe(u, torch.tensor([1.0, 1.0, 3.0, 3.0, 2.0, 2.0, 2.0]))
    assert draws.probabilities().tolist() == pytest.approx([0.25] * 4)  # the last bin has one loss of two
    draws.observe(torch.tensor([0.99]), torch.tensor([2.0]))
    assert draws.probabilities().tolist() == pytest.approx([0.8 * k / 8 + 0.05 for k in (1, 3, 2, 2)])
    assert draws.weight(torch.tensor([0.3])).item() == pytest.approx(1 / (4 * (0.8 * 3 / 8 + 0.05)))


def test_resampling_leaves_every_mean_as_it_is_and_cuts_its_variance():
    """Loss u^4: over 20000 draws the weighted mean is 1 / 5 as under uniform draws, with 40 times less variance per
    draw: what is left is the variation within a bin."""
    draws, n = taught(64, 10, lambda u: u**4), 20_000
    u = draws(n, seeded(0))
    weighted = (draws.weight(u) * u**4).double()
    plain = torch.rand(n, generator=seeded(0)).double() ** 4
    assert weighted.var() < plain.var() / 40
    assert weighted.mean().item() == pytest.approx(0.2, abs=5 * math.sqrt(weighted.var().item() / n))
    assert draws.weight(u).double().mean().item() == pytest.approx(
        1, abs=5 * draws.weight(u).std().item() / math.sqrt(n)
    )
    assert (draws.weight(u) <= 1 / draws.uniform).all()


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 9)), min_size=1, max_size=12), min_size=1, max_size=6),
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_the_history_is_the_last_losses_of_each_bin(batches, history):
    """Against four queues, fed one loss at a time."""
    draws, queues = LossAware(bins=4, history=history), [deque(maxlen=history) for _ in range(4)]
    for batch in batches:
        bins, losses = (torch.tensor(v) for v in zip(*batch, strict=True))
        draws.observe((bins + 0.5) / 4, losses)
        for k, loss in batch:
            queues[k].append(loss)
    for row, queue in zip(draws.losses, queues, strict=True):
        got = row[: len(queue)] if len(queue) < history else row
        assert sorted(got.tolist()) == pytest.approx(sorted(torch.tensor(list(queue)).float().tolist()))


def test_the_state_is_in_the_state_dict():
    a, b = taught(8, 3, lambda u: 1 + u), LossAware(bins=8, history=3)
    assert not torch.equal(a(64, seeded(0)), b(64, seeded(0)))
    b.load_state_dict(a.state_dict())
    assert torch.equal(a(64, seeded(0)), b(64, seeded(0)))


@pytest.mark.parametrize(
    ("name", "options"), [("loss_aware", {"bins": 0}), ("loss_aware", {"uniform": 0.0}), ("golden", {"seed": -1})]
)
def test_options_out_of_range_are_refused(name, options):
    with pytest.raises(ValueError, match=f"draws? {name}: "):
        build("core.draws", name, options)
