"""One file per distance of a reconstruction from its original: `loss(x_hat, x0) -> (B,)`, both (B, C, *size).

Means over the numbers of an example, so that they keep their meaning at any size.
"""
