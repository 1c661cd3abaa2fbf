"""The average against its recurrence, its warm-up, and what a copy must keep."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from core.averages.constant import constant as fixed
from core.averages.warm_up import warm_up
from core.discover import build, names
from core.ema import EMA


def constant(value, dtype=torch.float64):
    module = nn.Linear(2, 1, bias=False, dtype=dtype)
    nn.init.constant_(module.weight, value)
    return module


def test_is_the_recurrence():
    """avg <- d_n avg + (1 - d_n) w, d_n = 2^(-1 / min(half_life, warmup n)), by hand."""
    ema, want = EMA(constant(5.0), warm_up(half_life=3.0, warmup=0.5)), 5.0
    for n, w in enumerate([1.0, -2.0, 4.0, 0.5, 7.0, -1.0, 2.0, 3.0], start=1):
        ema.update(constant(w))
        d = 0.5 ** (1 / min(3.0, 0.5 * n))
        want = d * want + (1 - d) * w
        assert ema.module.weight[0, 0].item() == pytest.approx(want, rel=1e-12)


def test_half_life_is_the_updates_after_which_a_weight_counts_half():
    ema = EMA(constant(1.0), fixed(half_life=10.0))
    for _ in range(10):
        ema.update(constant(0.0))
    assert ema.module.weight.tolist() == [[pytest.approx(0.5)] * 2]


def test_warm_up_forgets_the_start():
    """The n-th update averages over 5 % of the training so far: the first keeps 2^-20 of the initial weights."""
    ema = EMA(constant(1.0), warm_up(half_life=1e6, warmup=0.05))
    ema.update(constant(0.0))
    assert ema.module.weight[0, 0].item() == pytest.approx(2**-20)
    assert ema.average(1000) == pytest.approx(0.5 ** (1 / 50))
    assert ema.average(10**9) == pytest.approx(0.5 ** (1 / 1e6))


def test_averaging_cuts_noise_as_theory_says(generator):
    """White noise on a weight: the variance falls to (1 - d) / (1 + d)."""
    n, ema = 4000, EMA(constant(0.0), fixed(half_life=5.0))
    ema.module.weight = nn.Parameter(torch.zeros(1, n), requires_grad=False)
    noisy = copy.deepcopy(ema.module)
    for _ in range(100):
        noisy.weight = nn.Parameter(torch.randn(1, n, generator=generator))
        ema.update(noisy)
    d = ema.average(1)
    assert ema.module.weight.var().item() == pytest.approx((1 - d) / (1 + d), rel=5 * math.sqrt(2 / n))


def test_the_copy_is_for_evaluation_and_its_own():
    live = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    ema = EMA(live)
    assert live.training
    assert not ema.module.training
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert all(p.requires_grad for p in live.parameters())
    before = ema.module[0].weight.clone()
    live[0].weight.data.add_(1)
    assert torch.equal(ema.module[0].weight, before)
    assert torch.equal(ema.module(torch.ones(1, 2)), ema.module(torch.ones(1, 2)))  # no dropout


def test_buffers_are_copied_not_averaged():
    live = nn.BatchNorm1d(3)
    ema = EMA(live)
    live(torch.arange(12.0).reshape(4, 3))
    ema.update(live)
    assert torch.equal(ema.module.running_mean, live.running_mean)
    assert ema.module.num_batches_tracked == 1


def test_averages_in_float32_what_trains_in_bfloat16():
    """A change of 2^-12 per update is below bfloat16's resolution at 1 and would be lost."""
    ema = EMA(constant(1.0, torch.bfloat16), fixed(half_life=1 / math.log2(1 / (1 - 2**-12))))
    for _ in range(8):
        ema.update(constant(0.0, torch.bfloat16))
    assert ema.module.weight.dtype == torch.float32
    assert ema.module.weight[0, 0].item() == pytest.approx((1 - 2**-12) ** 8, rel=1e-6)


