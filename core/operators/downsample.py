"""Average pooling by a whole factor along some axes (super-resolution): its rows are orthogonal, A A^T = I / cell.

cell = factor^len(axes) is the number of elements that are averaged; A^T y spreads y / cell over them, A^+ y copies y.
"""

from dataclasses import dataclass

from torch import Tensor

from core.measurement import damped
from core.operators._axes import check_axes, check_rank


@dataclass(frozen=True)
class Downsample:
    """`axes` counted from the end: (-1,) is time of a waveform, (-2, -1) height and width.

    Raises ValueError for a factor below 1, axes that are not such, or a length that `factor` does not divide.
    """

    factor: int = 2
    axes: tuple[int, ...] = (-1,)

    def __post_init__(self) -> None:
        check_axes("downsample", self.axes)
        if self.factor < 1:
            raise ValueError(f"operator downsample: factor must be at least 1, got {self.factor}")

    @property
    def gram(self) -> float:
        return self.factor ** -len(self.axes)

    def __call__(self, x0: Tensor) -> Tensor:
        check_rank("downsample", x0, -min(self.axes))
        for axis in self.axes:
            if x0.shape[axis] % self.factor:
                raise ValueError(
                    f"operator downsample: factor {self.factor} does not divide axis {axis} of shape {tuple(x0.shape)}"
                )
            x0 = x0.unflatten(axis, (-1, self.factor)).mean(axis)
        return x0

    def adjoint(self, y: Tensor) -> Tensor:
        for axis in self.axes:
            y = y.repeat_interleave(self.factor, axis)
        return y * self.gram

    def pinv(self, y: Tensor, rho: Tensor | float = 0.0) -> Tensor:
        return damped(self.adjoint(y), rho, self.gram)


downsample = Downsample
