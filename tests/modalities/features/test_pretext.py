"""Damages do what their names say, and nothing to what is as it is."""

import torch

from modalities.features.pretext import KINDS, blurred, damage


def maps(rank: int) -> torch.Tensor:
    shape = (10, 2, 8, 8) if rank == 2 else (10, 1, 8, 6, 6)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def damaged(x: torch.Tensor, name: str) -> torch.Tensor:
    kind = KINDS[x.ndim - 2].index(name)
    return damage(x, torch.full((len(x),), kind), torch.Generator().manual_seed(0))


def test_as_it_is_stays_bit_for_bit() -> None:
    for rank in (2, 3):
        x = maps(rank)
        kinds = torch.tensor([0, 1] * 5)
        out = damage(x, kinds, torch.Generator().manual_seed(0))
        assert torch.equal(out[::2], x[::2])
        assert not torch.isclose(out[1::2], x[1::2]).all()


def test_blur_keeps_flat_maps_and_takes_noise_to_a_third() -> None:
    assert torch.allclose(blurred(torch.ones(1, 1, 5, 5)), torch.ones(1, 1, 5, 5))
    assert torch.allclose(blurred(torch.ones(1, 1, 3, 5, 5)), torch.ones(1, 1, 3, 5, 5))
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert 0.31 < float(blurred(noise).std()) < 0.36


def test_frames_are_shuffled_whole_and_held_in_pairs() -> None:
    x = maps(3)
    shuffled = damaged(x, "shuffled")
    for before, after in zip(x, shuffled, strict=True):
        places = [[torch.equal(a, b) for b in before[0]].index(True) for a in after[0]]
        assert sorted(places) == list(range(8))
        assert places != list(range(8))
    held = damaged(x, "held")
    assert torch.equal(held[:, :, 1::2], x[:, :, ::2])
    assert torch.equal(held[:, :, ::2], x[:, :, ::2])


def test_halves_swapped_twice_is_as_it_was() -> None:
    x = maps(2)
    once = damaged(x, "halves swapped")
    assert torch.equal(once[..., :4], x[..., 4:])
    assert torch.equal(damaged(once, "halves swapped"), x)
