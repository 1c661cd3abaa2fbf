"""Decoding in tiles: the same as at once for a decoder that sees only its neighbourhood."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from modalities.latents.tiling import WHOLE, automatic, starts, tiled


def local(rank: int, factor: int, reach: int) -> nn.Module:
    """Sees `reach` positions to every side, then enlarges: 3 positions become 3 * factor. float64."""
    torch.manual_seed(0)
    kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[rank]
    kernel, padding, up = 2 * reach + 1, reach, (factor,) * rank
    if rank == 3:
        kernel, padding, up = (3, kernel, kernel), (1, reach, reach), (1, factor, factor)
    see = kind(3, 2, kernel, padding=padding).double()
    return nn.Sequential(see, nn.Tanh(), nn.Upsample(scale_factor=up))


@pytest.mark.parametrize(("rank", "size"), [(1, (53,)), (2, (21, 34)), (3, (5, 19, 16))])
@pytest.mark.parametrize("tile", [8, 12, 16])
def test_a_local_decoder_gives_the_same_in_tiles(rank, size, tile):
    """It sees a quarter of the overlap, which is a sixteenth of the tile: 1 position of 16, none of 8 and 12."""
    reach = tile // 16
    decode = local(rank, 4, reach).requires_grad_(False)
    z = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    calls = []
    made = tiled(lambda part: calls.append(part.shape) or decode(part), z, tile=tile)
    assert len(calls) > 1
    assert max(max(shape[-min(rank, 2) :]) for shape in calls) <= tile
    assert (made - decode(z)).abs().max() < 1e-6  # sums of tiles are float32


def test_a_decoder_that_sees_further_is_blended_without_a_step():
    """With no overlap its outputs would jump at the borders of tiles; blended, the jump is a small part of that."""
    decode = local(1, 2, 3).requires_grad_(False)
    z = torch.randn(1, 3, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    whole, made = decode(z), tiled(decode, z, tile=24)
    bare = torch.cat([decode(part) for part in z.split(24, -1)], -1)
    assert (made - whole).abs().max() < (bare - whole).abs().max() / 2
    assert (made - whole).square().mean() < (bare - whole).square().mean() / 4


def test_tiling_in_bfloat16_stays_within_its_rounding():
    decode = local(2, 2, 1).float().requires_grad_(False)
    z = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = tiled(decode, z, tile=16)
    assert made.dtype == torch.float32
    assert (made - decode(z)).abs().max() < 0.02  # tanh of numbers about 1 with 8 bits


def test_tiles_cover_every_position_and_share_enough():
    for length in range(9, 70):
        for side in (8, 9, 16):
            places = starts(length, min(side, length), side // 4)
            assert places[0] == 0
            assert places[-1] + min(side, length) == length
            for a, b in itertools.pairwise(places):
                assert a + side - b >= side // 4


def test_what_fits_into_one_tile_is_decoded_once_and_as_it_is():
    z = torch.randn(1, 3, 8, 5)
    assert torch.equal(tiled(functional.relu, z, tile=8), functional.relu(z))


def test_a_tile_is_chosen_by_itself_for_very_large_examples_only():
    assert automatic((4, 128, 128), (3, 1024, 1024)) is None
    side = automatic((4, 512, 512), (3, 4096, 4096))
    assert side is not None
    assert 3 * (8 * side) ** 2 <= WHOLE < 3 * (8 * (side + 1)) ** 2
    long = automatic((64, 100_000), (2, 100_000 * 2048))
    assert long is not None
    assert 2 * 2048 * long <= WHOLE


def test_bad_tiles():
    with pytest.raises(ValueError, match="at least 8"):
        tiled(functional.relu, torch.zeros(1, 1, 20, 20), tile=4)
    with pytest.raises(ValueError, match="no whole factor"):
        tiled(lambda z: z[..., 1:], torch.zeros(1, 1, 20, 20), tile=8)
