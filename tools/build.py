"""From a checked recipe to the objects that it names. Nothing here decides: it looks up and hands over."""

from collections.abc import Callable
from typing import Any

import torch

import modalities.modality
from core import discover
from core.denoiser import Denoiser
from core.sampling import Sampler, along
from core.schedule import Schedule
from core.training.objective import Objective
from modalities.modality import Modality
from tools.schema import Options, Recipe
from tools.schema import Sampler as SamplerKeys


def component(package: str, node: Options) -> Any:
    """The object that `{"name": ..., **options}` names, with its options bound."""
    return discover.build(package, node["name"], {key: value for key, value in node.items() if key != "name"})


def spread(package: str, node: Options, recipe: Recipe) -> Options:
    """`node` with the measured `sigma_data`, where the object that it names has one and the recipe gives none."""
    has_one = "sigma_data" in discover.options_of(discover.resolve(package, node["name"]))
    return {"sigma_data": recipe.denoiser.sigma_data} | node if has_one else node


def modality(recipe: Recipe) -> Modality:
    """The recipe's modality; a `media.scale` that is still to be measured counts as 1."""
    open_scale = {"scale": 1.0} if recipe.media.get("scale", 1.0) is None else {}
    return modalities.modality.load(recipe.modality, **recipe.media | open_scale)


def schedule(recipe: Recipe) -> Schedule:
    return component("core.schedules", recipe.denoiser.schedule)


def sampler(plan: SamplerKeys) -> Sampler:
    """The sampler with its options bound, on the path of another schedule where `path` names one."""
    own = discover.build("core.samplers", plan.name, plan.options)
    return own if plan.path is None else along(discover.build("core.schedules", plan.path), own)


def denoiser(recipe: Recipe, media: Modality) -> Denoiser:
    """The untrained denoiser; `data.classes` and `denoiser.sigma_data` must have been measured."""
    assert recipe.denoiser.sigma_data is not None, "tools.measure fills it in"
    classes = len(recipe.data.classes) if recipe.data.class_conditional else 0
    network = media.network(classes=classes, **recipe.network)
    prediction = component("core.predictions", spread("core.predictions", recipe.denoiser.prediction, recipe))
    return Denoiser(network, schedule(recipe), prediction, sigma_data=recipe.denoiser.sigma_data)


def objective(recipe: Recipe) -> Objective:
    return Objective(
        density=component("core.densities", recipe.loss.density),
        weighting=component("core.weightings", spread("core.weightings", recipe.loss.weighting, recipe)),
        condition_dropout=recipe.loss.label_dropout,
        draws=component("core.draws", recipe.loss.draws),
        coupling=component("core.couplings", recipe.loss.coupling),
        error=component("core.errors", recipe.loss.error),
    )


def optimizer(recipe: Recipe, network: torch.nn.Module, extra: torch.nn.Module) -> torch.optim.Optimizer:
    """For the network and what the objective itself learns, which is `extra`."""
    make = discover.resolve("core.optimizers", recipe.optimizer.name)
    parameters = [*network.named_parameters(), *extra.named_parameters(prefix="objective")]
    return make(parameters, lr=recipe.optimizer.lr, **recipe.optimizer.options)


def decay(recipe: Recipe) -> Callable[[float], float]:
    return component("core.decays", recipe.optimizer.decay)


def device(name: str) -> torch.device:
    """`auto` is a CUDA card where there is one. Raises ValueError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        wanted = torch.device(name)
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device={name} is not available here: {str(error).splitlines()[0]}") from None
    return wanted


def precision(name: str, on: torch.device) -> str:
    """`auto` is bf16 where the hardware multiplies it and fp32 elsewhere: an emulated bf16 is many times slower."""
    if name != "auto":
        return name
    if on.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    able = torch.cpu.get_capabilities() if on.type == "cpu" else {}
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"
