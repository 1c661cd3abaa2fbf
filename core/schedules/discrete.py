"""A table of betas, of DDPM's or of the user's, as a schedule: time counts the steps, 1 ... T, and 0 is clean.

    alpha(k)^2 = (1 - beta_1) ... (1 - beta_k)                                (Ho et al. 2020, eq. 4)

exactly at whole k. Between two of them alpha is linear in t. Of the monotone interpolations this one has an inverse in
closed form, keeps sigma ~ sqrt(t) at the clean end as the SDE does, and reaches alpha = 0 at a finite rate where a
rescaled table ends there; in log-SNR both end intervals would be infinite. Past T it goes on until alpha = 0.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.schedules.cosine import Cosine


def named_betas(name: str, steps: int = 1000) -> Tensor:
    """`(steps,)` float64 betas: "linear" (Ho et al. 2020, sec. 4), "scaled_linear" (Rombach et al. 2022) or "cosine"
    (Nichol & Dhariwal 2021, eq. 17, at most 0.999). The first two are given for 1000 steps and are scaled by
    1000 / steps for another number, so that the last level stays about the same. Raises ValueError for other names."""
    if name == "cosine":
        alpha = Cosine(t_max=1.0).alpha(torch.linspace(0, 1, steps + 1, dtype=torch.float64))
        return (1 - (alpha[1:] / alpha[:-1]) ** 2).clamp(max=0.999)
    if name == "linear":
        return torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * (1000 / steps)
    if name == "scaled_linear":
        return torch.linspace(0.00085**0.5, 0.012**0.5, steps, dtype=torch.float64) ** 2 * (1000 / steps)
    raise ValueError(f"schedule discrete: betas must be cosine, linear, scaled_linear or numbers, got {name!r}")


@dataclass(frozen=True, repr=False)
class Discrete:
    """`betas` (T,) of the user's, or the name of a table with `steps` rows (1000 unless given); t_max = T.

    Raises ValueError unless 0 < beta < 1 for each (the last may be 1: no signal left), and for `steps` that are not
    the number of the betas given.
    """

    betas: str | tuple[float, ...] = "linear"
    steps: int | None = None
    _alpha: Tensor = field(init=False, compare=False)
    _gap: Tensor = field(init=False, compare=False)
    _level: Tensor = field(init=False, compare=False)

    def __post_init__(self) -> None:
        steps = self.steps if self.steps is not None else 1000 if isinstance(self.betas, str) else len(self.betas)
        if steps < 1 or not (isinstance(self.betas, str) or len(self.betas) == steps):
            raise ValueError(f"schedule discrete: steps must be the number of betas and at least 1, got {steps}")
        with torch.inference_mode(False):  # the table outlives the mode of whoever makes it
            given = self.betas
            betas = named_betas(given, steps) if isinstance(given, str) else torch.tensor(given, dtype=torch.float64)
            if not ((betas > 0).all() and (betas[:-1] < 1).all() and betas[-1] <= 1):
                raise ValueError(f"schedule discrete: needs 0 < beta < 1, the last at most 1, got {_brief(betas)}")
            log_alpha = torch.cat([betas.new_zeros(1), torch.log1p(-betas).cumsum(0) / 2])
            alpha, gap = log_alpha.exp(), -torch.expm1(log_alpha)  # 1 - alpha, which keeps its digits near 0
            level = torch.log(gap * (2 - gap)) - 2 * log_alpha  # -lambda: rises from -inf
        for name, table in (("_alpha", alpha), ("_gap", gap), ("_level", level)):
            object.__setattr__(self, name, table)

    def __repr__(self) -> str:
        """In one line: a table of a thousand numbers by its ends."""
        if isinstance(self.betas, str):
            return f"Discrete(betas={self.betas!r}, steps={len(self._alpha) - 1})"
        return f"Discrete({_brief(torch.tensor(self.betas, dtype=torch.float64))})"

    @property
    def t_max(self) -> float:
        return float(len(self._alpha) - 1)

    def _between(self, table: Tensor, t: Tensor) -> Tensor:
        """`table` (T + 1,), linear in t from row to row, and on from the last step."""
        row = t.detach().floor().clamp(0, len(table) - 2)
        table, i = table.to(t), row.long()
        return torch.lerp(table[i], table[i + 1], t - row)

    def alpha(self, t: Tensor) -> Tensor:
        return self._between(self._alpha, t)

    def sigma(self, t: Tensor) -> Tensor:
        gap = self._between(self._gap, t)
        return torch.sqrt(gap * (2 - gap))

    def time(self, log_snr: Tensor) -> Tensor:
        alpha = torch.sqrt(torch.sigmoid(log_snr))
        gap = torch.sigmoid(-log_snr) / (1 + alpha)
        i = torch.searchsorted(self._level.to(log_snr), -log_snr.detach(), right=True).clamp(1, len(self._alpha) - 1)
        (a, a_next), (g, g_next) = (
            (table[i - 1], table[i]) for table in (self._alpha.to(log_snr), self._gap.to(log_snr))
        )
        noisy = gap > 0.5  # where alpha has the digits, and the gap has them elsewhere
        return i - 1 + torch.where(noisy, (a - alpha) / (a - a_next), (gap - g) / (g_next - g))


def _brief(betas: Tensor) -> str:
    return f"{len(betas)} betas from {betas.min().item():.4g} to {betas.max().item():.4g}"


discrete = Discrete
