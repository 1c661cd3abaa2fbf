"""A poorer twin of the same size: what a low resolution leaves of x0.

    y = U D x0,      D: antialiased, to 1 / factor of each side (or of the rate);  U: back to the size of x0

Pictures and frames by bicubic interpolation, antialiased on the way down (as Pillow and torchvision resize); sounds by
windowed sinc. U D is nearly a projection: to apply it twice changes little.
"""

from torch import Tensor
from torch.nn.functional import interpolate, pad

WIDTH = 16
"""Zero crossings of the sinc on either side: the transition takes about a tenth of the kept band."""


def smaller(x: Tensor, factor: int) -> Tensor:
    """(N, C, H, W) -> (N, C, H/factor, W/factor). Raises ValueError where `factor` does not divide a side."""
    height, width = x.shape[-2:]
    if height % factor or width % factor:
        raise ValueError(f"factor={factor} must divide the sides of {height}x{width}")
    return resized(x, (height // factor, width // factor))


def larger(x: Tensor, factor: int) -> Tensor:
    """(N, C, H, W) -> (N, C, H factor, W factor), bicubic."""
    return resized(x, (x.shape[-2] * factor, x.shape[-1] * factor))


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) -> (N, C, *size), bicubic, antialiased where that is smaller."""
    return interpolate(x.float(), size=size, mode="bicubic", align_corners=False, antialias=True).to(x.dtype)


def pictures(x0: Tensor, factor: int) -> Tensor:
    """U D of the last two axes: (B, C, *any, H, W) in the same shape; frames of a clip one by one."""
    flat = x0.movedim(1, -3).flatten(0, -4)  # axes: B*any C H W
    poor = larger(smaller(flat, factor), factor)
    return poor.unflatten(0, (x0.shape[0], *x0.shape[2:-2])).movedim(-3, 1) if x0.ndim > 4 else poor


def sounds(wave: Tensor, factor: int) -> Tensor:
    """U D of the last axis: (B, C, T) in the same shape, with nothing left above 1/factor of the highest frequency."""
    from torchaudio.functional import resample

    less = resample(wave.float(), factor, 1, lowpass_filter_width=WIDTH)
    poor = resample(less, 1, factor, lowpass_filter_width=WIDTH)[..., : wave.shape[-1]]
    return pad(poor, (0, wave.shape[-1] - poor.shape[-1])).to(wave.dtype)
