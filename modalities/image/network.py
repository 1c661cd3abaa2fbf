"""The image network: a two-dimensional U-Net on pixels (B, C, H, W) of any height and width."""

from modalities.nn.conditional import ConditionalUNet


class ImageUNet(ConditionalUNet):
    """patch=2 folds 2x2 pixels into channels first: a quarter of the time, for small images hardly a loss."""
