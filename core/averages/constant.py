"""The same decay at every update (Ho et al. 2020: 0.9999): d = 2^(-1 / half_life)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """half_life: updates after which a weight counts half; 6931 is a decay of 0.9999. ValueError unless positive.

    The random start keeps its share 2^(-n / half_life): for trainings of many half-lives.
    """

    half_life: float = 2000.0

    def __post_init__(self) -> None:
        if not self.half_life > 0:
            raise ValueError(f"average constant: half_life must be positive, got {self.half_life}")

    def __call__(self, n: int) -> float:
        return 0.5 ** (1 / self.half_life)


constant = Constant
