"""Which noise goes with which example: permutations, exact, and honest about labels."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from core.assignment import assignment
from core.couplings.optimal_transport import optimal_transport
from core.discover import build, names
from core.samplers.euler import euler
from core.sampling import last
from core.schedules.cosine import Cosine
from core.schedules.rectified import Rectified

couplings = pytest.mark.parametrize("coupling", names("core.couplings"))


def total(cost, columns):
    return sum(row[j] for row, j in zip(cost, columns, strict=True))


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
@settings(max_examples=200, deadline=None)
def test_the_assignment_is_the_best_of_all_permutations(cost):
    """By trying all, ties and negative costs included."""
    got = assignment(cost)
    assert sorted(got) == list(range(len(cost)))
    assert total(cost, got) == min(total(cost, p) for p in itertools.permutations(range(len(cost))))


@given(n=st.integers(1, 40), d=st.integers(1, 50), seed=st.integers(0, 2**31), digits=st.sampled_from([0, 1, 15]))
@settings(max_examples=60, deadline=None)
def test_the_assignment_costs_what_scipys_does(n, d, seed, digits):
    g = torch.Generator().manual_seed(seed)
    cost = (
        torch.cdist(torch.randn(n, d, generator=g) + 1, torch.randn(n, d, generator=g)).square().round(decimals=digits)
    )
    rows, columns = linear_sum_assignment(cost.numpy())
    got = assignment(cost.tolist())
    assert sorted(got) == list(range(n))
    assert total(cost.tolist(), got) == pytest.approx(cost[rows, columns].sum().item(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("cost", [[[1.0, 2.0]], [[1.0], [2.0]], [[math.inf]], [[math.nan]]], ids=str)
def test_matrices_that_have_no_assignment_are_refused(cost):
    with pytest.raises(ValueError, match="assignment needs"):
        assignment(cost)
    assert assignment([]) == []


@couplings
@pytest.mark.parametrize("event", [(1,), (3, 5), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("labelled", [False, True])
def test_a_coupling_permutes_the_noise_within_its_labels(coupling, event, labelled, generator):
    """The noise of a batch, and of each label, stays what was drawn, and two calls agree: it is a function."""
    coupling = build("core.couplings", coupling)
    x0, eps = torch.randn(2, 12, *event, generator=generator)
    label = torch.tensor([-1, 0, 1, 2] * 3) if labelled else None
    got = coupling(x0, eps, label)
    assert torch.equal(got, coupling(x0, eps, label))
    for value in (-1, 0, 1, 2) if labelled else (None,):
        rows = slice(None) if value is None else label == value
        assert torch.equal(got[rows].flatten(1)[:, 0].sort().values, eps[rows].flatten(1)[:, 0].sort().values)
    order = (got.flatten(1)[:, :1] == eps.flatten(1)[:, 0]).double().argmax(1)
    assert torch.equal(got, eps[order])  # whole rows move


@couplings
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_no_coupling_costs_more_than_none(coupling, dtype, generator):
    x0, eps = torch.randn(2, 32, 3, 4, generator=generator).to(dtype)
    got = build("core.couplings", coupling)(x0, eps, None)
    assert got.dtype == dtype
    assert ((x0 - got).double() ** 2).sum() <= ((x0 - eps).double() ** 2).sum()


def test_optimal_transport_is_exact(generator):
    """Against scipy on the distances themselves, far from the origin where squares would cancel."""
    x0, eps = torch.randn(40, 2, 3, generator=generator) + 50, torch.randn(40, 2, 3, generator=generator)
    cost = torch.cdist(x0.flatten(1), eps.flatten(1)).square()
    rows, columns = linear_sum_assignment(cost.numpy())
    assert torch.equal(optimal_transport(x0, eps), eps[columns])
    assert torch.equal(optimal_transport(x0.float(), eps.float()), eps[columns].float())
    assert rows.tolist() == list(range(40))


def test_on_the_line_it_keeps_the_order(generator):
    """Least squares pair the k-th smallest x0 with the k-th smallest noise."""
    x0, eps = torch.randn(2, 50, 1, generator=generator)
    got = optimal_transport(x0, eps)
    assert torch.equal(got[x0[:, 0].argsort(), 0], eps[:, 0].sort().values)


def test_labels_keep_their_noise_normal(generator):
    """Two classes at -3 and 3. Paired over the batch, the upper class would only ever see the upper half of the noise,
    of mean sqrt(2 / pi), which no sampler draws for it; within the class, its mean is 0 up to chance."""
    n = 200
    label = torch.arange(n) % 2
    x0 = 6.0 * label[:, None] - 3 + 0.1 * torch.randn(n, 1, generator=generator)
    eps = torch.randn(n, 1, generator=generator)
    mixed = optimal_transport(x0, eps)[label == 1].mean().item()
    kept = optimal_transport(x0, eps, label)[label == 1].mean().item()
    assert mixed == pytest.approx(math.sqrt(2 / math.pi), abs=5 * 0.6 / math.sqrt(n / 2))
    assert kept == pytest.approx(0, abs=5 / math.sqrt(n / 2))
    assert kept == pytest.approx(eps[label == 1].mean().item(), abs=1e-12)


@pytest.mark.parametrize(("schedule", "steps", "tolerance"), [(Rectified(), 1, 1e-12), (Cosine(t_max=1.0), 800, 5e-3)])
def test_the_flow_of_coupled_noise_still_ends_at_the_data(schedule, steps, tolerance):
    """Infinite batches of N(m, s^2) couple x0 = m + s eps, so that E[x0 | x_t] is known. The probability-flow ODE, from
    x0 predictions as ever, carries eps to m + s eps; on the straight path in a single step."""
    m, s = 0.7, 0.4

    def denoise(x, t):
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        return m + s * (x - alpha * m) / (alpha * s + sigma)

    eps = torch.linspace(-2, 2, 9)
    times = torch.linspace(1, 0, steps + 1)
    final = last(euler(denoise, schedule, eps, times))
    assert torch.allclose(final, m + s * eps, rtol=0, atol=tolerance)
