"""Several conditions at once (Liu et al. 2022): the score of p(x) prod_i (p(x | c_i) / p(x))^w_i."""

from collections.abc import Sequence

from torch import Tensor

from core.schedule import Denoise


def composed(conditionals: Sequence[Denoise], unconditional: Denoise, *, weights: Sequence[float]) -> Denoise:
    """`unconditional + sum_i weights[i] * (conditionals[i] - unconditional)`, x0_hat of shape (B, *event).

    A positive weight is «and» (the scale of `classifier_free`, where there is one condition), a negative one is «not».
    Raises ValueError where there is not one weight per condition, or none at all.
    """
    if not conditionals or len(conditionals) != len(weights):
        raise ValueError(f"composed: needs one weight per condition, got {len(weights)} for {len(conditionals)}")

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        base = x0 = unconditional(x, t)
        for weight, conditional in zip(weights, conditionals, strict=True):
            x0 = x0 + weight * (conditional(x, t) - base)
        return x0

    return denoise
