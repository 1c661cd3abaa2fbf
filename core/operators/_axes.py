"""What operators on trailing axes check."""

from torch import Tensor


def check_axes(name: str, axes: tuple[int, ...]) -> None:
    """ValueError unless `axes` are negative and distinct."""
    if not axes or min(axes) > 0 or max(axes) >= 0 or len(set(axes)) < len(axes):
        raise ValueError(f"operator {name}: axes must be distinct and counted from the end, -1 the last, got {axes}")


def check_rank(name: str, x: Tensor, rank: int) -> None:
    """ValueError unless x (B, *event) has at least `rank` axes after the batch."""
    if x.ndim <= rank:
        raise ValueError(f"operator {name}: needs {rank} axes after the batch, got shape {tuple(x.shape)}")
