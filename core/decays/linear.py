"""Straight down to zero; with AdamW the best of the simple decays at a known budget (Defazio et al. 2023, sec. 4)."""


def linear(progress: float) -> float:
    return max(0.0, 1.0 - progress)
