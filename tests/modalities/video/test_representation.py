"""Pixels in [-1, 1], channels in front of time."""

import torch

from modalities.video.representation import decode, encode


def test_every_value_finds_its_place_and_its_way_back() -> None:
    media = torch.randint(0, 256, (2, 5, 4, 3, 3), dtype=torch.uint8)  # (B, T, H, W, C)
    media[0, 0, 0, 0] = torch.tensor([0, 255, 51], dtype=torch.uint8)
    x0 = encode(media)
    assert x0.shape == (2, 3, 5, 4, 3)
    assert x0.is_contiguous()
    torch.testing.assert_close(x0[0, :, 0, 0, 0], torch.tensor([-1.0, 1.0, -0.6]))
    torch.testing.assert_close(x0[1, 2, 4, 3, 1], media[1, 4, 3, 1, 2] / 127.5 - 1)
    torch.testing.assert_close(decode(x0), media, rtol=0, atol=0)
