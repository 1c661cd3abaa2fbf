"""Bootstrap intervals hold what they promise."""

import pytest
import torch

from core.distances import bootstrap, mean_interval


def test_the_interval_of_a_mean_has_its_width_and_holds_it_as_often_as_it_says() -> None:
    held, widths = 0, []
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        low, high = mean_interval(torch.randn(100, generator=generator), generator=generator)
        held += low <= 0 <= high
        widths.append(high - low)
    assert 0.90 <= held / 200 <= 0.985  # 95 %, less about 1 % that resampling 100 rows costs; two deviations
    assert sum(widths) / 200 == pytest.approx(2 * 1.96 / 10, rel=0.05)


def test_an_estimate_with_a_bias_stays_inside_its_interval() -> None:
    """The largest of n rows is never above the whole's largest, on resampled rows almost always below it."""
    rows = torch.rand(50, generator=torch.Generator().manual_seed(0))
    low, high = bootstrap(lambda x: float(x.max()), rows, generator=torch.Generator().manual_seed(1))
    assert low <= float(rows.max()) <= high


def test_kept_rows_stand_for_more() -> None:
    rows = torch.randn(50, generator=torch.Generator().manual_seed(0))
    ends = []
    for count in (None, 200):
        generator = torch.Generator().manual_seed(1)
        ends.append(bootstrap(lambda x: float(x.mean()), rows, generator=generator, value=0.0, count=count))
    assert [2 * e for e in ends[1]] == pytest.approx(list(ends[0]))


def test_refuses_what_it_cannot_resample() -> None:
    with pytest.raises(ValueError, match="0 rows"):
        bootstrap(lambda x: 0.0, torch.empty(0), generator=torch.Generator())
