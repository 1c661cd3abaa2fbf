"""The average against its recurrence, its warm-up, and what a copy must keep."""

import copy
import math

import pytest
import torch
from torch import nn

from core.ema import EMA


def constant(value, dtype=torch.float64):
    module = nn.Linear(2, 1, bias=False, dtype=dtype)
    nn.init.constant_(module.weight, value)
    return module


def test_is_the_recurrence():
    """avg <- d_n avg + (1 - d_n) w, d_n = 2^(-1 / min(half_life, warmup n)), by hand."""
    ema, want = EMA(constant(5.0), half_life=3.0, warmup=0.5), 5.0
    for n, w in enumerate([1.0, -2.0, 4.0, 0.5, 7.0, -1.0, 2.0, 3.0], start=1):
        ema.update(constant(w))
        d = 0.5 ** (1 / min(3.0, 0.5 * n))
        want = d * want + (1 - d) * w
        assert ema.module.weight[0, 0].item() == pytest.approx(want, rel=1e-12)


def test_half_life_is_the_updates_after_which_a_weight_counts_half():
    ema = EMA(constant(1.0), half_life=10.0, warmup=math.inf)
    for _ in range(10):
        ema.update(constant(0.0))
    assert ema.module.weight.tolist() == [[pytest.approx(0.5)] * 2]


def test_warm_up_forgets_the_start():
    """The n-th update averages over 5 % of the training so far: the first keeps 2^-20 of the initial weights."""
    ema = EMA(constant(1.0), half_life=1e6, warmup=0.05)
    ema.update(constant(0.0))
    assert ema.module.weight[0, 0].item() == pytest.approx(2**-20)
    assert ema.decay(1000) == pytest.approx(0.5 ** (1 / 50))
    assert ema.decay(10**9) == pytest.approx(0.5 ** (1 / 1e6))


def test_averaging_cuts_noise_as_theory_says(generator):
    """White noise on a weight: the variance falls to (1 - d) / (1 + d)."""
    n, ema = 4000, EMA(constant(0.0), half_life=5.0, warmup=math.inf)
    ema.module.weight = nn.Parameter(torch.zeros(1, n), requires_grad=False)
    noisy = copy.deepcopy(ema.module)
    for _ in range(100):
        noisy.weight = nn.Parameter(torch.randn(1, n, generator=generator))
        ema.update(noisy)
    d = ema.decay(1)
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
    ema = EMA(constant(1.0, torch.bfloat16), half_life=1 / math.log2(1 / (1 - 2**-12)), warmup=math.inf)
    for _ in range(8):
        ema.update(constant(0.0, torch.bfloat16))
    assert ema.module.weight.dtype == torch.float32
    assert ema.module.weight[0, 0].item() == pytest.approx((1 - 2**-12) ** 8, rel=1e-6)


def test_state_continues_exactly():
    """Three updates, a round trip, three more: bit for bit the six of an uninterrupted average."""
    whole = EMA(constant(1.0), half_life=4.0)
    for w in (0.3, -1.0, 2.0):
        whole.update(constant(w))
    resumed = EMA(constant(9.0), half_life=4.0)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for w in (0.1, 0.7, -0.2):
        whole.update(constant(w))
        resumed.update(constant(w))
    assert torch.equal(resumed.module.weight, whole.module.weight)
    assert resumed.updates == whole.updates == 6


def test_state_of_another_module_is_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        EMA(nn.Linear(2, 1)).load_state_dict(EMA(nn.Linear(3, 1)).state_dict())


@pytest.mark.parametrize("options", [{"half_life": 0.0}, {"warmup": -1.0}], ids=str)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="ema: half_life and warmup must be positive, got"):
        EMA(constant(1.0), **options)
