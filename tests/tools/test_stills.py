"""Joint training on clips and still images."""

from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from core.training.distributed import World
from tests.tools.small import arguments, trained
from tools import recipe as recipes
from tools.stills import mixed

ALONE = World(0, 1, torch.device("cpu"))


def recipe(tmp_path: Path, *more: str) -> recipes.Recipe:
    return recipes.load(arguments(tmp_path / "run", "data.stills=0.5", *more, modality="video"))


def test_heaps_are_the_clips_own_frames_out_of_order(tmp_path):
    x0 = torch.arange(4.0 * 4).reshape(4, 1, 4, 1, 1).expand(4, 3, 4, 16, 16)  # every frame has a value of its own
    fed = iter([(x0, {"label": torch.tensor([0, 1, 2, 3])})])
    out, cond = next(mixed(fed, recipe(tmp_path), ALONE, 7))
    assert cond is not None
    assert torch.equal(out[:2], x0[:2])
    assert cond["stills"].tolist() == [False, False, True, True]
    assert cond["label"].tolist() == [0, 1, -1, -1]
    values = out[2:, 0, :, 0, 0].flatten().tolist()
    assert len(set(values)) == 8
    assert set(values) < set(range(16))
    again, _ = next(mixed(iter([(x0, None)]), recipe(tmp_path), ALONE, 7))
    assert torch.equal(out, again)


def test_images_of_a_folder_fill_the_heaps(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(8):
        Image.fromarray(numpy.full((20, 24, 3), 30 * i, dtype=numpy.uint8)).save(folder / f"{i}.png")
    fed = iter([(torch.zeros(4, 3, 4, 16, 16), None)])
    out, cond = next(mixed(fed, recipe(tmp_path, f"data.stills_path={folder}"), ALONE, 0))
    assert cond is not None
    assert "label" not in cond
    greys = ((out[2:, 0, :, 5, 5] + 1) * 127.5).round().flatten().tolist()
    assert sorted(greys) == [30 * i for i in range(8)]


def test_training_on_both_runs_and_leaves_a_video_model(tmp_path):
    assert trained(tmp_path / "run", "data.stills=0.25", modality="video") == 0
    assert list((tmp_path / "run" / "samples").rglob("sheet.mp4"))


@pytest.mark.parametrize(
    ("modality", "words", "expected"),
    [
        ("image", ["data.stills=0.5"], "modality=video"),
        ("video", ["data.stills=1.0"], "no clip"),
        ("video", ["data.stills=0.5", "network.temporal_patch=2"], "see each other"),
    ],
)
def test_impossible_mixtures_are_refused(tmp_path, capsys, modality, words, expected):
    assert trained(tmp_path / "run", *words, modality=modality) == 2
    assert expected in capsys.readouterr().err
