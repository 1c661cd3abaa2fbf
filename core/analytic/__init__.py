"""Distributions whose density, score, denoiser and flow are known exactly: the ground truth for tests and docs."""

from core.analytic.low_rank import LowRank
from core.analytic.mixture import Mixture
from core.analytic.mixture_1d import Mixture1D
from core.analytic.points import Points

__all__ = ["LowRank", "Mixture", "Mixture1D", "Points"]
