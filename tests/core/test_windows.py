"""A denoiser of signals larger than trained: exact where windows agree, a weighted mean where they do not."""

import itertools

import pytest
import torch

from core.analytic import Mixture
from core.grids.karras import karras
from core.measurement import Measurement
from core.operators.mask import Keep
from core.posterior.ddnm import ddnm
from core.samplers.heun import heun
from core.sampling import last, prior
from core.schedules.cosine import Cosine
from core.windows import starts, tent, windows


@pytest.mark.parametrize(
    ("have", "size", "overlap"), [(10, 4, 0.5), (7, 4, 0.25), (28, 28, 0.5), (29, 28, 0.5), (9, 4, 0)]
)
def test_windows_cover_everything_with_the_overlap(have, size, overlap):
    at = starts(have, size, overlap)
    assert at[0] == 0
    assert at[-1] == have - size
    hops = [b - a for a, b in itertools.pairwise(at)]
    assert all(0 < hop <= max(1, round(size * (1 - overlap)) + 1) for hop in hops)


def test_a_local_denoiser_of_windows_is_that_of_the_whole(generator):
    """Data whose elements are independent: what is said of an element does not depend on the window it is seen in."""
    whole, part = (Mixture(torch.ones(1), torch.full((1, n), 0.3), 0.25 * torch.eye(n)[None]) for n in (9, 4))
    x, t = torch.randn(5, 9, generator=generator), torch.tensor(0.4)
    schedule = Cosine()
    wide = windows(lambda x, t: part.denoise(schedule)(x.flatten(1), t).reshape(x.shape), (4,))
    torch.testing.assert_close(wide(x[:, None], t)[:, 0], whole.denoise(schedule)(x, t), atol=1e-12, rtol=0)


def test_where_windows_differ_the_answer_is_their_mean_weighted_by_the_distance_to_the_edge():
    """Each window answers with its own first element: 0 and 2 for starts 0 and 2 of a ramp."""
    x = torch.arange(6.0)[None, None]
    joined = windows(lambda x, t: x[..., :1].expand_as(x), (4,), overlap=0.5)(x, torch.tensor(0.1))[0, 0]
    w = tent((4,), x)
    assert w.tolist() == [0.4375, 0.8125, 0.8125, 0.4375]
    want = torch.stack([torch.zeros(()), torch.zeros(()), 2 * w[0] / (w[2] + w[0]), 2 * w[1] / (w[3] + w[1])])
    torch.testing.assert_close(joined[:4], want)
    assert joined[4:].tolist() == [2, 2]


def test_the_trained_size_is_the_denoiser_itself_and_a_smaller_one_is_refused():
    calls = []
    seen = windows(lambda x, t: calls.append(x) or x, (3, 4))
    x = torch.randn(2, 1, 3, 4)
    assert seen(x, torch.tensor(0.5)) is calls[0] is x
    with pytest.raises(ValueError, match=r"smaller than the window \(3, 4\)"):
        seen(x[..., :2], torch.tensor(0.5))
    with pytest.raises(ValueError, match="overlap"):
        windows(lambda x, t: x, (4,), overlap=1.0)


def test_a_known_part_of_a_larger_signal_stays_and_the_rest_is_of_the_data(generator):
    """White data on a canvas twice as wide: mean and spread of what was added are those of the data."""
    part, schedule = Mixture(torch.ones(1), torch.full((1, 8), 0.3), 0.25 * torch.eye(8)[None]), Cosine()
    denoise = windows(lambda x, t: part.denoise(schedule)(x.flatten(1), t).reshape(x.shape), (8,))
    known = torch.arange(16) < 8
    y = torch.linspace(-1, 1, 16)[None, None]
    times, noise = karras(schedule, 24), torch.randn(500, 1, 16, generator=generator)
    run = ddnm(heun, Measurement(Keep(known), y))
    final = last(run(denoise, schedule, prior(schedule, noise), times))
    assert (final[..., known] - y[..., known]).abs().max() < 1e-12
    fresh = final[..., ~known]
    assert abs(fresh.mean() - 0.3) < 0.03
    assert abs(fresh.std() - 0.5) < 0.03
