"""What some models know beside the mean, handed to the samplers that can use it: a variance, where a step ends."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from core import discover
from core.condition import Condition
from core.denoiser import Denoiser
from core.guidance.shared import shared
from core.learned_variance import Joint, both
from core.onward import Onward
from core.sampling import Sampler
from core.schedule import Denoise
from tools.schema import Sampler as SamplerKeys

Asks = Callable[[Tensor, Tensor, Condition], Tensor]
"""`asks(x, t, cond) -> x0_hat`: a denoiser, or one for the steps of a grid."""


def on_grid(denoiser: Denoiser, plan: SamplerKeys, times: Tensor) -> Asks:
    """The denoiser for the steps between `times`: one that jumps answers for the step, where `plan` takes such steps,
    and with the mean elsewhere."""
    steps = plan.name == "ddim" and plan.path is None and not plan.options.get("eta")
    return Onward(denoiser, times) if denoiser.jumps and steps else denoiser


def under(asks: Asks, cond: Condition) -> Denoise:
    """It under a condition per example."""
    return lambda x, t: asks(x, t, cond)


def asked_once(denoiser: Denoiser, cond: Condition, asks: Asks | None = None) -> Denoise:
    """The denoiser, or `asks` in its place, under a condition, for one run of a sampler: whoever asks again at the same
    x and t gets the same answer. A `Joint` where it has learned a variance."""
    if denoiser.answers == 2:
        return Joint(lambda x, t: both(denoiser, x, t, cond))
    return shared(under(asks or denoiser, cond))


def drawing(sampler: Sampler, plan: SamplerKeys, model: Denoise) -> Sampler:
    """`sampler`, which `plan` names, drawing by the variance that `model` has learned: where it can, `plan` names no
    other, and steps are taken on the path on which it was learned."""
    takes = "variance" in discover.options_of(discover.resolve("core.samplers", plan.name))
    free = takes and "variance" not in plan.options and plan.path is None
    return partial(sampler, variance=model.fraction) if isinstance(model, Joint) and free else sampler
