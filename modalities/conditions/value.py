"""A number: a pitch, a tempo, an angle; a field of the examples' metadata, in its own unit.

    u = (v - low) / (high - low), or of the logarithms
    embedding = W2 silu(W1 [cos(f_k u), sin(f_k u)])          absent: a learned vector

f_k are 16 frequencies from 1/2 to 64 rad over the range (Tancik et al. 2020), which tell apart 1 % of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from modalities.condition import check_dropout
from modalities.data.batch import Batch
from modalities.modality import Modality
from modalities.nn.convolution import linear

FREQUENCIES = 16


@dataclass(frozen=True, kw_only=True)
class Value:
    """Rows (B,) float32: the value, NaN where absent. ValueError for an empty range, or a logarithm of what is not > 0.

    field: name of the value in the metadata; low, high: its range, measured where null; examples outside are trained
    without it; scale: linear or log (equal ratios count equally: pitches, speeds); dropout: see `Condition`.
    """

    enters: ClassVar[str] = "norm"
    word: ClassVar[str] = ""
    measured: ClassVar[tuple[str, ...]] = ("low", "high")

    field: str
    low: float | None = None
    high: float | None = None
    scale: str = "linear"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_dropout(self.dropout)
        if self.scale not in ("linear", "log"):
            raise ValueError(f"scale={self.scale} must be linear or log")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low={self.low:g} must be below high={self.high:g}")
        if self.scale == "log" and any(end is not None and end <= 0 for end in (self.low, self.high)):
            raise ValueError(f"scale=log needs a range above 0, got low={self.low}, high={self.high}")

    def bound(self, media: Modality) -> Self:
        return self

    def look(self, values: Callable[[str], Sequence[float | str | None]]) -> Mapping[str, Any]:
        numbers = [v for v in values(self.field) if isinstance(v, float) and (self.scale == "linear" or v > 0)]
        if not numbers or min(numbers) == max(numbers):
            found = f"only {numbers[0]:g}" if numbers else "no number"
            raise ValueError(f"the data have {found} in the field {self.field!r}: there is no range to learn")
        low = min(numbers) if self.low is None else self.low
        return {"low": low, "high": max(numbers) if self.high is None else self.high}

    def of(self, batch: Batch, x0: Tensor, generator: Generator) -> Tensor:
        found = [torch.nan if value is None else value for value in self.said(batch)]
        return torch.tensor(found, dtype=torch.float32).to(x0.device, non_blocking=True)

    def said(self, batch: Batch) -> list[float | None]:
        low, high = self._range()
        column = batch.values.get(self.field, (None,) * len(batch))
        return [v if isinstance(v, float) and low <= v <= high else None for v in column]

    def given(self, value: Any) -> Tensor:
        low, high = self._range()
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not low <= number <= high:
            raise ValueError(f"{value} is no number from {low:g} to {high:g}, the range that was learned")
        return torch.tensor([number], dtype=torch.float32)

    def empty(self) -> Tensor:
        return torch.full((1,), torch.nan)

    def module(self, channels: int) -> nn.Module:
        low, high = self._range()
        if self.scale == "log":
            return ValueEmbedding(channels, math.log(low), math.log(high), log=True)
        return ValueEmbedding(channels, low, high, log=False)

    def _range(self) -> tuple[float, float]:
        assert self.low is not None, "tools.measure fills it in"
        assert self.high is not None, "tools.measure fills it in"
        return self.low, self.high


class ValueEmbedding(nn.Module):
    """`forward(rows (B,)) -> (B, channels)`."""

    def __init__(self, channels: int, low: float, high: float, *, log: bool) -> None:
        super().__init__()
        self.low, self.high, self.log = low, high, log
        self.layer1 = linear(2 * FREQUENCIES, channels)
        self.layer2 = linear(channels, channels)
        self.null = nn.Parameter(torch.randn(channels))

    def forward(self, rows: Tensor) -> Tensor:
        known = ~rows.isnan()
        v = torch.where(known, rows, math.exp(self.low) if self.log else self.low)
        u = ((v.log() if self.log else v) - self.low) / (self.high - self.low)
        steps = torch.linspace(math.log(0.5), math.log(64.0), FREQUENCIES, device=rows.device)
        phase = u[:, None] * steps.exp()
        features = torch.cat([phase.cos(), phase.sin()], dim=1) * math.sqrt(2)
        embedding = self.layer2(functional.silu(self.layer1(features.to(self.layer1.weight.dtype))))
        return torch.where(known[:, None], embedding, self.null.to(embedding.dtype))


value = Value
