"""Drawing by a learned variance: what a denoiser that has one hands to a sampler that can use it."""

from functools import partial

from core import discover
from core.condition import Condition
from core.denoiser import Denoiser
from core.guidance.shared import shared
from core.learned_variance import Joint, both
from core.sampling import Sampler
from core.schedule import Denoise
from tools.schema import Sampler as SamplerKeys


def asked_once(denoiser: Denoiser, cond: Condition) -> Denoise:
    """The denoiser under a condition, for one run of a sampler: whoever asks again at the same x and t gets the same
    answer. A `Joint` where it has learned a variance."""
    if denoiser.answers == 2:
        return Joint(lambda x, t: both(denoiser, x, t, cond))
    return shared(lambda x, t: denoiser(x, t, cond))


def drawing(sampler: Sampler, plan: SamplerKeys, model: Denoise) -> Sampler:
    """`sampler`, which `plan` names, drawing by the variance that `model` has learned: where it can, `plan` names no
    other, and steps are taken on the path on which it was learned."""
    takes = "variance" in discover.options_of(discover.resolve("core.samplers", plan.name))
    free = takes and "variance" not in plan.options and plan.path is None
    return partial(sampler, variance=model.fraction) if isinstance(model, Joint) and free else sampler
