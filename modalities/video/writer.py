"""One clip to one MP4 file that browsers play: H.264, yuv420p, index in front (faststart).

The format halves the resolution of colour and needs even dimensions: a clip of odd height or width is written one row
or column larger, a copy of its last one. Brightness is kept within one or two grey levels (quantiser 4 of 51).
"""

from pathlib import Path

import torch
from torch import Tensor

from modalities.writing import atomic

QUALITY = "4"  # x264's constant rate factor: 18 looks lossless, 0 would need a profile that browsers do not play


def write(media: Tensor, path: Path, fps: float) -> None:
    """uint8 (T, H, W, C) with C = 1 (grey) or 3 (RGB), at `fps` frames per second. Raises OSError where it cannot."""
    from fractions import Fraction

    import av
    from av.video.reformatter import ColorRange, Colorspace

    frames = even(media.detach().cpu()).expand(-1, -1, -1, 3).contiguous().numpy()  # (T, H, W, 3)
    with atomic(path) as temporary:
        try:
            with av.open(str(temporary), "w", options={"movflags": "+faststart"}) as container:
                stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                stream.height, stream.width = frames.shape[1:3]
                stream.pix_fmt = "yuv420p"
                stream.options = {"crf": QUALITY, "preset": "medium"}
                # Named, so that a player does not guess: tiny clips are taken for BT.601 by some and BT.709 by others.
                stream.codec_context.colorspace = Colorspace.ITU709
                stream.codec_context.color_range = ColorRange.MPEG
                stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
                for pixels in frames:
                    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                    frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
        except av.error.FFmpegError as error:
            raise OSError(f"cannot write {path}: {error}") from error


def even(media: Tensor) -> Tensor:
    """(T, H, W, C) with H and W made even by repeating the last row and column."""
    for axis in (1, 2):
        if media.shape[axis] % 2:
            media = torch.cat([media, media.narrow(axis, media.shape[axis] - 1, 1)], dim=axis)
    return media
