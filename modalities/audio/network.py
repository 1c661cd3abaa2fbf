"""The audio networks: a U-Net on waveforms (B, C, L), and one on complex spectrograms (B, 2C, F, T)."""

from collections.abc import Sequence

from modalities.nn.conditional import ConditionalUNet


class SpectrogramUNet(ConditionalUNet):
    """The two-dimensional U-Net of images; real and imaginary parts are channels."""


class WaveformUNet(ConditionalUNet):
    """`patch` samples become channels of one position, then strided stages shrink the positions by `factors`.

    The stem and the head have kernels of `kernel` positions, so neighbouring patches overlap: a learned filter bank.
    """

    rank = 1

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int = 0,
        width: int = 64,
        multipliers: Sequence[int] = (1, 2, 2),
        blocks: int | Sequence[int] = 2,
        attention: bool | Sequence[bool] = (False, False, True),
        head_channels: int = 32,
        patch: int = 16,
        factors: int | Sequence[int] = 4,
        kernel: int = 3,
        resampling: str = "learned",
        dropout: float = 0.0,
        checkpoint: bool = False,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            classes=classes,
            width=width,
            multipliers=multipliers,
            blocks=blocks,
            attention=attention,
            head_channels=head_channels,
            patch=patch,
            factors=factors,
            kernel=kernel,
            resampling=resampling,
            dropout=dropout,
            checkpoint=checkpoint,
        )
