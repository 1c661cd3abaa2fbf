"""From a checked recipe to the objects that it names. Nothing here decides: it looks up and hands over."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

import modalities.condition
import modalities.modality
from core import discover
from core.denoiser import Denoiser
from core.sampling import Sampler, along
from core.schedule import Schedule
from core.training.objective import Objective
from modalities.adversarial.discriminators import kind_of, make_discriminator
from modalities.condition import Condition
from modalities.latents.autoencoder import Autoencoder
from modalities.latents.objective import Objective as Reconstruction
from modalities.latents.shape import AutoencoderShape
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
    """The recipe's modality, seen through the autoencoder of `latents`; a `media.scale` that is still to be measured
    counts as 1."""
    open_scale = {"scale": 1.0} if recipe.media.get("scale", 1.0) is None else {}
    media = modalities.modality.load(recipe.modality, **recipe.media | open_scale)
    if recipe.latents is None:
        return media
    from tools.latents.space import seen_through  # it builds the autoencoder, by way of this module

    return seen_through(recipe, media)


def schedule(recipe: Recipe) -> Schedule:
    return component("core.schedules", recipe.denoiser.schedule)


def sampler(plan: SamplerKeys) -> Sampler:
    """The sampler with its options bound, on the path of another schedule where `path` names one."""
    own = discover.build("core.samplers", plan.name, plan.options)
    return own if plan.path is None else along(discover.build("core.schedules", plan.path), own)


def conditions(recipe: Recipe, media: Modality) -> dict[str, Condition]:
    """What the model is asked for beside its classes, by name."""
    return modalities.condition.build(recipe.conditions, media)


def answers(recipe: Recipe) -> int:
    """How many answers the loss asks of the network: a variance beside the mean, or the mean alone."""
    return 2 if recipe.loss.name == "hybrid" else 1


def jumps(recipe: Recipe) -> bool:
    """Whether the loss tells the network how far a step goes."""
    return recipe.loss.name == "mean_flow"


def network(recipe: Recipe, media: Modality) -> torch.nn.Module:
    """The untrained network of a denoiser; `data.classes` must have been measured."""
    classes = len(recipe.data.classes) if recipe.data.class_conditional else 0
    kinds = conditions(recipe, media)
    asked = {"answers": answers(recipe), "jumps": jumps(recipe)}
    return media.network(classes=classes, conditions=kinds, **asked, **recipe.network)


def denoiser(recipe: Recipe, network: torch.nn.Module) -> Denoiser:
    """The network, bare or wrapped, as the denoiser of a recipe that has been measured."""
    assert recipe.denoiser.sigma_data is not None, "tools.measure fills it in"
    assert recipe.denoiser.prediction is not None, "tools.measure fills it in"
    prediction = component("core.predictions", spread("core.predictions", recipe.denoiser.prediction, recipe))
    return Denoiser(
        network,
        schedule(recipe),
        prediction,
        sigma_data=recipe.denoiser.sigma_data,
        answers=answers(recipe),
        jumps=jumps(recipe),
    )


def objective(recipe: Recipe) -> Objective:
    """What a denoiser is trained on, of a recipe that has been measured."""
    assert recipe.loss.density is not None, "tools.measure fills it in"
    assert recipe.loss.weighting is not None, "tools.measure fills it in"
    return Objective(
        density=component("core.densities", recipe.loss.density),
        weighting=component("core.weightings", spread("core.weightings", recipe.loss.weighting, recipe)),
        condition_dropout=recipe.loss.condition_dropout,
        own_dropout={n: component(modalities.condition.PACKAGE, node).dropout for n, node in recipe.conditions.items()},
        draws=component("core.draws", recipe.loss.draws),
        coupling=component("core.couplings", recipe.loss.coupling),
        error=component("core.errors", recipe.loss.error),
        loss=discover.build("core.losses", recipe.loss.name, recipe.loss.options),
    )


def autoencoder(recipe: Recipe, media: Modality) -> Autoencoder:
    """The untrained autoencoder; `data.classes` must have been measured."""
    part, event_shape = recipe.autoencoder, media.event_shape
    classes = len(recipe.data.classes) if part.label and recipe.data.class_conditional else 0
    bottleneck = component("modalities.latents.bottlenecks", part.bottleneck)
    shape = AutoencoderShape(**part.network)
    return Autoencoder(shape, bottleneck, rank=len(event_shape) - 1, in_channels=event_shape[0], classes=classes)


def reconstruction(recipe: Recipe) -> Reconstruction:
    """What an autoencoder is trained on, its adversary apart."""
    part = recipe.autoencoder
    return Reconstruction(
        reconstruction=component("modalities.latents.losses", part.reconstruction),
        perceptual=component("modalities.latents.losses", part.perceptual),
        perceptual_weight=part.perceptual_weight,
    )


def discriminator(options: Options, event_shape: Sequence[int], *, classes: int) -> torch.nn.Module:
    """The judges that fit such events, with the options that a recipe gives."""
    return make_discriminator(kind_of(event_shape), event_shape[0], **{"classes": classes} | options)


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
