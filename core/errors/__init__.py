"""One file per error of an output: `error(residual, weight) -> (B,)`.

residual (B, *event) is output - target, weight (B,) that of its mean square. Every error is weight * mean(residual^2)
where the weighted residual is small enough, so that a weighting means the same under all of them.
"""
