"""Objectives that recipes can name: each part reaches the training, and what they remember is in the checkpoint."""

from pathlib import Path

import pytest
import torch
import yaml

from core.discover import names
from core.training.distributed import World
from tests.tools.small import arguments, trained, weights
from tools import build, checkpoint
from tools import recipe as recipes
from tools.stages.diffusion import Diffusion

STATEFUL = [
    *("loss.weighting=uncertainty", "loss.weighting.channels=4", "loss.density=log_normal"),
    *("loss.draws=loss_aware", "loss.draws.bins=2", "loss.draws.history=2"),
    *("loss.coupling=optimal_transport", "loss.error=multi_scale", "loss.error.coarsest=4"),
]


def state_of(run: Path) -> dict[str, torch.Tensor]:
    folder = checkpoint.latest(run)
    assert folder
    return checkpoint.training_state(folder)[1]["objective"]


@pytest.mark.parametrize("kind", ["draws", "couplings", "errors", "densities", "weightings"])
def test_every_part_can_be_named(kind: str) -> None:
    key = {"densities": "density"}.get(kind, kind.removesuffix("s") if kind != "draws" else kind)
    for name in names(f"core.{kind}"):
        loss = recipes.load(["modality=image", f"loss.{key}={name}"]).loss
        assert getattr(loss, key)["name"] == name


def test_the_parts_reach_the_objective(tmp_path: Path) -> None:
    recipe = recipes.load(arguments(tmp_path, *STATEFUL, "denoiser.sigma_data=0.7"))
    objective = build.objective(recipe)
    assert set(objective.modules) == {"weighting", "draws"}
    assert objective.weighting.base.sigma_data == 0.7  # type: ignore[attr-defined]
    assert objective.error.coarsest == 4  # type: ignore[attr-defined]
    assert objective.coupling.__name__ == "optimal_transport"  # type: ignore[attr-defined]


def test_what_an_objective_remembers_survives_an_interruption(tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    trained(straight, *STATEFUL, steps=5)
    trained(broken, *STATEFUL, steps=2)
    trained(broken, *STATEFUL, steps=5)
    a, b = weights(straight), weights(broken)
    assert all(torch.equal(a[key], b[key]) for key in a)
    states = [state_of(run) for run in (straight, broken)]
    assert states[0]["draws.seen"].sum() == 5 * 4  # steps of four examples
    assert states[0]["weighting.gain"].abs().max() > 0
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_runs_from_before_these_keys_are_read_as_what_they_were(tmp_path: Path) -> None:
    recipe = recipes.load(["modality=image"])
    path = tmp_path / "recipe.yaml"
    recipes.save(recipe, path)
    tree = yaml.safe_load(path.read_text())
    for key in ("draws", "coupling", "error"):
        del tree["loss"][key]
    path.write_text(yaml.safe_dump(tree))
    assert recipes.read(path) == recipe


def test_a_checkpoint_without_an_objective_still_loads(tmp_path: Path) -> None:
    trained(tmp_path, steps=1)
    folder = checkpoint.latest(tmp_path)
    assert folder
    state = torch.load(folder / "training.pt", weights_only=True)
    assert not state.pop("objective")
    torch.save(state, folder / "training.pt")
    recipe = recipes.read(tmp_path / "recipe.yaml")
    training = Diffusion(recipe, build.modality(recipe), World(0, 1, torch.device("cpu")))
    training.load(folder)
    assert training.counters.step == 1
