"""One file per coupling: `coupling(x0, eps, label) -> eps`, which noise each example of a batch is paired with.

x0, eps (B, *event); label (B,) int64 or None. The result is a permutation of the rows of eps, a function of its
arguments alone, so the noise of a batch as a whole stays what was drawn.
"""