def test_state_continues_exactly():
    """Three updates, a round trip, three more: bit for bit the six of an uninterrupted average."""
    whole = EMA(constant(1.0), warm_up(half_life=4.0))
    for w in (0.3, -1.0, 2.0):
        whole.update(constant(w))
    resumed = EMA(constant(9.0), warm_up(half_life=4.0))
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for w in (0.1, 0.7, -0.2):
        whole.update(constant(w))
        resumed.update(constant(w))
    assert torch.equal(resumed.module.weight, whole.module.weight)
    assert resumed.updates == whole.updates == 6


def test_state_of_another_module_is_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        EMA(nn.Linear(2, 1)).load_state_dict(EMA(nn.Linear(3, 1)).state_dict())


@pytest.mark.parametrize("name", names("core.averages"))
def test_every_average_is_one(name):
    """Decays lie in [0, 1) and never fall, weights that stand still stay what they are once the start is forgotten, and
    the weights over all updates sum to one, to the share of the start."""
    average = build("core.averages", name)
    decays = [average(n) for n in range(1, 3000)]
    assert all(0 <= d < 1 for d in decays)
    assert all(a <= b for a, b in pairwise(decays))
    profile, start = [], 1.0
    for d in reversed(decays):
        profile.append(start * (1 - d))
        start *= d
    assert sum(profile) + start == pytest.approx(1, rel=1e-12)
    ema = EMA(constant(5.0), build("core.averages", name, {"half_life": 1.0} if name == "constant" else None))
    for _ in range(80):
        ema.update(constant(2.0))
    assert ema.module.weight.tolist() == [[pytest.approx(2.0, rel=1e-12)] * 2]


def test_inverse_power_is_the_average_of_all_updates_at_power_one():
    """d_n = (n - 1) / n: the mean of what came, the start left out; and half_life caps it."""
    ema, seen = EMA(constant(9.0), build("core.averages", "inverse_power", {"power": 1.0})), [1.0, -2.0, 4.0, 0.5]
    for w in seen:
        ema.update(constant(w))
    assert ema.module.weight[0, 0].item() == pytest.approx(sum(seen) / 4)
    capped = build("core.averages", "inverse_power", {"power": 0.75, "half_life": 10.0})
    assert capped(3) == pytest.approx(1 - 3**-0.75)
    assert capped(10**6) == pytest.approx(0.5**0.1)


def test_constant_is_a_decay():
    assert build("core.averages", "constant", {"half_life": 6931.0})(1) == pytest.approx(0.9999, abs=1e-8)


def test_default_decays_are_what_they_were():
    """Literal numbers of the first trainings: bit for bit, or an old run does not continue as it would have."""
    average = build("core.averages", "warm_up", {"half_life": 500.0, "warmup": 0.1})
    assert [average(n) for n in (1, 7, 5000, 9999)] == [
        0.5 ** (1 / 0.1),
        0.5 ** (1 / (0.1 * 7)),
        0.5 ** (1 / 500.0),
        0.5 ** (1 / 500.0),
    ]
    assert EMA(constant(1.0)).average(1) == 2**-20


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("warm_up", {"half_life": 0.0}, "average warm_up: half_life and warmup must be positive, got 0.0 and 0.05"),
        ("warm_up", {"warmup": -1.0}, "average warm_up: half_life and warmup must be positive, got 2000.0 and -1.0"),
        ("constant", {"half_life": 0.0}, "average constant: half_life must be positive, got 0.0"),
        ("inverse_power", {"power": 1.5}, r"average inverse_power: needs power in \(0, 1\]"),
        ("power", {"sigma_rel": 0.3}, r"average power: sigma_rel must lie in \(0, 0.2887\], got 0.3"),
    ],
)
def test_options_out_of_range_are_refused(name, options, line):
    with pytest.raises(ValueError, match=line):
        build("core.averages", name, options)
