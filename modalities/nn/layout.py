"""How the networks see an event: always as maps (N, C, H, W), so that one code serves waveforms, images and frames.

A waveform (B, C, L) is a map of height 1 and its kernels are (1, k); a clip (B, C, T, H, W) is B*T maps. PyTorch has
channels-last kernels for two-dimensional convolution on every device, and so waveforms get them too.
"""

from torch import Tensor
from torch.nn import functional

Size = tuple[int, int]


def square(factor: int, rank: int) -> Size:
    """The factor or kernel along (height, width): a waveform, rank 1, has no height."""
    return (1, factor) if rank == 1 else (factor, factor)


def pad_to(x: Tensor, multiple: Size) -> Tensor:
    """Zeros at the bottom and right of (N, C, H, W) until each side is a multiple, as the convolutions pad too."""
    down, right = -x.shape[-2] % multiple[0], -x.shape[-1] % multiple[1]
    return functional.pad(x, (0, right, 0, down)) if down or right else x


def fold(x: Tensor, factor: Size) -> Tensor:
    """Space to channels: (N, C, H*fh, W*fw) -> (N, fh*fw*C, H, W) in channels-last memory, the networks' layout."""
    (N, C, H, W), (fh, fw) = x.shape, factor
    x = x.reshape(N, C, H // fh, fh, W // fw, fw)  # axes: N C H fh W fw
    return x.permute(0, 2, 4, 3, 5, 1).reshape(N, H // fh, W // fw, fh * fw * C).contiguous().permute(0, 3, 1, 2)


def unfold(x: Tensor, factor: Size) -> Tensor:
    """Channels to space, the inverse of `fold`: (N, fh*fw*C, H, W) -> (N, C, H*fh, W*fw)."""
    (N, C, H, W), (fh, fw) = x.shape, factor
    x = x.reshape(N, fh, fw, C // (fh * fw), H, W)  # axes: N fh fw C H W
    return x.permute(0, 3, 4, 1, 5, 2).reshape(N, C // (fh * fw), H * fh, W * fw)


def fold_time(x: Tensor, frames: int) -> Tensor:
    """Time to channels: (B, C, T, H, W) -> (B, frames*C, ceil(T / frames), H, W), frames of zeros after the last."""
    if frames == 1:
        return x
    x = functional.pad(x, (0, 0, 0, 0, 0, -x.shape[2] % frames))
    return x.unflatten(2, (-1, frames)).permute(0, 3, 1, 2, 4, 5).flatten(1, 2)  # axes: B frames C T H W


def unfold_time(x: Tensor, frames: int) -> Tensor:
    """Channels to time, the inverse of `fold_time`: (B, frames*C, T, H, W) -> (B, C, T*frames, H, W)."""
    if frames == 1:
        return x
    return x.unflatten(1, (frames, -1)).permute(0, 2, 3, 1, 4, 5).flatten(2, 3)  # axes: B C T frames H W
