"""Random numbers that are a pure function of (seed, index): the source of everything the embedded generators draw.

SplitMix64 (Steele, Lea & Flood 2014, fig. 15) on a state hashed from seed and index. Integer arithmetic alone, so the
numbers are the same on every platform and with every version of every library.
"""

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z: int) -> int:
    """SplitMix64's finaliser: a bijection of 64-bit integers in which every input bit moves every output bit."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniforms(seed: int, index: int, count: int) -> list[float]:
    """`count` numbers in [0, 1), multiples of 2**-53."""
    state = mix((mix((seed + GOLDEN) & MASK) + index * GOLDEN) & MASK)
    return [(mix((state + k * GOLDEN) & MASK) >> 11) * 2.0**-53 for k in range(1, count + 1)]
