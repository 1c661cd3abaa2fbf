"""Options out of range are refused in one line."""

import re

import pytest
import torch

from core.guidance.apg import apg
from core.guidance.cfg_plus_plus import cfg_plus_plus
from core.guidance.cfg_zero import cfg_zero
from core.guidance.composed import composed
from core.guidance.dynamic_threshold import dynamic_threshold
from core.guidance.interval import interval
from core.guidance.rescale import rescale
from core.schedules.edm import EDM
from tests.core.guidance.models import never


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: interval(never, never, EDM(), low=2.0, high=1.0), "interval: needs 0 <= low < high, got low 2.0"),
        (lambda: interval(never, never, EDM(), low=-1.0), "got low -1.0, high inf"),
        (lambda: rescale(never, never, phi=1.5), "rescale: phi must lie in [0, 1], got 1.5"),
        (lambda: dynamic_threshold(never, quantile=99.5), "quantile in [0, 1] and limit > 0, got quantile 99.5"),
        (lambda: dynamic_threshold(never, limit=0.0), "limit 0.0"),
        (lambda: apg(never, never, scale=2.0, norm_threshold=0.0), "norm_threshold must be positive"),
        (lambda: apg(never, never, scale=2.0, momentum=1.0), "momentum must lie between -1 and 1, got 1.0"),
        (lambda: cfg_zero(never, never, EDM(), scale=2.0, zero_init=1.0), "zero_init must lie in [0, 1), got 1.0"),
        (lambda: cfg_plus_plus(never, never, EDM(), torch.ones(2), scale=2.0), "scale must lie in [0, 1], got 2.0"),
        (lambda: composed([never], never, weights=(1.0, 2.0)), "one weight per condition, got 2 for 1"),
        (lambda: composed([], never, weights=()), "got 0 for 0"),
    ],
)
def test_impossible_guidance_is_refused_in_one_line(make, expected):
    with pytest.raises(ValueError, match=re.escape(expected)) as caught:
        make()
    assert "\n" not in str(caught.value)
