"""The guide tells the truth: its links and pictures are there, its commands exist, its trainings are accepted."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import recipe as recipes

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "docs" / "guide.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]


def commands(page: Path) -> list[list[str]]:
    """Every line of a page's blocks that runs one of our programs: `[program, argument, ...]`."""
    lines = re.findall(r"^(?:    )?((?:python|trifuse) .*)$", page.read_text(), flags=re.MULTILINE)
    split = [shlex.split(line, comments=True) for line in lines]
    own = [words[1:] if words[0] == "python" else [f"tools/{words[1]}.py", *words[2:]] for words in split]
    return [words for words in own if words[0].endswith(".py")]


def trainings(page: Path) -> list[list[str]]:
    """The arguments of every training on a page, but of those whose frozen encoder would be downloaded."""
    trained = [argv for program, *argv in commands(page) if program == "tools/train.py"]
    return [argv for argv in trained if not any(".encoder=" in word for word in argv)]


@pytest.fixture
def there(tmp_path: Path) -> Callable[[list[str]], list[str]]:
    """A training with the run that it starts from, one of pictures, where this test may write."""

    def stored(argv: list[str]) -> list[str]:
        run = tmp_path / "pictures"
        run.mkdir(exist_ok=True)
        recipes.save(recipes.load(["modality=image", "data.path=PATH/mnist"]), run / "recipe.yaml")
        return [f"start={run}" if word.startswith("start=") else word for word in argv]

    return stored


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_pictures_are_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert "//" in link or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_names_a_program(page: Path) -> None:
    for program, *_ in commands(page):
        assert (ROOT / program).is_file(), program


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_training_is_accepted(page: Path, there: Callable[[list[str]], list[str]]) -> None:
    for argv in trainings(page):
        assert recipes.load(there(argv)).run


def test_the_guide_has_trainings_of_every_stage(there: Callable[[list[str]], list[str]]) -> None:
    trained = [recipes.load(there(argv)) for page in PAGES for argv in trainings(page)]
    assert {recipe.stage for recipe in trained} == {"diffusion", "autoencoder", "gan"}
    assert {recipe.modality for recipe in trained} == {"image", "audio", "video"}
