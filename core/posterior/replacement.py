"""Replacement (Song et al. 2021b, app. I.2): after each step the known part is put in, noised to the new time.

It is `repaint` without repeats. The unknown part learns of the known one only through the next call of the denoiser, so
however fine the grid it does not sample the posterior. y is taken as exact: its noise is copied.
"""

from core.measurement import Measurement
from core.posterior.repaint import repaint
from core.sampling import Sampler


def replacement(sampler: Sampler, measurement: Measurement) -> Sampler:
    """A sampler of x0 given `measurement`, of a linear operator; ValueError for others."""
    return repaint(sampler, measurement, repeats=1)
