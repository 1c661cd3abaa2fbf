"""Half a cosine, from one to zero (Loshchilov & Hutter 2017, eq. 5 without restarts)."""

import math


def cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * min(progress, 1.0))) / 2
