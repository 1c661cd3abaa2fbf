"""Distributions whose density, score, denoiser and flow are known exactly: the ground truth for tests and docs."""

from core.analytic.mixture import Mixture
from core.analytic.mixture_1d import Mixture1D

__all__ = ["Mixture", "Mixture1D"]
