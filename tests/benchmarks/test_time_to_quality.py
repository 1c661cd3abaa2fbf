"""Time to quality: ablations that are real recipes, peers within our size, and a training that goes on where it was."""

import importlib.util

import pytest
import torch
from torch import nn

from benchmarks import time_to_quality
from benchmarks.peers import _training
from benchmarks.peers._peer import Peer, Task, size, warmed, widest
from core import discover
from modalities import modality
from tools import build
from tools import recipe as recipes

OWN = {"mnist": {"v", "uniform_times"}, "fsdd": {"x0", "noisy_times"}, "moving_mnist": {"x0", "noisy_times"}}
"""Ablations that are what the recipe of a task says anyway."""


@pytest.mark.parametrize("task", time_to_quality.TASKS)
def test_an_ablation_that_changes_nothing_is_refused(task, tmp_path):
    own = set()
    for name in time_to_quality.ABLATIONS:
        words = [f"recipe={task}", *time_to_quality.ABLATIONS[name]]
        plain, ablated = recipes.load(words[:1]), recipes.load(words)
        if time_to_quality.same(plain, ablated, build.modality(plain)):
            own.add(name)
            with pytest.raises(ValueError, match=f"^ours-{name} changes nothing: recipe={task} has it so$"):
                time_to_quality.main([f"task={task}", f"data={tmp_path}", f"systems=ours-{name}", f"out={tmp_path}"])
    assert own == OWN[task]


def test_choices_of_sampling_are_taken_back_on_the_weights_of_ours():
    ours = recipes.load(["recipe=mnist"])
    alike = {
        name
        for name, words in time_to_quality.ABLATIONS.items()
        if time_to_quality.trained_alike(ours, recipes.load(["recipe=mnist", *words]))
    }
    assert alike == {"no_guidance", "ddim", "heun"}


def test_an_ablation_of_sampling_is_scored_without_a_second_training(monkeypatch, tmp_path):
    """Whatever is said of sampling reaches the drawing, and `ours` is trained once."""
    trained, drawn = [], []
    monkeypatch.setattr(
        time_to_quality._parts, "trained", lambda run, words: trained.append(words) or {"parameters": 1, "examples": 1}
    )
    monkeypatch.setattr(time_to_quality.checkpoint, "folders", lambda run: [run])
    monkeypatch.setattr(
        time_to_quality._parts, "overlaid", lambda folder, words: (recipes.load(["recipe=mnist"]), None)
    )
    monkeypatch.setattr(time_to_quality._parts, "samples", lambda folder, words: drawn.append((folder, words)))
    monkeypatch.setattr(time_to_quality._parts, "scores", lambda target, parts: {"n": len(drawn)})
    given = time_to_quality._parts.words(
        [f"out={tmp_path}", "data=x"], time_to_quality.OWN | time_to_quality.NUMBERS, needed=["data"]
    )
    for name in ("ours", "ours-no_guidance", "ours-adamw"):
        time_to_quality.ours(given, name, 3, None, None)
    assert [words[2] for words in trained] == ["seed=3", "seed=3"]
    assert [folder.parent.name for folder, _ in drawn] == ["ours-3", "ours-3", "ours-adamw-3"]
    assert ["guidance.scale=1" in words for _, words in drawn] == [False, True, False]
    assert (tmp_path / "mnist" / "ours-no_guidance-3" / "scores.json").is_file()


def test_the_peers_that_tasks_name_exist():
    peers = {name for systems in time_to_quality.TASKS.values() for name in systems} - {"ours"}
    assert peers == set(time_to_quality.LIBRARIES) == set(discover.names("benchmarks.peers"))


def test_a_library_that_is_absent_is_left_out_with_a_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(time_to_quality, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="none of the systems"):
        time_to_quality.main(["data=x", "systems=diffusers_unet", f"out={tmp_path}"])
    assert capsys.readouterr().out.startswith("diffusers_unet is left out: diffusers is not installed")


