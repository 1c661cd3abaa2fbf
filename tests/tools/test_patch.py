"""The patch that a recipe leaves open: enough positions, no more numbers in one than channels, and decided once."""

import pytest
import torch

from tests.tools.small import arguments, trained
from tools import patch, train
from tools import recipe as recipes

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("event_shape", "cpu", "gpu"),
    [
        ((3, 64, 64), 4, 1),
        ((3, 32, 32), 2, 1),
        ((1, 28, 28), 1, 1),
        ((3, 256, 256), 4, 4),  # 8 x 8 x 3 numbers would not fit through 64 channels
        ((1, 256, 256), 8, 4),
        ((2, 64, 128), 4, 1),
        ((3, 16, 32, 32), 4, 1),
        ((3, 16, 64, 64), 4, 2),
        ((1, 8192), 16, 16),
        ((1, 4096), 8, 8),
        ((2, 480000), 16, 16),
        ((4, 7, 7), 1, 1),
        ((16, 128), 1, 1),
    ],
)
def test_as_many_as_size_and_machine_ask_for(event_shape, cpu, gpu):
    assert patch.fitting(event_shape, 64, CPU) == cpu
    assert patch.fitting(event_shape, 64, GPU) == gpu


def test_a_narrow_network_folds_less():
    assert patch.fitting((3, 64, 64), 16, CPU) == 2
    assert patch.fitting((3, 64, 64), 8, CPU) == 1


def test_it_is_written_into_the_run_and_stays(tmp_path):
    run, words = tmp_path / "run", ["network.patch=null", "media.size=32"]
    assert recipes.load(arguments(run, *words)).network["patch"] is None
    assert trained(run, *words, steps=1) == 0
    assert recipes.read(run / "recipe.yaml").network["patch"] == 1  # a width of 8 holds no 12 numbers
    assert train.main(arguments(run, *words, steps=2)) == 0
    assert train.main(arguments(run, *words, "network.patch=2", steps=3)) == 2
