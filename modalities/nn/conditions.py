"""All conditions of a network but its classes: rows in, and what enters by each of the three ways out.

    embedding = sum of what enters by norm + 2.5 W norm(mean(tokens))     (B, channels), beside that of the noise level
    tokens    = [null, tokens of what enters by attention ...]        the null token is what is left where all is absent
    signals   = what enters by concat

The mean over the tokens of a row is zero where there are none. Normalised and enlarged, one word of six counts as much
in it as a class in the table of labels; in the mean itself it would be a sixth of that. That it modulates the residual
blocks too (Saharia et al. 2022, sec. 2.3) tells small networks, which have attention at few levels, what is asked for.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from core.condition import Condition
from modalities.condition import Condition as Kind
from modalities.nn.convolution import linear
from modalities.nn.cross_attention import Tokens
from modalities.nn.norm import normalise

GAIN = 2.5
"""Root mean square of what enters of the words: about the root of their number in a short caption."""


class Entering(NamedTuple):
    """`embedding` (B, channels), `tokens`, and the signals (B, K, *size), each with whether it is folded with x."""

    embedding: Tensor | None = None
    tokens: Tokens | None = None
    signals: tuple[tuple[Tensor, bool], ...] = ()


class Conditions(nn.Module):
    """`forward(cond, B)`; a condition that `cond` lacks is absent in all of the B rows."""

    def __init__(self, kinds: Mapping[str, Kind], channels: int) -> None:
        super().__init__()
        self.ways = {name: kinds[name].enters for name in sorted(kinds)}
        self.parts = nn.ModuleDict({name: kinds[name].module(channels) for name in self.ways})
        for name in self.ways:
            self.register_buffer(f"empty_{name}", kinds[name].empty(), persistent=False)
        self.attends = "attention" in self.ways.values()
        if self.attends:
            self.null = nn.Parameter(torch.randn(channels))
            self.pooled = linear(channels, channels)

    @property
    def folded(self) -> int:
        """Channels of the signals that lie beside x before it is folded."""
        return self._channels(True)

    @property
    def coarse(self) -> int:
        """Channels of the signals that lie beside the folded map."""
        return self._channels(False)

    def _channels(self, folded: bool) -> int:
        signals: list[Any] = [self.parts[name] for name, way in self.ways.items() if way == "concat"]
        return sum(s.channels for s in signals if s.folded == folded)

    def forward(self, cond: Condition, rows: int) -> Entering:
        embeddings, tokens, masks, signals = [], [], [], []
        for name, way in self.ways.items():
            part = self.parts[name]
            out = part(self._rows(name, cond, rows))
            if way == "norm":
                embeddings.append(out)
            elif way == "attention":
                tokens.append(out[0])
                masks.append(out[1])
            else:
                signals.append((out, bool(part.folded)))
        given = None
        if self.attends:
            given = self._tokens(tokens, masks)
            pooled = mean(torch.cat(tokens, dim=1), torch.cat(masks, dim=1))
            embeddings.append(self.pooled(GAIN * normalise(pooled)))
        embedding = torch.stack(embeddings).sum(0) if embeddings else None
        return Entering(embedding, given, tuple(signals))

    def _rows(self, name: str, cond: Condition, rows: int) -> Tensor:
        if cond is not None and name in cond:
            return cond[name]
        empty = self.get_buffer(f"empty_{name}")
        return empty.expand(rows, *empty.shape[1:])

    def _tokens(self, tokens: list[Tensor], masks: list[Tensor]) -> Tokens:
        B = len(masks[0])
        null = self.null.to(tokens[0].dtype).expand(B, 1, -1)
        return Tokens(torch.cat([null, *tokens], dim=1), torch.cat([masks[0].new_ones(B, 1), *masks], dim=1))


def mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens (B, L, C) that the mask (B, L) lets through: (B, C), zero where it lets none."""
    weight = mask.to(tokens.dtype)
    return (tokens * weight[:, :, None]).sum(1) / weight.sum(1, keepdim=True).clamp(min=1)
