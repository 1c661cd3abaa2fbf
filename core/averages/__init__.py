"""One file per kind of moving average: `average(n) -> d_n`, the weight of the past in the n-th update, n >= 1.

avg <- d_n avg + (1 - d_n) w          see `core.ema.EMA`
"""
