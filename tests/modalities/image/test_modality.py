"""Images of any shape in one batch, and mirroring in training alone."""

import torch

from modalities.data.batch import Batch
from modalities.data.example import Example
from modalities.image.modality import ImageModality


def test_mixed_shapes_come_back_in_the_order_of_the_batch() -> None:
    shades = [10, 60, 110, 160, 210]
    shapes = [(3, 8, 8), (3, 20, 11), (3, 8, 8), (3, 3, 3), (3, 20, 11)]
    examples = [
        Example(torch.full(shape, shade, dtype=torch.uint8)) for shape, shade in zip(shapes, shades, strict=True)
    ]
    out = ImageModality(size=8).prepare(Batch.of(examples), None)
    expected = torch.tensor(shades, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 3, 8, 8)
    torch.testing.assert_close(out, expected, rtol=0, atol=0)


def test_only_a_generator_switches_mirroring_on() -> None:
    pictures = torch.randint(0, 256, (64, 3, 4, 4), dtype=torch.uint8)
    batch = Batch.of([Example(picture) for picture in pictures])
    flipping = ImageModality(size=4, flip=True)
    torch.testing.assert_close(flipping.prepare(batch, None), pictures, rtol=0, atol=0)
    plain = ImageModality(size=4).prepare(batch, torch.Generator())
    torch.testing.assert_close(plain, pictures, rtol=0, atol=0)
    out = flipping.prepare(batch, torch.Generator().manual_seed(0))
    moved = (out != pictures).flatten(1).any(1)
    torch.testing.assert_close(out[moved], pictures.flip(-1)[moved], rtol=0, atol=0)
    assert 10 < moved.sum() < 54  # 32 +- 5.5 standard deviations
