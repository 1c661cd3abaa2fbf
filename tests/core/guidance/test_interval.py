"""Guidance within an interval of levels: the same on every schedule, and outside of it no call."""

import torch

from core.grids.karras import karras
from core.guidance.classifier_free import classifier_free
from core.guidance.interval import interval
from core.guidance.shared import shared
from core.samplers.ddim import ddim
from core.sampling import last
from core.schedules.edm import EDM
from tests.core.guidance.models import constant, counted, gaussian, never, schedules


@schedules
def test_interval_is_guidance_inside_and_nothing_outside(schedule):
    """Levels, not times: the same three regions on every schedule, low excluded and high included."""
    guided, plain = constant(torch.ones(4)), constant(torch.zeros(4))
    limited = interval(guided, plain, schedule, low=0.3, high=2.0)
    levels = torch.tensor([1.9999, 2.001, 0.3001, 0.2999])
    times = schedule.time(-2 * levels.log())
    assert torch.equal(limited(torch.zeros(4), times), torch.tensor([1.0, 0.0, 1.0, 0.0]))
    assert [limited(torch.zeros(4), t)[0].item() for t in times] == [1, 0, 1, 0]
    assert torch.equal(interval(guided, never, schedule)(torch.zeros(4), torch.tensor(schedule.t_max)), torch.ones(4))


def test_outside_the_interval_the_unconditional_model_is_not_called():
    """Thirteen calls of the one, and of the other only those in between."""
    c, u = (counted(gaussian(m).denoise(EDM())) for m in (1.0, 0.2))
    shared_c = shared(c)
    limited = interval(classifier_free(shared_c, u, scale=2.0), shared_c, EDM(), low=0.3, high=2.0)
    times = karras(EDM(), 13)
    inside = ((times > 0.3) & (times <= 2.0)).sum().item()
    list(ddim(limited, EDM(), torch.ones(2), times))
    assert (c.calls, u.calls) == (13, inside)
    assert 0 < inside < 13


def test_sampling_with_an_empty_interval_is_conditional_sampling():
    c, u = gaussian(1.0).denoise(EDM()), gaussian(0.2).denoise(EDM())
    limited = interval(classifier_free(c, u, scale=4.0), c, EDM(), low=1e-9, high=1e-8)
    x, times = torch.linspace(-50, 50, 6), karras(EDM(), 9)
    assert torch.equal(last(ddim(limited, EDM(), x, times)), last(ddim(c, EDM(), x, times)))
