"""The typed recipe: every key that a recipe may have, its type and its range. Defaults: `configs/defaults.yaml`.

`Options` is the node of a component: `{"name": "heun", "s_churn": 10.0}`, the file name in its package and keyword
options of that object. `tools.components` checks them against the object itself: a new component needs no line here.
No field has a default: `configs/defaults.yaml` is the one place that gives them.
"""

from dataclasses import dataclass, field
from typing import Any

Options = dict[str, Any]


def key(
    at_least: float | None = None, above: float | None = None, at_most: float | None = None, one_of: str = ""
) -> Any:
    """A field with a range (inclusive, exclusive, inclusive) or with the words that it may be."""
    return field(metadata={"at_least": at_least, "above": above, "at_most": at_most, "one_of": tuple(one_of.split())})


def component(package: str) -> Any:
    """A field that names an object of `package` and holds its options."""
    return field(metadata={"package": package})


def components(package: str) -> Any:
    """A field that names objects of `package`, each under a name of the recipe's own."""
    return field(metadata={"components": package})


def options_of(package: str) -> Any:
    """The options of the object of `package` whose name stands beside this field; in files they stand beside it too."""
    return field(metadata={"options_of": package})


@dataclass(kw_only=True)
class Data:
    path: str | None
    split: str = key(one_of="train val test")
    classes: list[str]
    class_conditional: bool
    examples: list[Any]
    workers: int | None = key(at_least=0)
    stills: float = key(at_least=0, at_most=1)
    stills_path: str | None


@dataclass(kw_only=True)
class DenoiserPart:
    schedule: Options = component("core.schedules")
    prediction: Options | None = component("core.predictions")
    sigma_data: float | None = key(above=0)


@dataclass(kw_only=True)
class Loss:
    """`loss.weight=0.01` with `loss=hybrid` is `options["weight"]` here: keys other than these are the loss's own."""

    name: str
    weighting: Options | None = component("core.weightings")
    density: Options | None = component("core.densities")
    draws: Options = component("core.draws")
    coupling: Options = component("core.couplings")
    error: Options = component("core.errors")
    condition_dropout: float = key(at_least=0, at_most=1)
    options: Options = options_of("core.losses")


@dataclass(kw_only=True)
class Adversarial:
    weight: float = key(at_least=0)
    features: float = key(at_least=0)
    start: float = key(at_least=0, at_most=1)
    lr: float = key(above=0)
    loss: Options = component("modalities.adversarial.losses")
    discriminator: Options


@dataclass(kw_only=True)
class AutoencoderPart:
    """`network` and `adversarial.discriminator` hold the options of what the modality makes of them."""

    network: Options
    label: bool
    bottleneck: Options = component("modalities.latents.bottlenecks")
    reconstruction: Options = component("modalities.latents.losses")
    perceptual: Options = component("modalities.latents.losses")
    perceptual_weight: float = key(at_least=0)
    adversarial: Adversarial


@dataclass(kw_only=True)
class Gan:
    latent: int = key(at_least=1)
    width: int = key(at_least=1)
    multipliers: list[int] = key(at_least=1)
    blocks: int | list[int] = key(at_least=1)
    patch: int = key(at_least=1)
    factor: int = key(at_least=2)
    loss: Options = component("modalities.adversarial.losses")
    gamma: float = key(at_least=0)
    gamma_end: float | None = key(above=0)
    penalty_every: int = key(at_least=1)
    critic_lr: float = key(above=0)


@dataclass(kw_only=True)
class Optimizer:
    """`optimizer.weight_decay=0.1` in a recipe is `options["weight_decay"]` here: keys other than these are its own."""

    name: str
    lr: float = key(above=0)
    warmup_steps: int = key(at_least=0)
    decay: Options = component("core.decays")
    clip_norm: float = key(at_least=0)
    options: Options = options_of("core.optimizers")


@dataclass(kw_only=True)
class Posthoc:
    every: int | None = key(at_least=1)
    sigma_rels: list[float] = key(above=0, at_most=0.2886)


@dataclass(kw_only=True)
class Train:
    batch: int = key(at_least=1)
    accumulate: int = key(at_least=1)
    steps: int | None = key(at_least=1)
    minutes: float | None = key(above=0)


@dataclass(kw_only=True)
class Checkpoint:
    every: int | None = key(at_least=1)
    minutes: float | None = key(above=0)
    keep: int = key(at_least=1)


@dataclass(kw_only=True)
class Log:
    every: int = key(at_least=1)


@dataclass(kw_only=True)
class Sampler:
    """`sampler.eta=0.5` in a recipe is `options["eta"]` here: keys other than these are the sampler's own."""

    name: str
    steps: int = key(at_least=1)
    grid: Options = component("core.grids")
    path: str | None
    noise_scale: float = key(above=0)
    score_scale: float = key(above=0)
    options: Options = options_of("core.samplers")


@dataclass(kw_only=True)
class Guidance:
    """`guidance.eta=0.5` in a recipe is `options["eta"]` here: keys other than these are the method's own."""

    name: str
    scale: float = key(at_least=0)
    rescale: float = key(at_least=0, at_most=1)
    interval: list[float] | None = key(at_least=0)
    threshold: float | None = key(at_least=0, at_most=1)
    negative: int | str | None
    weaker: str | None
    options: Options = options_of("core.guidance")


@dataclass(kw_only=True)
class Sample:
    n: int = key(at_least=1)
    batch: int = key(at_least=1)
    label: int | str | None
    prompt: str | None
    prompts: str | None
    negative_prompt: str | None
    reference: str | None
    condition: Options
    frames: int | None = key(at_least=1)
    seconds: float | None = key(above=0)
    overlap: float = key(above=0, at_most=0.95)
    weights: str = key(one_of="ema raw")
    sigma_rel: float | None = key(above=0, at_most=0.2886)
    every: int | None = key(at_least=1)
    tile: int | None = key(at_least=8)
    out: str | None


@dataclass(kw_only=True)
class Evaluate:
    every: int | None = key(at_least=1)
    n: int = key(at_least=2)
    real: int = key(at_least=2)
    split: str = key(one_of="train val test")
    metrics: list[str] | None
    features: str
    weights: str | None
    call: Options
    floor: bool
    held_out: int = key(at_least=1)


@dataclass(kw_only=True)
class LatentSpace:
    """Measured where `latents` names an autoencoder."""

    shift: list[float] | None
    scale: list[float] | None
    fingerprint: str


@dataclass(kw_only=True)
class Recipe:
    recipe: str | None
    modality: str
    stage: str = key(one_of="diffusion autoencoder gan")
    run: str
    seed: int = key(at_least=0, at_most=2**63 - 1)
    resume: str = key(one_of="auto never must")
    start: str | None
    device: str
    precision: str = key(one_of="auto fp32 bf16")
    compile: bool
    channels_last: bool
    data: Data
    latents: str | None
    latent_space: LatentSpace
    media: Options
    network: Options
    conditions: Options = components("modalities.conditions")
    denoiser: DenoiserPart
    loss: Loss
    autoencoder: AutoencoderPart
    gan: Gan
    optimizer: Optimizer
    ema: Options = component("core.averages")
    posthoc: Posthoc
    train: Train
    checkpoint: Checkpoint
    log: Log
    sampler: Sampler
    guidance: Guidance
    sample: Sample
    evaluate: Evaluate
