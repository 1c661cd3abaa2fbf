"""A run from before the keys of today is read as what it was: its recipe is here letter for letter."""

from pathlib import Path

import pytest

from tools import build
from tools import recipe as recipes

RECIPE = """\
recipe: mnist
modality: image
run: runs/mnist
seed: 0
resume: auto
device: auto
precision: fp32
compile: false
channels_last: false
data:
  path: data/mnist
  split: train
  classes:
  - '0'
  - '1'
  - '2'
  - '3'
  - '4'
  - '5'
  - '6'
  - '7'
  - '8'
  - '9'
  class_conditional: true
  workers: null
  stills: 0.0
  stills_path: null
media:
  size: 28
  channels: 1
  flip: false
network:
  width: 32
  multipliers:
  - 1
  - 3
  blocks:
  - 1
  - 2
  attention:
  - false
  - true
  head_channels: 32
  patch: 2
  positions: 0
  factors: 2
  kernel: 3
  resampling: learned
  dropout: 0.0
  checkpoint: false
denoiser:
  schedule:
    name: cosine
  prediction:
    name: v
  sigma_data: 0.9613
loss:
  weighting:
    name: v
  density:
    name: uniform
  draws:
    name: stratified
  coupling:
    name: independent
  error:
    name: squared
  label_dropout: 0.1
optimizer:
  name: muon
  lr: 0.003
  warmup_steps: 100
  decay:
    name: linear
  clip_norm: 1.0
ema:
  name: warm_up
  half_life: 500.0
  warmup: 0.1
posthoc:
  every: null
  sigma_rels:
  - 0.05
  - 0.1
train:
  batch: 32
  accumulate: 1
  steps: null
  minutes: 8.0
checkpoint:
  every: null
  minutes: 5.0
  keep: 2
log:
  every: 20
sampler:
  name: heun
  steps: 18
  grid:
    name: karras
  path: null
  noise_scale: 1.0
  score_scale: 1.0
guidance:
  name: classifier_free
  scale: 2.0
  rescale: 0.0
  interval: null
  threshold: null
  negative: null
  weaker: null
sample:
  'n': 16
  batch: 16
  label: null
  weights: ema
  sigma_rel: null
  every: null
  out: null
"""
"""An MNIST run of the time when a model could be conditioned on classes alone, and its key was loss.label_dropout."""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def test_it_is_read_with_what_the_keys_of_today_were_then(stored: Path) -> None:
    recipe = recipes.read(stored)
    assert (recipe.stage, recipe.latents, recipe.conditions, recipe.data.examples) == ("diffusion", None, {}, [])
    assert recipe.loss.condition_dropout == 0.1
    assert recipe.sample.prompt is recipe.sample.reference is recipe.sample.negative_prompt is None
    assert build.objective(recipe).own_dropout == {}
    recipes.save(recipe, stored)
    assert recipes.read(stored) == recipe


def test_its_network_has_the_weights_that_it_had(stored: Path) -> None:
    """Names, in their order, and number: what its checkpoint holds."""
    recipe = recipes.read(stored)
    network = build.network(recipe, build.modality(recipe))
    assert sum(p.numel() for p in network.parameters()) == 1235716
    groups = dict.fromkeys(name.partition(".")[0] for name in network.state_dict())
    assert list(groups) == ["condition", "unet"]


def test_the_same_command_still_continues_it(stored: Path) -> None:
    said = ["recipe=mnist", "data.path=data/mnist", "loss.label_dropout=0.1", "media.size=28", "network.width=32"]
    recipe = recipes.load(said)
    assert recipe.loss.condition_dropout == 0.1
    apart = recipes.difference(recipes.read(stored), recipe)
    assert not any(key.startswith(("conditions", "data.examples", "loss.condition", "sample")) for key in apart)
