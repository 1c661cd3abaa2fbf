"""The generator behind the embedded data."""

from modalities.data.uniforms import GOLDEN, mix, uniforms


def test_mix_is_splitmix64() -> None:
    # The first two outputs of SplitMix64 from state 0, as published with the generator's reference code.
    assert mix(GOLDEN) == 0xE220A8397B1DCDAF
    assert mix(2 * GOLDEN & (1 << 64) - 1) == 0x6E789E6AA1B965F4


def test_numbers_are_uniform_and_pairs_are_uncorrelated() -> None:
    n = 4000
    drawn = [uniforms(3, i, 2) for i in range(n)]
    for column in zip(*drawn, strict=True):
        assert abs(sum(column) / n - 0.5) < 4 * (1 / 12 / n) ** 0.5
        assert abs(sum(u * u for u in column) / n - 1 / 3) < 4 * (4 / 45 / n) ** 0.5
    covariance = sum((a - 0.5) * (b - 0.5) for a, b in drawn) / n
    assert abs(covariance) < 4 / 12 / n**0.5
    following = sum((drawn[i][0] - 0.5) * (drawn[i + 1][0] - 0.5) for i in range(n - 1)) / n
    assert abs(following) < 4 / 12 / n**0.5


def test_seed_and_index_are_not_interchangeable() -> None:
    assert len({tuple(uniforms(seed, index, 2)) for seed in range(20) for index in range(20)}) == 400
