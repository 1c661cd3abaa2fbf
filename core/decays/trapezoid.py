"""Constant, then linearly down to zero over the last `share` of training (Zhai et al. 2022; Hu et al. 2024, «WSD»)."""


def trapezoid(progress: float, *, share: float = 0.3) -> float:
    return min(1.0, max(0.0, 1.0 - progress) / share)
