"""The README tells the truth: its program runs, its commands are accepted, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import torch

from tools import recipe as recipes

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_core_as_a_library_in_20_lines() -> None:
    (program,) = blocks("python")
    assert len([line for line in program.splitlines() if line]) <= 20
    torch.manual_seed(0)
    names: dict[str, torch.Tensor] = {}
    exec(compile(program, "README.md", "exec"), names)
    traces = names["x"]
    assert traces.shape == (1000, 64)
    cycles = torch.exp(2j * torch.pi * torch.linspace(0, 2, 64))  # the data: two cycles of a sine of amplitude 1
    amplitude = (traces * cycles).mean(1) / 0.5
    phase = (cycles[None] * amplitude.conj()[:, None]).real
    assert (traces - phase).square().mean() < 0.02  # the data's variance is 0.5
    assert abs(amplitude.abs().mean() - 1) < 0.1
    assert (amplitude / amplitude.abs()).mean().abs() < 0.15  # every phase as often as any other


def test_the_commands_are_accepted(tmp_path: Path) -> None:
    commands = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    train = [command[2:] for command in commands if command[:2] == ["trifuse", "train"]]
    sample = [command[2:] for command in commands if command[:2] == ["trifuse", "sample"]]
    assert len(train) == 10
    assert len(sample) == 5
    trained: dict[str, recipes.Recipe] = {}
    for argv in train:
        if start := recipes.argument(argv, "start"):  # a run of an earlier line
            stored = tmp_path / start
            stored.mkdir(parents=True)
            recipes.save(trained[start], stored / "recipe.yaml")
            argv = [word.replace(f"start={start}", f"start={stored}") for word in argv]
        recipe = recipes.load(argv)
        trained[recipe.run] = recipe
    assert {recipe.modality for recipe in trained.values()} == {"image", "audio", "video"}
    for argv in sample:
        recipes.overlay(trained[recipes.argument(argv, "run") or ""], argv)


def test_the_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README + (ROOT / "CONTRIBUTING.md").read_text()):
        assert "//" in link or (ROOT / link).exists(), link


def test_it_opens_with_the_two_commands() -> None:
    opening = README.split("\n## ")[0]
    assert opening.index("make demo") < opening.index("make test")
