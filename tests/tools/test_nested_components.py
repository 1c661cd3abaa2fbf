"""A recipe names a component inside a component, on the command line and in a stored file."""

import pytest

from core.schedules.cosine import Cosine
from core.schedules.shifted import Shifted
from core.schedules.zero_terminal import ZeroTerminal
from tools import build, recipe

SHIFTED = ["modality=image", "denoiser.schedule=shifted", "denoiser.schedule.factor=2"]


@pytest.mark.parametrize(
    ("words", "want"),
    [
        ([*SHIFTED, "denoiser.schedule.base=cosine"], Shifted(Cosine(), 2.0)),
        (
            [*SHIFTED, "denoiser.schedule.base=cosine", "denoiser.schedule.base.offset=0.1"],
            Shifted(Cosine(offset=0.1), 2.0),
        ),
        (["modality=image", "denoiser.schedule=zero_terminal"], ZeroTerminal()),
    ],
    ids=["by name", "with options", "by default"],
)
def test_the_inner_component_is_built_and_survives_the_file(words, want, tmp_path):
    chosen = recipe.load(words)
    assert build.schedule(chosen) == want
    recipe.save(chosen, tmp_path / "recipe.yaml")
    assert build.schedule(recipe.read(tmp_path / "recipe.yaml")) == want


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("denoiser.schedule.base=cosin", "unknown schedule 'cosin' (did you mean 'cosine'?); choose one of "),
        ("denoiser.schedule.base=[1]", "denoiser.schedule.base must be a name, got [1]"),
        ("denoiser.schedule.bse=cosine", "unknown key denoiser.schedule.bse: did you mean denoiser.schedule.base?"),
    ],
)
def test_a_mistake_in_it_is_one_line(word, line):
    with pytest.raises(ValueError) as caught:
        recipe.load([*SHIFTED, word])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
