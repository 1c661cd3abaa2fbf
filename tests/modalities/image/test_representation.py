"""Pixels in [-1, 1]."""

import torch

from modalities.image.representation import decode, encode


def test_every_value_survives_and_the_ends_are_plus_and_minus_one() -> None:
    media = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    x0 = encode(media)
    assert x0[0, 0, 0, 0] == -1
    assert x0[0, 0, 15, 15] == 1
    assert abs(x0[0, 0, 8, 0].item() - 1 / 255) < 1e-6
    torch.testing.assert_close(decode(x0), media, rtol=0, atol=0)


def test_decode_rounds_to_the_nearest_and_clips() -> None:
    x = torch.tensor([-3.0, -1.0, 0.49 / 127.5 - 1, 0.51 / 127.5 - 1, 1.0, 7.0]).view(1, 1, 1, 6)
    assert decode(x).flatten().tolist() == [0, 0, 0, 1, 255, 255]
