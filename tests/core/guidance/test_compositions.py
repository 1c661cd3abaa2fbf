"""Guidances of guidances: one call of each model a step, one graph, and what `shared` remembers."""

import torch

from core.grids.karras import karras
from core.guidance.apg import apg
from core.guidance.cfg_zero import cfg_zero
from core.guidance.dynamic_threshold import dynamic_threshold
from core.guidance.interval import interval
from core.guidance.rescale import rescale
from core.guidance.shared import shared
from core.samplers.ddim import ddim
from core.sampling import last
from core.schedules.edm import EDM
from tests.core.guidance.models import counted, gaussian, rows


def test_guidances_compose_and_call_each_model_once_a_step():
    """Threshold of interval of rescale of APG: what a command line of all options builds."""
    c, u = (counted(gaussian(m).denoise(EDM())) for m in (1.0, 0.2))
    once = shared(c)
    guided = rescale(apg(once, u, scale=3.0), once, phi=0.5)
    guided = dynamic_threshold(interval(guided, once, EDM(), low=0.0, high=100.0), quantile=0.9)
    x, times = 80 * rows(2, (5,)), karras(EDM(), 6)
    final = last(ddim(guided, EDM(), x, times))
    assert (c.calls, u.calls) == (6, 6)
    assert final.abs().max() <= 1


def test_a_guided_step_is_one_graph():
    """No look at a value: composed guidance traces whole (the interval by a selection), and computes the same."""
    c, u = (gaussian(m).denoise(EDM()) for m in (1.0, 0.2))
    once = shared(c)
    guided = rescale(cfg_zero(once, u, EDM(), scale=3.0), once, phi=0.5)
    guided = dynamic_threshold(interval(apg(guided, u, scale=2.0, norm_threshold=1.0), once, EDM(), low=0.1, high=9.0))
    whole = torch.compile(guided, fullgraph=True, backend="eager")
    for t in (0.05, 2.0, 20.0):
        x = rows()
        assert torch.allclose(whole(x, torch.tensor(t)), guided(x, torch.tensor(t)), rtol=1e-12, atol=1e-12)


def test_shared_notices_a_change_in_place():
    calls = counted(lambda x, t: x.clone())
    once, x, t = shared(calls), torch.ones(2), torch.tensor(0.5)
    assert once(x, t) is once(x, t)
    x.add_(1)
    assert torch.equal(once(x, t), torch.full((2,), 2.0))
    assert calls.calls == 2
