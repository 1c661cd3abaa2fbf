"""A half-life that grows with the training until it is full (Karras et al. 2022, their published EMA ramp-up).

    d_n = 2^(-1 / h_n),      h_n = min(half_life, warmup n)

So an average is good at any moment, and the random start is forgotten at once.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class WarmUp:
    """half_life: updates after which a weight counts half. warmup: largest half-life as a share of the updates so far.

    Raises ValueError unless both are positive.
    """

    half_life: float = 2000.0
    warmup: float = 0.05

    def __post_init__(self) -> None:
        if not (self.half_life > 0 and self.warmup > 0):
            raise ValueError(
                f"average warm_up: half_life and warmup must be positive, got {self.half_life} and {self.warmup}"
            )

    def __call__(self, n: int) -> float:
        return 0.5 ** (1 / min(self.half_life, self.warmup * n))


warm_up = WarmUp