def test_the_widest_network_that_fits():
    assert size(widest(lambda width: nn.Linear(width, 1, bias=False), range(4, 100, 4), 50)) == 48
    assert size(widest(lambda width: nn.Linear(width, 1, bias=False), range(4, 100, 4), 1)) == 4


def test_the_average_of_diffusers():
    """1 - (1 + n)^(-3/4) at n = 15 is 1 - 1/8; it never passes beta."""
    average = warmed(0.9999, 0.75)
    assert average(15) == pytest.approx(0.875)
    assert average(10**9) == 0.9999
    assert [warmed(0.995, 2 / 3, start=10)(n) for n in (5, 10)] == [0, 0]


class Shift(nn.Module):
    """x0_hat = a constant picture."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(3, 8, 8))


def peer() -> Peer:
    network = Shift()
    return Peer(
        network,
        torch.optim.Adam(network.parameters(), lr=0.05),
        lambda x0, label: (x0 - network.mean).square().mean(),
        lambda averaged, label: averaged.mean.expand(len(label), -1, -1, -1),
        batch=8,
        conditional=True,
        sampling="none",
        accumulate=2,
        average=lambda n: 0.5,
    )


def test_a_peers_training_learns_goes_on_and_is_drawn_from(tmp_path):
    media = modality.load("image", size=8)
    source, path = media.source(None, "train"), tmp_path / "state.pt"
    first = _training.trained(peer(), media, source, path, seconds=0.01, seed=0)
    second = _training.trained(peer(), media, source, path, seconds=first["seconds"] + 0.5, seed=0)
    assert second["steps"] > first["steps"] > 0
    assert second["examples"] == 8 * second["steps"]
    assert second["seconds"] >= first["seconds"] + 0.4
    done = _training.trained(peer(), media, source, path, seconds=0.01, seed=0)
    assert done["steps"] == second["steps"]  # its time is used
    parts = list(_training.drawn(peer(), media, path, n=5, classes=3, batch=2, seed=0, precision="fp32"))
    assert torch.cat([part.labels for part in parts]).tolist() == [0, 1, 2, 0, 1]
    real = torch.cat([media.encode(media.prepare(batch, None)) for batch in some(source)])
    made = media.encode(torch.cat([part.media for part in parts])).mean(0)
    assert (made - real.mean(0)).abs().mean() < 0.97 * real.mean(0).abs().mean()


def some(source):
    from core.training.order import data_order
    from modalities.data.loader import batches

    draws = data_order(len(source), 64, seed=0)
    return [next(iter(batches(source, draws, workers=0)))]


@pytest.mark.parametrize(
    ("name", "event_shape"),
    [
        ("diffusers_unet", (1, 8, 8)),
        ("denoising_diffusion", (1, 8, 8)),
        ("denoising_diffusion_1d", (1, 32)),
        ("video_diffusion", (1, 2, 8, 8)),
    ],
)
def test_a_peer_of_a_library_trains_and_draws(name, event_shape):
    if importlib.util.find_spec(time_to_quality.LIBRARIES[name]) is None:
        pytest.skip(f"needs {time_to_quality.LIBRARIES[name]}")
    torch.manual_seed(0)
    made = discover.resolve("benchmarks.peers", name)(Task(event_shape, 3, 60_000, steps=2))
    x0, label = torch.rand(4, *event_shape) * 2 - 1, torch.tensor([0, 1, 2, 0])
    before = [p.detach().clone() for p in made.network.parameters()]
    _training.stepped(made, x0, label, _training.nullcontext)
    assert any(not torch.equal(a, b) for a, b in zip(before, made.network.parameters(), strict=True))
    with torch.inference_mode():
        drawn = made.sample(made.network, label)
    assert drawn.shape == x0.shape
    assert torch.isfinite(drawn).all()
    with pytest.raises(ValueError, match="is for"):
        discover.resolve("benchmarks.peers", name)(Task((1,), 3, 60_000))
