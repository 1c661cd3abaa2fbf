"""Loss of colour: the weighted sum of the channels, y = sum_c w_c x_c, with one channel left. A A^T = |w|^2."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.measurement import damped


@dataclass(frozen=True)
class Grey:
    """`weights`, one per channel (the first axis after the batch); the default is luma of ITU-R BT.601. For the mono of
    a stereo recording: (0.5, 0.5). Raises ValueError where all are 0 or their number is not that of the channels."""

    weights: tuple[float, ...] = (0.299, 0.587, 0.114)

    def __post_init__(self) -> None:
        if not any(self.weights):
            raise ValueError(f"operator grey: needs a weight that is not 0, got {self.weights}")

    @property
    def gram(self) -> float:
        return sum(w * w for w in self.weights)

    def _column(self, like: Tensor) -> Tensor:
        w = torch.tensor(self.weights, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
        return w.reshape((-1,) + (1,) * (like.ndim - 2))

    def __call__(self, x0: Tensor) -> Tensor:
        if x0.ndim < 2 or x0.shape[1] != len(self.weights):
            raise ValueError(f"operator grey: {len(self.weights)} weights for channels of shape {tuple(x0.shape)}")
        return (self._column(x0) * x0).sum(1, keepdim=True).to(x0.dtype)

    def adjoint(self, y: Tensor) -> Tensor:
        return (self._column(y) * y).to(y.dtype)

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        return damped(self.adjoint(y), rho, self.gram)


grey = Grey
